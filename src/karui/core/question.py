"""Questions, their verifiers, and the task that holds them together."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Protocol

from karui.core.prompt import Prompt


class Verifier(Protocol):
    """Reads a canonical answer out of a model's text, and compares one with a reference.

    Canonical answers are what votes compare: two texts that mean the same answer should read as the
    same string wherever that can be decided cheaply. `verify` may be more generous than equality.

    `read` is called on event loops: it takes time in proportion to the text and waits for nothing. `verify`
    may block for seconds while another process compares: who runs on an event loop hands it to a thread.
    """

    @property
    def spec(self) -> str:
        """How a questions file names this verifier, e.g. `numeric:0.01`."""

    def read(self, text: str) -> str | None:
        """Returns the canonical answer in `text` (what follows the thinking), None where there is none."""

    def verify(self, reference: str, answer: str) -> bool:
        """Returns whether a canonical answer is right. Never raises for a strange answer."""


@dataclass(frozen=True, slots=True)
class Question:
    """One thing to solve. Only verifiers see `reference`; techniques never do.

    Attributes:
        id: Unique within its task and stable between runs.
        text: What the user asks, as plain text.
        reference: The right answer as text; empty where the task compares with the full model itself.
        verifier: Reads answers and judges them.
        kind: A label to break results down by; empty if the task has no kinds.
        meta: What a source needs to recreate or verify the question (JSON-able).
        system: What the system message says; none where empty.
        history: The turns before the question, oldest first: role (user or assistant) and text.
        thoughts: The thinking of those turns, one for each; empty where none is known.
        group: What it shares with others (a customer, a document, a template): they are one piece of evidence
            together; empty where it stands for itself.
        parameters: Tools, response format and stop words, as `Prompt.parameters` has them.
    """

    id: str
    text: str
    reference: str
    verifier: Verifier
    kind: str = ""
    meta: Mapping[str, Any] = field(default_factory=dict)
    system: str = ""
    history: tuple[tuple[str, str], ...] = ()
    thoughts: tuple[str, ...] = ()
    group: str = ""
    parameters: str = ""

    def prompt(self, instruction: str = "") -> Prompt:
        """Returns what a model is asked: the question, below it the instruction, and what came before."""
        user = f"{self.text}\n\n{instruction}" if instruction else self.text
        return Prompt(
            user, self.system, history=self.history, thoughts=self.thoughts, parameters=self.parameters
        )


@dataclass(frozen=True, slots=True)
class Task:
    r"""A set of questions.

    Attributes:
        name: How the command line names it.
        questions: In a fixed order; ids are unique.
        instruction: Appended to every question so that the answer can be found, e.g. "Put your final
            answer in \boxed{}."; part of what is asked and so of the digest.
        agreement: True when references are the full model's own majority answers: results then say
            "agreement with the full model", never "accuracy".
        private: Whether they come from a file that only its owner may read: so is what is written of them.
    """

    name: str
    questions: tuple[Question, ...]
    instruction: str = ""
    agreement: bool = False
    private: bool = False

    @property
    def digest(self) -> str:
        """Digest of everything that decides what is asked and what counts as right."""
        sink = sha256(repr((self.instruction, self.agreement)).encode())
        for q in self.questions:
            around: tuple[object, ...] = (q.system, q.history) if q.system or q.history else ()
            around += (q.thoughts,) if q.thoughts else ()
            around += ("group", q.group) if q.group else ()
            around += ("parameters", q.parameters) if q.parameters else ()
            sink.update(repr((q.id, q.text, q.reference, q.kind, q.verifier.spec, *around)).encode())
        return sink.hexdigest()[:16]

    def prompt(self, question: Question) -> Prompt:
        """Returns what a model is asked: one of the questions, with the task's instruction."""
        return question.prompt(self.instruction)
