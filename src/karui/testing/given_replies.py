"""What every engine that can continue a text has to hold: a reply it wrote itself, retold, is tried alike.

from karui.testing.given_replies import check_retelling

async def test_mine():
    await check_retelling(engine, asks, read)
"""

from collections.abc import Sequence
from dataclasses import dataclass

from karui.core.ability import Ability
from karui.core.engine import AcceptsGivenReplies, Engine, GivenReply, Reader
from karui.core.request import Request
from karui.core.trace import End, Trace, Trial


@dataclass(frozen=True, slots=True)
class Followed:
    """A stream that was tried at every checkpoint.

    Attributes:
        trace: What it came to.
        places: Tokens at each checkpoint, and characters of the thinking.
        trials: What was answered there.
        generated: What `stop` returned.
    """

    trace: Trace
    places: list[tuple[int, int]]
    trials: list[Trial]
    generated: int


async def check_given_replies(
    engine: Engine, asks: Sequence[Request], read: Reader, *, exact: bool = True
) -> None:
    """Checks that retelling puts checkpoints and trials where thinking itself has them.

    Args:
        engine: Both thinks and retells.
        asks: What it is asked; greedy, if its draws cannot be repeated.
        read: Reads answers.
        exact: Whether a text has one tokenization only, so that all counts are the same.

    Raises:
        AssertionError: Says what does not hold.
    """
    assert isinstance(engine, AcceptsGivenReplies), f"The engine of {engine.card.name} has no `open_given`."
    assert Ability.TRIALS in engine.abilities
    for ask in asks:
        own = await _follow(engine.open(ask, 0, read), engine)
        told = GivenReply(own.trace.thinking, own.trace.text, closed=own.trace.end is End.FINISHED)
        outlined = engine.open_given(ask, 0, told, read)
        outline = await outlined.outline()
        assert outlined.stop() == 0, "An outline generates tokens."
        again = await _follow(engine.open_given(ask, 0, told, read), engine)
        where = f"{engine.card.name} on {ask.question!r}"
        assert list(outline.places) == again.places, f"{where}: it stops elsewhere than it said."
        assert again.trace.thinking == own.trace.thinking, f"{where}: it retells another text."
        assert (again.trace.answer, again.trace.text) == (own.trace.answer, own.trace.text)
        assert again.generated == sum(t.tokens for t in again.trials), (
            f"{where}: more than trials was generated."
        )
        spent = again.trace.usage
        assert (spent.thinking, spent.answer) == (again.trace.thinking_tokens, again.trace.answer_tokens)
        assert (outline.thinking, outline.answer) == (spent.thinking, spent.answer)
        if exact:
            tokens = [tokens for tokens, _ in own.places]
            assert tokens == [tokens for tokens, _ in again.places], f"{where}: other checkpoints: {tokens}"
            assert [t.answer for t in own.trials] == [t.answer for t in again.trials], (
                f"{where}: other answers."
            )
            assert own.trace.thinking_tokens == outline.thinking, f"{where}: it counts the text otherwise."


async def _follow(stream: object, engine: Engine) -> Followed:
    places: list[tuple[int, int]] = []
    trials: list[Trial] = []
    chars = 0
    try:
        while not isinstance(step := await stream.advance(), Trace):  # type: ignore[attr-defined]
            chars += len(step.text)
            places.append((step.tokens, chars))
            trial = await stream.trial()  # type: ignore[attr-defined]
            assert (trial.peek is not None) == (Ability.PEEKS in engine.abilities), "A trial lacks its peek."
            trials.append(trial)
    finally:
        generated = stream.stop()  # type: ignore[attr-defined]
    return Followed(step, places, trials, generated)
