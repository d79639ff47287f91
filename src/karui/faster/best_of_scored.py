"""Best of scored: takes the answer that a scorer of one's own likes best."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import module_from_spec, spec_from_file_location
from math import isnan
from pathlib import Path
from typing import ClassVar, TypeAlias

from karui.core.errors import InputError, PlanError, UnknownName
from karui.core.flow.flow_tree import Flow
from karui.core.request import Gather, Request
from karui.core.technique import Family, Technique, knob, require
from karui.core.trace import Reply
from karui.permission import ensure_allowed

Scorer: TypeAlias = Callable[[str, str], float]


@dataclass(frozen=True)
class BestOfScored(Technique):
    """Runs k traces and takes the answer to which your own function gives the highest score.

    Trades away k whole traces and the scorer's time, which is on no bill of karui's; a scorer that can be
    fooled will be, more often the larger k is. Not with a function that knows the references: then it
    measures nothing. The function gets the question as the model was asked it and the text after the
    thinking, and returns a number; equal pairs are scored once a process. Changing the function's file does
    not change the plan's id.

    Confidence is the chosen answer's own.

    Best-of-n by a verifier is Cobbe et al., "Training Verifiers to Solve Math Word Problems", arXiv
    2110.14168.
    """

    family: ClassVar[Family] = Family.FASTER
    slot: ClassVar[str] = "vote"

    scorer: str = knob(help="path/to/file.py:function, with function(question_text, answer_text) -> float.")
    k: int = knob(8, low=2, high=64, log=True, of_recorded=True, help="Traces.")

    def __post_init__(self) -> None:
        require(self.k >= 1, self, "k must be at least 1")
        load(self.scorer)  # a missing scorer is refused before a token is spent

    @property
    def traces(self) -> int:
        return self.k

    def flow(self, ask: Request) -> Flow:
        replies = yield Gather((ask,) * self.k)
        assert isinstance(replies, list)
        best, most = None, 0.0
        for reply in replies:
            if reply.answer is not None:
                text = reply.trace.text if reply.trace else reply.answer
                score = _score(self.scorer, ask.prompt.user, text)
                if best is None or score > most:
                    best, most = reply, score
        return best or Reply(None, 0.0)


@lru_cache(maxsize=64)
def load(scorer: str) -> Scorer:
    """Returns the function that `path/to/file.py:function` names.

    Raises:
        InputError: There is no such file or function, or the file cannot be imported.
    """
    path, _, function = scorer.rpartition(":")
    if not path or not Path(path).is_file():
        raise InputError(
            f"The scorer {scorer!r} is not a function in an existing file.",
            remedy="Name it as path/to/file.py:function.",
        )
    ensure_allowed(Path(path), "scorer")
    spec = spec_from_file_location(f"karui_scorer_{Path(path).stem}", path)
    if spec is None or spec.loader is None:
        raise InputError(
            f"The scorer's file {path} is not a Python file.", remedy="Its name has to end in .py."
        )
    module = module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise InputError(f"The scorer's file {path} cannot be imported.", why=repr(error)) from error
    found = getattr(module, function, None)
    if not callable(found):
        raise UnknownName(f"function in {path}", function, [n for n in vars(module) if not n.startswith("_")])
    made: Scorer = found
    return made


@lru_cache(maxsize=1 << 16)
def _score(scorer: str, question: str, answer: str) -> float:
    try:
        score = float(load(scorer)(question, answer))
    except Exception as error:
        raise PlanError(
            f"The scorer {scorer} failed.", why=repr(error), remedy=f"It was asked about {answer[:80]!r}."
        ) from error
    if isnan(score):
        raise PlanError(f"The scorer {scorer} returned no number.", remedy=f"Asked about {answer[:80]!r}.")
    return score
