"""Kept traffic as questions for the next recording: what users really ask, without answers.

The full model's own majority answers stand in for references, so that everything measured on these questions
is agreement with full thinking. A recording asks single questions: conversations of several turns, with a
system message, or with more than text are left out, and counted.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from karui.core.errors import InputError, StorageError
from karui.gateway.sinks import Kept

SYSTEM, TURNS, MORE, TWICE = (
    "with a system message",
    "of several turns",
    "with more than text",
    "asked before",
)


@dataclass(frozen=True, slots=True)
class Traffic:
    """Questions of users.

    Attributes:
        rows: One a question, as a questions file has them.
        left_out: How many conversations were left out, by what they are.
        masked: Questions in which something is masked.
    """

    rows: tuple[Mapping[str, Any], ...]
    left_out: Mapping[str, int]
    masked: int

    @staticmethod
    def of(kept: Iterable[Kept], limit: int = 0) -> "Traffic":
        """Takes the questions out of conversations, each once.

        Args:
            kept: Oldest first.
            limit: At most this many of the newest; 0 takes all.
        """
        rows: dict[str, Mapping[str, Any]] = {}
        masked: set[str] = set()
        left_out: Counter[str] = Counter()
        for conversation in kept:
            question = _question(conversation)
            if question in {SYSTEM, TURNS, MORE}:
                left_out[question] += 1
                continue
            if question in rows:
                left_out[TWICE] += 1
                continue
            row = {"id": conversation.id, "question": question}
            rows[question] = row | ({"verifier": conversation.verifier} if conversation.verifier else {})
            if conversation.redacted:
                masked.add(question)
        chosen = list(rows.values())[-limit:] if limit else list(rows.values())
        return Traffic(tuple(chosen), left_out, sum(row["question"] in masked for row in chosen))

    def write(self, path: Path) -> None:
        """Writes the questions file.

        Raises:
            InputError: There are none.
            StorageError: The file cannot be written.
        """
        if not self.rows:
            why = ", ".join(f"{n} {what}" for what, n in self.left_out.items())
            raise InputError(
                "The gateway kept no question that can be recorded.",
                why=f"Left out: {why}." if why else "Nothing is kept, or its time has ended.",
                remedy="Let `karui serve` keep conversations for a while: --keep-hours 24.",
            )
        lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in self.rows)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(lines, encoding="utf-8")
        except OSError as error:
            raise StorageError(f"{path} cannot be written.", why=str(error)) from error

    def told(self) -> str:
        """Returns one line for people."""
        noun = "question" if len(self.rows) == 1 else "questions"
        said = f"{len(self.rows)} different {noun} from the gateway"
        if self.masked:
            said += f", {self.masked} with something masked"
        left = ", ".join(f"{n} {what}" for what, n in self.left_out.items())
        return f"{said}; left out: {left}" if left else said


def _question(kept: Kept) -> str:
    """Returns the text that was asked, or what kind of conversation it is instead."""
    roles = [str(m.get("role")) for m in kept.messages]
    if "system" in roles or "developer" in roles:
        return SYSTEM
    if roles != ["user"]:
        return TURNS
    content = kept.messages[0].get("content")
    if isinstance(content, list) and all(isinstance(p, dict) and p.get("type") == "text" for p in content):
        content = "\n".join(str(p.get("text")) for p in content)
    return content.strip() if isinstance(content, str) and content.strip() else MORE
