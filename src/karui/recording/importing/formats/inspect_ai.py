"""inspect_ai (UK AI Security Institute): a log of `inspect eval`, as .eval (a zip of samples) or .json.

An .eval may be packed with Zstandard, which Python's own zipfile reads from 3.14 on only: members are then
unpacked with pyarrow, which karui has anyway.
"""

import json
import struct
import zipfile
from collections.abc import Iterator
from typing import Any

from karui.core.errors import InputError
from karui.recording.importing.plug import Adapter, Head
from karui.recording.importing.reply import Counts, Logged, prompt_of, text_of_content
from karui.recording.importing.source import Source, broken

_ZSTD = 93
_DONE = frozenset({"success", "cancelled", "error", "started"})


class InspectAi(Adapter):
    """inspect_ai: an evaluation log, .eval or .json."""

    columns = frozenset(
        "id epoch input choices target sandbox files setup messages output scores metadata store events "
        "timelines model_usage role_usage role_models started_at completed_at total_time working_time uuid "
        "invalidation error error_retries limit attachments events_data turn_count".split()
    )

    def recognises(self, head: Head) -> bool:
        """By its ending, or by the parts of the JSON document."""
        return head.path.suffix == ".eval" or {"version", "status", "eval", "plan"} <= head.keys

    def read(self, source: Source) -> Iterator[Logged]:
        """Yields every sample of every epoch."""
        header, samples = _packed(source) if source.path.suffix == ".eval" else _plain(source)
        spec = header.get("eval") or {}
        if header.get("status") not in {"success", None}:
            source.notes.append(f"The evaluation's status is {header.get('status')!r}: it may lack samples.")
        config = {
            **(spec.get("model_generate_config") or {}),
            **((header.get("plan") or {}).get("config") or {}),
        }
        sampling = {
            k: config[k] for k in ("temperature", "top_p", "top_k", "max_tokens") if config.get(k) is not None
        }
        for where, sample in samples:
            source.leave(sample, self.columns)
            found = _logged(where, sample, str(spec.get("model") or ""), sampling, source)
            if found is not None:
                yield found


def _logged(
    where: str, sample: dict[str, Any], model: str, sampling: dict[str, Any], source: Source
) -> Logged | None:
    if sample.get("error"):
        source.problem(where, f"the sample failed: {(sample['error'] or {}).get('message', 'no message')}")
        return None
    output = sample.get("output") or {}
    choices = output.get("choices") or []
    if not choices:
        source.problem(where, "it has no output")
        return None
    message = choices[0].get("message") or {}
    text = text_of_content(message.get("content"))
    prompt = prompt_of(sample.get("messages") or sample.get("input")) or prompt_of(sample.get("input"))
    if text is None or prompt is None:
        source.problem(where, "its messages hold tools or pictures, which cannot be asked again")
        return None
    usage = output.get("usage") or {}
    target = sample.get("target")
    return Logged(
        where=where,
        text=text,
        prompt=prompt,
        question=str(sample.get("id")),
        sample=int(sample.get("epoch") or 1) - 1,
        thinking=thinking_of(message.get("content")),
        reference=(target[0] if target else None) if isinstance(target, list) else target,
        correct=_verdict(sample.get("scores")),
        kind=str((sample.get("metadata") or {}).get("kind") or ""),
        finish=str(choices[0].get("stop_reason") or "").replace("unknown", ""),
        counts=Counts(
            usage.get("input_tokens"),
            usage.get("input_tokens_cache_read"),
            usage.get("output_tokens"),
            usage.get("reasoning_tokens"),
        ),
        model=model,
        sampling=sampling,
        seconds=float(output.get("time") or 0.0),
    )


def thinking_of(content: Any) -> str | None:
    """Returns the text of reasoning parts; None where a message has none."""
    if not isinstance(content, list):
        return None
    parts = [p for p in content if isinstance(p, dict) and p.get("type") in {"reasoning", "thinking"}]
    texts = [p.get("reasoning") or p.get("thinking") or p.get("summary") or "" for p in parts]
    return "\n".join(map(str, texts)) if parts else None


def _verdict(scores: Any) -> bool | None:
    """Returns the verdict of the one scorer, where it says correct or incorrect."""
    values = [s.get("value") for s in (scores or {}).values() if isinstance(s, dict)]
    if len(values) != 1:
        return None
    return (
        {"C": True, "I": False, 1: True, 0: False}.get(values[0])
        if not isinstance(values[0], (list, dict))
        else None
    )


def _plain(source: Source) -> tuple[dict[str, Any], Iterator[tuple[str, dict[str, Any]]]]:
    document = source.document()
    samples = document.get("samples") if isinstance(document, dict) else None
    if not samples:
        raise InputError(
            f"{source.path} holds no samples.",
            why="Only the header of the evaluation is there.",
            remedy="Run it with --log-samples, or give the log that has them.",
        )
    return document, ((_where(s), s) for s in samples)


def _packed(source: Source) -> tuple[dict[str, Any], Iterator[tuple[str, dict[str, Any]]]]:
    try:
        archive = zipfile.ZipFile(source.path)
    except (OSError, zipfile.BadZipFile) as error:
        raise InputError(
            f"{source.path} is not a complete .eval log.",
            why=f"{type(error).__name__}: {error}",
            remedy="It was broken off, or its copy was cut short: `inspect log recover` may mend it.",
        ) from error
    names = archive.namelist()
    headers = [n for n in ("header.json", "_journal/start.json") if n in names]
    header = json.loads(_member(archive, headers[0])) if headers else {}

    def samples() -> Iterator[tuple[str, dict[str, Any]]]:
        for name in names:
            if not name.startswith("samples/"):
                continue
            try:
                sample = json.loads(_member(archive, name))
            except (ValueError, RecursionError, OSError, zipfile.BadZipFile) as error:
                source.problem(name, broken(error))
                continue
            yield _where(sample), sample

    return header, samples()


def _member(archive: zipfile.ZipFile, name: str) -> bytes:
    """Returns a member of a zip, unpacked."""
    info = archive.getinfo(name)
    if info.compress_type != _ZSTD:
        return archive.read(name)
    import pyarrow as pa

    with open(archive.filename or "", "rb") as file:  # noqa: PTH123 - the archive's own path
        file.seek(info.header_offset + 26)
        lengths = struct.unpack("<HH", file.read(4))  # of name and extra field, as this header has them
        file.seek(sum(lengths), 1)
        raw = file.read(info.compress_size)
    unpacked: bytes = pa.Codec("zstd").decompress(raw, decompressed_size=info.file_size, asbytes=True)
    return unpacked


def _where(sample: dict[str, Any]) -> str:
    return f"sample {sample.get('id')}, epoch {sample.get('epoch')}"
