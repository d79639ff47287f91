"""Kept traffic as questions for the next recording: what users really ask.

Where users said with their feedback what is right, that is the reference. Without it, the full model's own
majority answers stand in, so that everything measured on these questions is agreement with full thinking.
Conversations with more than text, or whose last word is not the user's, are left out, and counted.
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
from karui.core.prompt import Prompt, parameters_of, prompt_of
from karui.gateway.records.events import Kept

MORE, TWICE = "with more than text, or not ending with the user", "asked before"
BARE, DIFFER = "without a reference", "with references that differ"


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
    def of(kept: Iterable[Kept], limit: int = 0, references: Mapping[str, str] | None = None) -> "Traffic":
        """Takes the questions out of conversations, each once.

        Args:
            kept: Oldest first.
            limit: At most this many of the newest; 0 takes all.
            references: What users say is right, by id. Questions without one are left out, and so are those
                of which users say different things. None takes every question, and no reference.
        """
        if references is not None:
            return _referred(kept, limit, references)
        rows: dict[Prompt, Mapping[str, Any]] = {}
        masked: set[str] = set()
        left_out: Counter[str] = Counter()
        for conversation in kept:
            asked = prompt_of(conversation.messages)
            if isinstance(asked, str) or not asked.user.strip():
                left_out[MORE] += 1
                continue
            asked = _whole(asked, conversation)
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


def _referred(kept: Iterable[Kept], limit: int, references: Mapping[str, str]) -> Traffic:
    """Returns the questions on which users agree what is right."""
    all_kept = list(kept)
    told = [conversation for conversation in all_kept if conversation.id in references]
    found = Traffic.of(told)
    answers: dict[Prompt, set[str]] = {}
    asked_as: dict[str, Prompt] = {}
    for conversation in told:
        asked = prompt_of(conversation.messages)
        if not isinstance(asked, str):
            asked_as[conversation.id] = same = replace(_whole(asked, conversation), thoughts=())
            answers.setdefault(same, set()).add(references[conversation.id].strip())
    agreed = [
        {**row, "answer": references[str(row["id"])].strip()}
        for row in found.rows
        if len(answers[asked_as[str(row["id"])]]) == 1
    ]
    left_out = {
        BARE: len(all_kept) - len(told),
        DIFFER: len(found.rows) - len(agreed),
        **found.left_out,
    }
    chosen = agreed[-limit:] if limit else agreed
    redacted = {conversation.id for conversation in told if conversation.redacted}
    masked = sum(row["id"] in redacted for row in chosen)
    return Traffic(tuple(chosen), {what: n for what, n in left_out.items() if n}, masked)


def _whole(asked: Prompt, kept: Kept) -> Prompt:
    """Returns what was asked, with its tools, format and stop words."""
    return replace(asked, user=asked.user.strip(), parameters=parameters_of(kept.params))


def _row(kept: Kept, asked: Prompt) -> dict[str, Any]:
    alone = asked == Prompt(asked.user, parameters=asked.parameters)
    said = (
        {"question": asked.user}
        if alone
        else {"messages": asked.messages(apart=True, thoughts_field="reasoning_content")}
    )
    told = json.loads(asked.parameters or "{}")
    return {"id": kept.id, **said, **told, **({"verifier": kept.verifier} if kept.verifier else {})}
