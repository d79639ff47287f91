"""llama.cpp's own server on a GGUF file, with another chat template; run as a script it is the server.

The server lies in the wheel of xllamacpp. It ends when its standard input does: none outlives a bench.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CONTEXT = 2048
"""Tokens that karui-mini was trained for, and that each slot has."""


@contextmanager
def llama_server(
    file: Path,
    log: Path,
    *,
    template: Path | None = None,
    reasoning: str = "deepseek",
    slots: int = 8,
    threads: int = 1,
    context: int = CONTEXT,
    cache: str = "f16",
) -> Iterator[str]:
    """Serves a GGUF file until the block ends; gives the address of its API.

    Args:
        file: The model.
        log: Where what the server prints goes.
        template: A chat template instead of the file's own (`--chat-template-file`).
        reasoning: Its parser of thinking (`--reasoning-format`): none, auto or deepseek.
        slots: Streams side by side (`--parallel`).
        threads: Of the processor.
        context: Tokens that each slot has.
        cache: Type of keys and values (`--cache-type-k`, `--cache-type-v`): f16 or f32.
    """
    job = {
        "model": str(file),
        "template": template.read_text(encoding="utf-8") if template else "",
        "reasoning": reasoning,
        "slots": slots,
        "threads": threads,
        "context": context,
        "cache": cache,
    }
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, __file__, json.dumps(job)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=out,
            text=True,
        )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        address = process.stdout.readline().strip()
        if not address:
            raise RuntimeError(f"llama.cpp's server did not come up:\n{log.read_text()[-1500:]}")
        yield f"{address}/v1"
    finally:
        process.stdin.close()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def main(job: dict[str, object]) -> None:
    """Prints the address once the server answers."""
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path, params.model_alias = job["model"], {"mini"}
    if job["template"]:
        params.chat_template = job["template"]
    formats = xllamacpp.common_reasoning_format
    params.reasoning_format = getattr(
        formats, f"COMMON_REASONING_FORMAT_{str(job['reasoning']).upper().replace('-', '_')}"
    )
    slots, threads = int(str(job["slots"])), int(str(job["threads"]))
    params.n_parallel, params.n_ctx = slots, int(str(job["context"])) * slots
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
    kind = getattr(xllamacpp.ggml_type, f"GGML_TYPE_{str(job['cache']).upper()}")
    params.cache_type_k = params.cache_type_v = kind
    params.hostnames, params.port = ["127.0.0.1"], 0
    # Without flash attention a row gets the same logits whatever runs beside it.
    params.flash_attn_type = xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED
    params.endpoint_metrics = True
    server = xllamacpp.Server(params)
    print(server.listening_address, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
