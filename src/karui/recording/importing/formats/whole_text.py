"""Plain rows: a question, its right answer, and the whole reply in one text, thinking and all.

Known are the columns of published sets of traces: `question, ground_truth_answer, model_output` and
`question, gold, text`. What other names mean is not guessed: rename the columns, or use karui's own layout.
"""

import re
from collections.abc import Iterator

from karui.core.prompt import Prompt
from karui.recording.importing.plug import Adapter, Head
from karui.recording.importing.reply import Logged
from karui.recording.importing.source import Source

_LAYOUTS = (("ground_truth_answer", "model_output"), ("gold", "text"))
"""Columns of the right answer and of the reply."""
_WORKED = re.compile(r"\n#### (\S[^\n]*)\s*$")
"""The end of a worked answer, as GSM8K's own files have it: what follows is the right answer."""


class WholeText(Adapter):
    """A question, its right answer and the whole reply as text: columns question, gold, text."""

    columns = frozenset(
        {"id", "question", "model", "benchmark", "split", "source", "licence", "approx_tokens"}
    )

    def recognises(self, head: Head) -> bool:
        """By the columns of either layout."""
        return any({"question", *layout} <= head.keys for layout in _LAYOUTS)

    def read(self, source: Source) -> Iterator[Logged]:
        """Yields every row; replies to the same question are its samples."""
        for row in source.rows():
            values = row.values
            layout = next((names for names in _LAYOUTS if {*names} <= values.keys()), None)
            source.leave(values, self.columns | {name for names in _LAYOUTS for name in names})
            if layout is None or not values.get("question"):
                source.problem(
                    row.where, "it has no question" if layout else "it has no reply or right answer"
                )
                continue
            reference, text = (values[name] for name in layout)
            yield Logged(
                where=row.where,
                text=None if text is None else str(text),
                prompt=Prompt(str(values["question"])),
                reference=None if reference is None else _answer(str(reference)),
                kind=str(values.get("benchmark") or ""),
                model=str(values.get("model") or ""),
            )


def _answer(reference: str) -> str:
    worked = _WORKED.search(reference)
    return worked.group(1).strip() if worked else reference
