"""Questions of reasoning-gym by name: `gym:chain_sum`, `gym:chain_sum?min_terms=3&size=200&seed=7`."""

from karui.core.errors import QuestionsError
from karui.core.question import Question
from karui.tasks.gym_set import GymSet
from karui.tasks.verifiers.gym import Gym


def load_gym(items: GymSet) -> tuple[Question, ...]:
    """Returns `items.size` different questions of one data set; items that repeat a question are left out.

    Where a data set repeats itself more are generated; the ids tell the item, so they may skip numbers.

    Raises:
        InputError: reasoning-gym is not installed, it refuses the settings, or an item takes too long.
        UnknownName: It has no such data set.
        QuestionsError: The data set has fewer different questions than asked for, or items without an answer.
    """
    # Twice as many items leave room for repeats; the ids stay the same as long as seed and size do.
    pool = GymSet(items.name, items.params, items.seed, 2 * items.size)
    seen: set[str] = set()
    questions: list[Question] = []
    for index in range(pool.size):
        entry = pool.entry(index)
        text, answer = str(entry["question"]).strip(), entry["answer"]
        if text in seen or answer is None or not answer.strip():
            continue
        seen.add(text)
        meta = {"dataset": items.name, "index": index, "seed": items.seed}
        name = f"{items.name}-{items.seed}-{index}"
        questions.append(Question(name, text, answer, Gym(pool, index), items.name, meta))
        if len(questions) == items.size:
            return tuple(questions)
    raise QuestionsError(
        f"gym:{items.name} has only {len(questions)} different questions with a reference answer.",
        remedy=f"Ask for size={len(questions)} or less, or widen the settings."
        if questions
        else "Take another data set.",
    )
