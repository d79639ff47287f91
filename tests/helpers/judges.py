"""Recordings of answers that no rule can check, and judges of known habits for them.

Answers end in a mark of how good they are ("… worth 7"), which a made-up judge reads. `person` labels by
the same mark.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from random import Random

from karui.core.ability import Ability
from karui.core.errors import EngineError
from karui.core.prompt import Prompt
from karui.core.recording import Recording
from karui.core.trace import NO_SIGNALS
from karui.recording.judging.model import Reply
from karui.testing.synthetic import synthetic

_FENCED = re.compile(r"<<<ANSWER ([AB]) (\w+)\n(.*?)\n\2 ANSWER \1>>>", re.DOTALL)
_KEY = re.compile(r"^(\w+) (?:A|GOOD)$", re.MULTILINE)
STYLE = ({"technique": "chain-of-draft"},)


def worth(answer: str | None) -> int:
    """Returns how good an answer is."""
    found = re.search(r"worth (-?\d+)$", answer or "")
    return int(found[1]) if found else -100


def written(
    questions: int,
    samples: int = 2,
    *,
    seed: int = 0,
    style: tuple = (),
    worse: float = 0.0,
    shorter: float = 1.0,
    mode: str = "pairwise",
    bad: Callable[[int], bool] = lambda number: False,
) -> Recording:
    """Returns a recording of replies to customers.

    Args:
        questions: How many.
        samples: Traces of each.
        seed: Of everything drawn.
        style: Techniques it was made with.
        worse: By how much its replies are worth less, on average.
        shorter: What its replies and thinking are of full ones.
        mode: How they are judged.
        bad: Of which questions its replies are worth nothing.
    """
    made = synthetic(questions, samples, truncated=0.0, text=True)
    rng, asked = Random(f"{seed} {style}"), []
    for number, question in enumerate(made.questions):
        traces = []
        for trace in question.traces:
            value = round(rng.gauss(50 - worse, 10))
            value = -50 if bad(number) else value
            words = "We are sorry and will send it again. " * max(1, round(3 * shorter))
            answer = f"Dear customer {number}, {words}This reply is worth {value}"
            thought = max(1, round(trace.thinking_tokens * shorter))
            usage = replace(trace.usage, thinking=thought)
            traces.append(
                replace(
                    trace,
                    answer=answer,
                    text=answer,
                    thinking_tokens=thought,
                    usage=usage,
                    checkpoints=(),
                    signals=NO_SIGNALS,
                    time=thought + trace.answer_tokens,
                )
            )
        prompt = Prompt(f"Customer {number} wrote: where is order {number * 7919 % 10007}? Letter {number}.")
        asked.append(
            replace(question, reference="", prompt=prompt, traces=tuple(traces), verdicts={}, kind="")
        )
    manifest = replace(made.manifest, verifier=f"judge:{mode}", style=style, samples=samples, task="letters")
    manifest = replace(manifest, abilities=frozenset({Ability.TEXT}))
    return replace(made, manifest=manifest, questions=tuple(asked))


@dataclass
class MadeUpJudge:
    """A judge that reads what answers are worth.

    Attributes:
        name: Its name.
        wrong: Share of its verdicts that it tosses a coin for.
        first: Share of its verdicts that it gives to whatever stands first.
        say: Makes its reply of the word and the key; the default is as asked.
        fails: Whether it fails.
        asked: What it was shown.
    """

    name: str = "made-up"
    wrong: float = 0.0
    first: float = 0.0
    say: Callable[[str, str], str] = lambda word, key: f"Let me see.\n{key} {word}"
    fails: bool = False
    asked: list[str] = field(default_factory=list)

    async def ask(self, text: str, *, seed: int, temperature: float) -> Reply:
        """Returns its answer."""
        if self.fails:
            raise EngineError("It is down.")
        self.asked.append(text)
        answers = {name: worth(said) for name, _, said in _FENCED.findall(text)}
        key = _KEY.search(text)[1]
        rng = Random(f"{answers} {seed}")
        if "B" not in answers:
            word = "GOOD" if answers["A"] >= 45 else "BAD"
        else:
            gap = answers["A"] - answers["B"]
            word = "SAME" if abs(gap) < 4 else "A" if gap > 0 else "B"
            if rng.random() < self.wrong:
                word = rng.choice(["A", "B", "SAME"])
            if rng.random() < self.first:
                word = "A"
        return Reply(self.say(word, key), len(text) // 4, 6)

    async def close(self) -> None:
        """Does nothing."""


def person(full: str | None, plan: str | None) -> float:
    """Returns what somebody says who reads what answers are worth: 1 where full thinking's is better."""
    gap = worth(full) - worth(plan)
    return 0.0 if abs(gap) < 4 else 1.0 if gap > 0 else -1.0
