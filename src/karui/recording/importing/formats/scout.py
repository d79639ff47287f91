"""SCOUT data (2602.03845), one file of it: branches of thinking, an answer forced at fixed distances.

`karui import scout FOLDER` reads a whole folder, as the published tables have it; this reads one file with a
verifier of your choice.
"""

from collections.abc import Iterator
from typing import Any

from karui.core.prompt import Prompt
from karui.core.recording import Caveat
from karui.recording.importing.plug import Adapter, Head
from karui.recording.importing.reply import Counts, Logged, LoggedTrial
from karui.recording.importing.source import Source

_UNREAD = "ERR"


class Scout(Adapter):
    """SCOUT and AutoTTS data: branches with an answer forced every few hundred tokens."""

    caveats = (Caveat.TRIAL_COST,)
    columns = frozenset({"question", "gold_answer", "probe_freq", "each_branch"})

    def recognises(self, head: Head) -> bool:
        """By its branches."""
        return {"each_branch", "probe_freq"} <= head.keys

    def read(self, source: Source) -> Iterator[Logged]:
        """Yields every branch."""
        for number, row in enumerate(source.rows()):
            source.leave(row.values, self.columns)
            every, branches = row.values.get("probe_freq"), row.values.get("each_branch")
            if not isinstance(every, int) or every < 1 or not isinstance(branches, list):
                source.problem(row.where, "it has no probe_freq of 1 or more, or no list of branches")
                continue
            for index, branch in enumerate(branches):
                where = f"{row.where}: branch {index}"
                if not isinstance(branch, list) or len(branch) != 3 or not isinstance(branch[1], int):
                    source.problem(where, "it is not [forced answers, tokens, final answer]")
                    continue
                yield _logged(where, number, index, row.values, branch)


def _logged(where: str, number: int, index: int, values: dict[str, Any], branch: list[Any]) -> Logged:
    forced, tokens, final = branch
    places = range(values["probe_freq"], tokens, values["probe_freq"])
    answer = "" if final in (None, _UNREAD) else str(final)
    return Logged(
        where=where,
        text=answer,
        prompt=Prompt(str(values.get("question", ""))),
        question=f"{number:02}",
        sample=index,
        thinking="",
        reference=str(values.get("gold_answer", "")),
        finish="stop",
        counts=Counts(None, None, tokens, tokens),
        answer=answer,
        # One answer in many branches is said to be forced past the branch's own end; that is no place in it.
        trials=tuple(
            LoggedTrial(place, None if said in (None, _UNREAD) else str(said))
            for place, said in zip(places, forced, strict=False)
        ),
    )
