"""Sealed questions: a commitment that is published, and questions that are opened when they are asked for.

The supplier draws a salt for each question and publishes the SHA-256 of salt and question, and one root over
all. Nobody learns a question from it, and no question can be exchanged later. The buyer names a seed that the
supplier did not know; it decides which questions are opened. Each is checked against its digest.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from secrets import token_hex
from typing import Any

from karui.codec.disk import reading, writing
from karui.core.errors import InputError, QuestionsError

_SALT_BYTES = 16
_DIGEST = re.compile(r"[0-9a-f]{64}")
COMMITMENT, OPENING = "commitment.json", "opening.json"
"""What is published, and what stays with the supplier."""


@dataclass(frozen=True, slots=True)
class Opening:
    """One question with what proves it.

    Attributes:
        salt: As hexadecimal digits.
        question: The row of the questions file.
    """

    salt: str
    question: Mapping[str, Any]

    @property
    def digest(self) -> str:
        """What was published of it."""
        row = json.dumps(dict(self.question), sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        return sha256(f"{self.salt}\n{row}".encode("utf-8", "surrogatepass")).hexdigest()


def seal(questions: Sequence[Mapping[str, Any]]) -> list[Opening]:
    """Returns the questions, each with a salt of its own, in the order of their digests: it says nothing.

    Raises:
        QuestionsError: There is none.
    """
    if not questions:
        raise QuestionsError("There is no question to seal.")
    return sorted((Opening(token_hex(_SALT_BYTES), q) for q in questions), key=lambda o: o.digest)


def root(digests: Sequence[str]) -> str:
    """Returns the root over the digests of all sealed questions."""
    return sha256("\n".join(sorted(digests)).encode()).hexdigest()


def drawn(digests: Sequence[str], count: int, seed: str) -> list[str]:
    """Returns the digests that a seed draws: those whose own SHA-256 with the seed is lowest.

    Raises:
        InputError: So many are not sealed, or the seed is empty.
    """
    if not 0 < count <= len(digests):
        raise InputError(f"{count} questions are asked for; {len(digests)} are sealed.")
    if not seed:
        raise InputError("A seed is needed.", remedy="Name a word that the supplier could not know: --seed.")
    return sorted(digests, key=lambda d: sha256(f"{seed}\n{d}".encode()).hexdigest())[:count]


def check(opened: Sequence[Opening], digests: Sequence[str], sealed_root: str, seed: str) -> None:
    """Refuses questions that are not those that were sealed and drawn.

    Args:
        opened: What the supplier opened.
        digests: Of the commitment, each a SHA-256 and none twice (`read_commitment`): else two digests
            written as one would have the same root, and neither could be drawn.
        sealed_root: The root in the passport.
        seed: The buyer's.

    Raises:
        QuestionsError: The commitment is not that of the passport, or a question was exchanged, added or left
            out, or was sealed several times.
    """
    if root(digests) != sealed_root:
        raise QuestionsError(
            "The commitment is not the one in the passport.",
            why=f"Its root is {root(digests)[:16]}…, the passport names {sealed_root[:16]}…",
        )
    if again := len(opened) - len({_asks(o.question) for o in opened}):
        raise QuestionsError(
            f"Of {len(opened)} opened questions {again} ask the same as another one.",
            why="A question that is sealed several times is one piece of evidence.",
            remedy="Ask the supplier to seal questions that differ.",
        )
    wanted = set(drawn(digests, len(opened), seed))
    for number, each in enumerate(opened, 1):
        if each.digest not in digests:
            raise QuestionsError(f"Opened question {number} is not one of those that were sealed.")
    if {o.digest for o in opened} != wanted:
        raise QuestionsError(
            "The opened questions are not those that the seed draws.",
            remedy=f"Ask for the questions of the seed {seed!r} again.",
        )


def _asks(question: Mapping[str, Any]) -> str:
    """Returns what a row asks, by which it is known again: blanks, case and its id aside."""
    shown = {k: v for k, v in question.items() if k in {"question", "messages", "system"}}
    asked = shown or {k: v for k, v in question.items() if k != "id"}
    return "".join(json.dumps(asked, sort_keys=True, ensure_ascii=False).casefold().split())


def write_seal(openings: Sequence[Opening], folder: Path) -> tuple[Path, Path]:
    """Writes what is published and what stays secret; the latter for its owner alone.

    Raises:
        InputError: One is there already: another seal would replace what was promised.
        StorageError: They cannot be written.
    """
    public, secret = folder / COMMITMENT, folder / OPENING
    for path in (public, secret):
        if path.exists():
            raise InputError(f"{path} is there already.", remedy="Name another folder.")
    digests = [o.digest for o in openings]
    with writing(public):
        folder.mkdir(parents=True, exist_ok=True)
        public.write_text(json.dumps({"root": root(digests), "digests": digests}, indent=1) + "\n")
    with writing(secret):
        secret.touch(mode=0o600)
        write_openings(openings, secret)
    return public, secret


def write_openings(openings: Sequence[Opening], path: Path) -> None:
    """Writes questions with their salts.

    Raises:
        StorageError: The file cannot be written.
    """
    told = [{"salt": o.salt, "question": dict(o.question)} for o in openings]
    with writing(path):
        path.write_text(json.dumps(told, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def read_openings(path: Path) -> list[Opening]:
    """Reads questions with their salts.

    Raises:
        InputError: The file is missing or holds none.
    """
    with reading(
        path, "Give the file that `karui passport seal` or `karui passport open` wrote.", format="JSON"
    ):
        return [Opening(str(o["salt"]), dict(o["question"])) for o in json.loads(path.read_text("utf-8"))]


def read_commitment(path: Path) -> list[str]:
    """Reads the digests that were published.

    Raises:
        InputError: The file is missing or holds none.
    """
    with reading(path, "Give the commitment.json that the supplier published.", format="a commitment"):
        digests = [str(d) for d in json.loads(path.read_text("utf-8"))["digests"]]
        for digest in digests:
            if not _DIGEST.fullmatch(digest):
                raise ValueError(f"{digest[:80]!r} is no SHA-256")
        if len(set(digests)) < len(digests):
            raise ValueError("a digest is there twice")
        return digests
