"""A pilot question as a technique that learns is shown it, with what each model replied to it."""

from collections.abc import Mapping
from dataclasses import dataclass

from karui.core.prompt import Prompt
from karui.core.trace import Reply


@dataclass(frozen=True, slots=True)
class Attempt:
    """One reply of a model to a question.

    Attributes:
        reply: The reply.
        right: Whether its answer was right; the answer that is right is nowhere here.
        tokens: Everything generated for it.
    """

    reply: Reply
    right: bool
    tokens: int


@dataclass(frozen=True, slots=True)
class Lesson:
    """A pilot question and its attempts.

    Attributes:
        question: The question's id.
        prompt: What the main model was shown.
        attempts: By the names that asks use; "main" at least. One or more each.
    """

    question: str
    prompt: Prompt
    attempts: Mapping[str, tuple[Attempt, ...]]


@dataclass(frozen=True, slots=True)
class Lessons:
    """What is learned from.

    Attributes:
        questions: Pilot questions; none of them is ever tested on.
        rates: What a token of each model costs, that of the main one being 1.
    """

    questions: tuple[Lesson, ...]
    rates: Mapping[str, float]
