"""Kept traffic as questions for the next recording: what users really ask, without answers.

The full model's own majority answers stand in for references, so that everything measured on these questions
is agreement with full thinking. Conversations with more than text, or whose last word is not the user's, are
left out, and counted.
"""

import json
import os
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from karui.codec.disk import writing
from karui.core.errors import InputError
from karui.core.prompt import Prompt, prompt_of
from karui.gateway.records.events import Kept

MORE, TWICE = "with more than text, or not ending with the user", "asked before"


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
        rows: dict[Prompt, Mapping[str, Any]] = {}
        masked: set[str] = set()
        left_out: Counter[str] = Counter()
        for conversation in kept:
            asked = prompt_of(conversation.messages)
            if isinstance(asked, str) or not asked.user.strip():
                left_out[MORE] += 1
                continue
            asked = replace(asked, user=asked.user.strip())
            # With other thinking in the turns before, it is still the same question: one piece of evidence.
            same = replace(asked, thoughts=())
            if same in rows:
                left_out[TWICE] += 1
                continue
            rows[same] = _row(conversation, asked)
            if conversation.redacted:
                masked.add(conversation.id)
        chosen = list(rows.values())[-limit:] if limit else list(rows.values())
        return Traffic(tuple(chosen), left_out, sum(row["id"] in masked for row in chosen))

    def write(self, path: Path) -> None:
        """Writes the questions file.

        Raises:
            InputError: There are no questions.
            StorageError: The file cannot be written.
        """
        if not self.rows:
            why = ", ".join(f"{n} {what}" for what, n in self.left_out.items())
            raise InputError(
                "The gateway has not kept any question that can be recorded.",
                why=f"Left out: {why}." if why else "Nothing is kept, or its time has ended.",
                remedy="Let `karui serve` keep conversations for a while: --keep-hours 24.",
            )
        lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in self.rows)
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            # for its owner alone, as the file that the gateway keeps; an older one does not stay open
            path.unlink(missing_ok=True)
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as sink:
                sink.write(lines)

    def told(self) -> str:
        """Returns one line for people."""
        noun = "question" if len(self.rows) == 1 else "questions"
        said = f"{len(self.rows)} different {noun} from the gateway"
        if self.masked:
            said += f", {self.masked} with something masked"
        left = ", ".join(f"{n} {what}" for what, n in self.left_out.items())
        return f"{said}; left out: {left}" if left else said


def _row(kept: Kept, asked: Prompt) -> dict[str, Any]:
    alone = asked == Prompt(asked.user)
    said = (
        {"question": asked.user}
        if alone
        else {"messages": asked.messages(apart=True, thoughts_field="reasoning_content")}
    )
    return {"id": kept.id, **said, **({"verifier": kept.verifier} if kept.verifier else {})}
