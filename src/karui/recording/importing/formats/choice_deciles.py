"""Choices asked at every tenth of a finished trace: a row for each of question, run and tenth.

The layout of tobypullan/logit_cot_overthinking (Gemma 4 on MMLU-Pro): the probability of every choice after
0, 10 … 100% of a trace, with token counts; a question's text stands in its first row only. No text of the
thinking is kept.
"""

from collections.abc import Iterator
from typing import Any

from karui.core.prompt import Prompt
from karui.core.recording import Caveat
from karui.recording.importing.plug import Adapter, Head
from karui.recording.importing.reply import Counts, Logged, LoggedTrial
from karui.recording.importing.source import Row, Source

_NEEDED = ("question_id", "run_seed", "prefix_token_count", "trace_token_count", "prediction", "answer")


class ChoiceDeciles(Adapter):
    """Multiple choice, asked after every tenth of a trace, with the probability of each choice."""

    caveats = (Caveat.SHARES, Caveat.PICKED)
    columns = frozenset(
        "position question_id question options valid_labels answer category source run_seed decile "
        "prefix_token_count trace_token_count is_full_trace choice_logprobs choice_probabilities "
        "choice_probability_mass non_choice_probability prediction prediction_probability correct "
        "sampled_token baseline_cohort match_id baseline_trace_token_count".split()
    )

    def recognises(self, head: Head) -> bool:
        """By the tenths."""
        return {"decile", "choice_probabilities", "run_seed"} <= head.keys

    def read(self, source: Source) -> Iterator[Logged]:
        """Yields a reply for each question and run: its answer is the choice after the whole trace."""
        runs: dict[tuple[str, str], list[Row]] = {}
        for row in source.rows():
            repeated = {k for k in row.values if k.startswith(("logprob_", "prob_"))}
            source.leave(row.values, self.columns | repeated)
            lacking = [name for name in _NEEDED if row.values.get(name) is None]
            if lacking:
                source.problem(row.where, f"it has no {lacking[0]}")
                continue
            runs.setdefault((str(row.values["question_id"]), str(row.values["run_seed"])), []).append(row)
        asked: dict[str, Prompt] = {}
        for (question, _), rows in runs.items():
            for row in rows:
                if row.values.get("question"):
                    asked.setdefault(question, _prompt(row.values))
        for number, ((question, run), rows) in enumerate(runs.items()):
            whole = [row for row in rows if row.values.get("is_full_trace")]
            if len(whole) != 1:
                source.problem(rows[0].where, f"question {question}, run {run}: no row of the whole trace")
                continue
            yield _logged(question, number, rows, whole[0], asked.get(question))


def _logged(question: str, number: int, rows: list[Row], whole: Row, prompt: Prompt | None) -> Logged:
    length = int(whole.values["trace_token_count"])
    places: dict[int, LoggedTrial] = {}
    for row in rows:
        tokens = int(row.values["prefix_token_count"])
        if 0 < tokens < length:  # before the first token there is nothing to exit from
            share = row.values.get("prediction_probability")
            places[tokens] = LoggedTrial(tokens, str(row.values["prediction"]), share, 1)
    return Logged(
        where=rows[0].where,
        text=str(whole.values["prediction"]),
        prompt=prompt,
        question=question,
        sample=number,
        reference=str(whole.values["answer"]),
        kind=str(whole.values.get("category") or ""),
        finish="stop",
        counts=Counts(None, None, length + 1, length),
        answer=str(whole.values["prediction"]),
        trials=tuple(places[tokens] for tokens in sorted(places)),
    )


def _prompt(values: dict[str, Any]) -> Prompt:
    labels, options = values.get("valid_labels") or [], values.get("options") or []
    listed = "\n".join(f"{label}. {text}" for label, text in zip(labels, options, strict=False))
    return Prompt(f"{values['question']}\n\n{listed}" if listed else str(values["question"]))
