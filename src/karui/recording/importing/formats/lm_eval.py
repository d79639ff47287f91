"""lm-evaluation-harness (EleutherAI): the samples that `--log_samples` writes.

One row for each document and filter; `resps` holds the replies as generated, one for each repeat. The harness
logs no token counts and no reason for an end. What a document's question is, is known from the prompt in
`arguments` only; where the harness had rendered it with a chat template, the template, which stands in the
results file beside the samples, is taken off again.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from karui.core.prompt import Prompt
from karui.recording.importing.plug import Adapter, Head
from karui.recording.importing.reply import Logged, prompt_of
from karui.recording.importing.source import Row, Source
from karui.recording.importing.thinking import left_open

_HERE = "KARUI-QUESTION"


class LmEval(Adapter):
    """lm-evaluation-harness: samples_TASK_TIME.jsonl of --log_samples, its results file beside it."""

    columns = frozenset(
        "arguments doc doc_hash doc_id filter filtered_resps metrics prompt_hash resps target "
        "target_hash".split()
    )

    def recognises(self, head: Head) -> bool:
        """By the replies before and after the filter."""
        return {"doc_id", "resps", "filtered_resps"} <= head.keys

    def read(self, source: Source) -> Iterator[Logged]:
        """Yields every reply once, whatever the number of filters."""
        results = _results(source.path)
        around = _around(str(results.get("chat_template") or ""))
        model = str(results.get("model_name") or "")
        if not results:
            source.notes.append("No results file lies beside the samples: who replied is not known.")
        filters: dict[str, None] = {}
        seen: dict[tuple[str, str], str] = {}
        for row in source.rows():
            values = row.values
            source.leave(values, self.columns | set(values.get("metrics") or ()))
            chosen = str(values.get("filter", ""))
            filters.setdefault(chosen)
            key = (str(values.get("doc_id")), chosen)
            if key in seen:
                source.problem(row.where, f"doc_id {key[0]} is there twice, first at {seen[key]}")
                continue
            seen[key] = row.where
            if chosen == next(iter(filters)):
                yield from _replies(row, source, around, model, one_filter=values.get("metrics") or ())


def _replies(
    row: Row, source: Source, around: tuple[str, str] | None, model: str, one_filter: Any
) -> Iterator[Logged]:
    values = row.values
    replies = values.get("resps")
    texts = replies[0] if isinstance(replies, list) and replies and isinstance(replies[0], list) else replies
    if not isinstance(texts, list) or not all(isinstance(t, str) for t in texts):
        source.problem(row.where, "its resps are not generated texts (a task that compares log-likelihoods?)")
        return
    shown, sampling = _asked(values.get("arguments"))
    if shown is None:
        source.problem(row.where, "its arguments hold no prompt")
        return
    target = values.get("target")
    scores = [values[m] for m in one_filter if isinstance(values.get(m), (int, float))]
    for number, text in enumerate(texts):
        yield Logged(
            where=f"{row.where}: reply {number}",
            text=text,
            prompt=_prompt(shown, around),
            question=f"doc-{values.get('doc_id')}",
            sample=number,
            reference=None if target is None or isinstance(target, (list, dict)) else str(target).strip(),
            correct=bool(scores[0] == 1) if len(scores) == 1 and len(texts) == 1 else None,
            opened=left_open(shown),
            model=model,
            sampling=sampling,
        )


def _asked(arguments: Any) -> tuple[str | None, dict[str, Any]]:
    """Returns the prompt of a row and how its tokens were drawn."""
    if isinstance(arguments, dict):
        first = next(iter(arguments.values()), None)
        given = [first[k] for k in sorted(first)] if isinstance(first, dict) else []
    else:  # as older versions write it
        given = arguments[0] if isinstance(arguments, list) and arguments else []
    shown = given[0] if given and isinstance(given[0], str) else None
    told = given[1] if len(given) > 1 and isinstance(given[1], dict) else {}
    sampling = {k: told[k] for k in ("temperature", "top_p", "top_k") if k in told}
    if told.get("do_sample") is False:
        sampling["temperature"] = 0.0
    # Its limit is not taken over: a model's own generation_config can be what was kept to instead.
    return shown, sampling


def _prompt(shown: str, around: tuple[str, str] | None) -> Prompt:
    if shown.startswith("[") and (messages := _messages(shown)) is not None:
        return messages  # models behind a chat API are logged with their messages
    if around and shown.startswith(around[0]) and shown.endswith(around[1]):
        return Prompt(shown[len(around[0]) : len(shown) - len(around[1])])
    return Prompt(shown)


def _messages(shown: str) -> Prompt | None:
    try:
        return prompt_of(json.loads(shown))
    except (ValueError, RecursionError):
        return None


def _results(samples: Path) -> dict[str, Any]:
    """Returns the results that belong to a file of samples; {} where there are none."""
    stem = samples.name.partition(".json")[0]
    time = stem.rpartition("_")[2]
    beside = [samples.with_name(f"results_{time}.json"), samples.with_name("results.json")]
    alone = sorted(samples.parent.glob("results*.json"))
    for file in (*beside, *(alone if len(alone) == 1 else ())):
        try:
            found = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            continue
        if isinstance(found, dict):
            return found
    return {}


def _around(template: str) -> tuple[str, str] | None:
    """Returns what a chat template puts before and behind a user's message; None where it cannot be told."""
    if not template:
        return None
    try:
        from jinja2.sandbox import ImmutableSandboxedEnvironment

        made = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True).from_string(template)
        text = made.render(messages=[{"role": "user", "content": _HERE}], add_generation_prompt=True)
    except Exception:  # noqa: BLE001 - a stranger's program; without it the prompt stays as it was shown
        return None
    before, here, behind = text.partition(_HERE)
    return (before, behind) if here else None
