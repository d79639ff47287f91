"""A mode of a model: the same engine, asked in another prompt style."""

from dataclasses import dataclass
from typing import Any

from karui.core.engine import Engine, Reader, Stream
from karui.core.plan import Plan
from karui.core.request import Request


@dataclass(frozen=True)
class StyledEngine:
    """An engine that rewrites every ask before another one opens it: no thinking, say, or a level of effort.

    Everything else (card, abilities, checkpoints, the server's name) is the other engine's.

    Attributes:
        engine: What generates.
        style: Whose techniques rewrite.
    """

    engine: Engine
    style: Plan

    def open(self, ask: Request, sample: int, read: Reader) -> Stream:
        """Opens the other engine's stream of the rewritten ask."""
        return self.engine.open(self.style.rewrite(ask), sample, read)

    def __getattr__(self, name: str) -> Any:
        """Returns what the other engine has."""
        return getattr(self.engine, name)


def styled(engine: Engine, style: Plan) -> Engine:
    """Returns the engine in a style; itself where the style rewrites nothing.

    Raises:
        PlanError: It lacks an ability that the style needs.
    """
    if not any(t.changes("rewrite") for t in style.techniques):
        return engine
    style.check(engine.abilities, f"the engine of {engine.card.name}")
    return StyledEngine(engine, style)
