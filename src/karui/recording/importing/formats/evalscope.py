"""EvalScope (ModelScope): predictions/MODEL/DATASET.jsonl, with reviews/MODEL/DATASET.jsonl beside it.

Predictions hold the replies with their counts; reviews hold the right answers and verdicts. Either file may
be given: the other one is looked for where EvalScope puts it.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from karui.recording.importing.formats.inspect_ai import thinking_of
from karui.recording.importing.plug import Adapter, Head
from karui.recording.importing.reply import Counts, Logged, prompt_of, text_of_content
from karui.recording.importing.source import Source, rows_of


class Evalscope(Adapter):
    """EvalScope: a file of predictions or reviews; the other one is found beside it."""

    columns = frozenset(
        "index model model_output messages agent_trace metadata target sample_score extra_info".split()
    )

    def recognises(self, head: Head) -> bool:
        """By the model's output, or the score."""
        return "index" in head.keys and bool(head.keys & {"model_output", "sample_score"})

    def read(self, source: Source) -> Iterator[Logged]:
        """Yields every prediction, judged as its review says."""
        predictions, reviews = (_beside(source.path, part) for part in ("predictions", "reviews"))
        judged = _by_index(reviews, source) if reviews else {}
        if not judged:
            source.notes.append(
                "No reviews lie beside the predictions: right answers are not known from them."
            )
        sampling = _sampling(source.path)
        for row in rows_of(predictions or source.path, source.problems):
            source.leave(row.values, self.columns)
            found = _logged(row.where, row.values, judged.get(row.values.get("index"), {}), sampling, source)
            if found is not None:
                yield found


def _logged(
    where: str, values: dict[str, Any], review: dict[str, Any], sampling: dict[str, Any], source: Source
) -> Logged | None:
    output = values.get("model_output") or {}
    choices = output.get("choices") or []
    messages = values.get("messages")
    if not choices and isinstance(messages, list) and messages:  # a review without its prediction
        choices = [{"message": messages[-1], "stop_reason": ""}]
    message = choices[0].get("message") or {} if choices else {}
    text, prompt = text_of_content(message.get("content")), prompt_of(messages)
    if not choices or text is None or prompt is None:
        why = output.get("error") or "it has no reply to a question of text"
        source.problem(where, str(why))
        return None
    usage = output.get("usage") or {}
    scored = review.get("sample_score") or values.get("sample_score") or {}
    target = review.get("target", values.get("target"))
    return Logged(
        where=where,
        text=text,
        prompt=prompt,
        thinking=thinking_of(message.get("content")),
        reference=(target[0] if target else None) if isinstance(target, list) else target,
        correct=_verdict(scored.get("score") or {}),
        kind=str((scored.get("sample_metadata") or {}).get("subject") or ""),
        finish=str(choices[0].get("stop_reason") or "").replace("unknown", ""),
        counts=Counts(
            usage.get("input_tokens"),
            usage.get("input_tokens_cache_read"),
            usage.get("output_tokens"),
            usage.get("reasoning_tokens"),
        ),
        model=str(values.get("model") or output.get("model") or ""),
        sampling=sampling,
        seconds=float(output.get("time") or 0.0),
    )


def _verdict(score: dict[str, Any]) -> bool | None:
    """Returns the verdict, where the score is one number that is whole."""
    value = score.get("value")
    numbers = list(value.values()) if isinstance(value, dict) else []
    return bool(numbers[0]) if len(numbers) == 1 and numbers[0] in (0, 1) else None


def _by_index(file: Path, source: Source) -> dict[Any, dict[str, Any]]:
    found: dict[Any, dict[str, Any]] = {}
    for row in rows_of(file, source.problems):
        if row.values.get("index") in found:
            source.problem(f"{file.name}, {row.where}", f"index {row.values.get('index')} is there twice")
        found[row.values.get("index")] = row.values
    return found


def _beside(path: Path, part: str) -> Path | None:
    """Returns the file of one part of a run, given one of either part."""
    if path.parent.parent.name not in {"predictions", "reviews"}:
        return None
    found = path.parent.parent.parent / part / path.parent.name / path.name
    return found if found.is_file() else None


def _sampling(path: Path) -> dict[str, Any]:
    """Returns what the run's configuration says of sampling: a few plain lines of a YAML file."""
    run = path.parent.parent.parent
    found: dict[str, Any] = {}
    within = False
    for file in sorted((run / "configs").glob("task_config*.yaml")):
        for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
            if not line.startswith(" "):
                within = line.startswith("generation_config:")
            name, _, value = line.strip().partition(": ")
            if within and name in {"temperature", "top_p", "top_k", "max_tokens"}:
                try:
                    found[name] = float(value) if name in {"temperature", "top_p"} else int(value)
                except ValueError:
                    continue
    return found
