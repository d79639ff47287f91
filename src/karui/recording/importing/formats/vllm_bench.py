"""vLLM's serving benchmark: `vllm bench serve --save-result --save-detailed`.

The file holds what was generated and how long it took, and neither the questions nor right answers. The
questions come in the order of the benchmark's dataset: --requests names that file (JSON lines with `prompt`,
as the dataset "custom" takes it). On chat endpoints the benchmark keeps the answers only; their thinking is
counted and not there.
"""

import json
from collections.abc import Iterator
from typing import Any

from karui.core.errors import InputError
from karui.core.prompt import Prompt
from karui.recording.importing.plug import Adapter, Head
from karui.recording.importing.reply import Counts, Logged
from karui.recording.importing.source import Source, rows_of

_LISTS = ("input_lens", "output_lens", "ttfts", "itls", "latencies", "errors")


class VllmBench(Adapter):
    """vLLM's serving benchmark with --save-detailed; --requests names its dataset, for the questions."""

    columns = frozenset(
        "date endpoint_type backend label model_id tokenizer_id num_prompts request_rate burstiness "
        "max_concurrency duration completed failed total_input_tokens total_output_tokens "
        "request_throughput request_goodput output_throughput total_token_throughput input_lens output_lens "
        "ttfts itls latencies start_times queue_times generated_texts errors max_output_tokens_per_s "
        "max_concurrent_requests rtfx ramp_up_strategy ramp_up_start_rps ramp_up_end_rps".split()
    )

    def recognises(self, head: Head) -> bool:
        """By what every such file begins with."""
        return {"endpoint_type", "backend", "model_id", "num_prompts"} <= head.keys

    def read(self, source: Source) -> Iterator[Logged]:
        """Yields every reply of every run in the file (--append-result adds lines)."""
        asked = _asked(source)
        for run in source.rows():
            values = run.values
            figures = {k for k in values if k.endswith(("_ttft_ms", "_tpot_ms", "_itl_ms", "_e2el_ms"))}
            source.leave(values, self.columns | figures)
            texts = values.get("generated_texts")
            if not isinstance(texts, list):
                raise InputError(
                    f"{source.path} holds no generated texts.",
                    why="`vllm bench serve` keeps them only with --save-detailed.",
                    remedy="Run the benchmark again with --save-result --save-detailed.",
                )
            if asked and len(asked) < len(texts):
                raise InputError(
                    f"{source.requests} has {len(asked)} prompts, {source.path} {len(texts)} replies.",
                    remedy="Give the dataset of this very run, as long as its --num-prompts.",
                )
            for number, text in enumerate(texts):
                where = f"{run.where}, reply {number}"
                found = {
                    k: v[number] for k in _LISTS if isinstance(v := values.get(k), list) and number < len(v)
                }
                if found.get("errors"):
                    source.problem(where, f"the request failed: {str(found['errors']).splitlines()[-1]}")
                    continue
                yield _logged(where, number, text, found, values, asked)


def _logged(
    where: str, number: int, text: Any, found: dict[str, Any], run: dict[str, Any], asked: list[Prompt]
) -> Logged:
    return Logged(
        where=where,
        text=str(text),
        prompt=asked[number] if asked else None,
        question="" if asked else f"prompt-{number}",
        counts=Counts(found.get("input_lens"), None, found.get("output_lens")),
        model=str(run.get("model_id") or ""),
        seconds=float(found.get("latencies") or found.get("ttfts", 0.0) + sum(found.get("itls") or ())),
        first_seconds=float(found.get("ttfts") or 0.0),
    )


def _asked(source: Source) -> list[Prompt]:
    if source.requests is None:
        source.notes.append(
            "Without the benchmark's dataset (--requests) the questions are known by number only."
        )
        return []
    found = []
    problems: list[str] = []
    for row in rows_of(source.requests, problems):
        prompt = row.values.get("prompt")
        if isinstance(prompt, str):
            found.append(Prompt(prompt))
        else:
            problems.append(f"{row.where}: it has no prompt: {json.dumps(row.values)[:80]}")
    source.problems += [f"{source.requests.name}, {p}" for p in problems]
    return found
