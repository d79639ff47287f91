"""The sides of bench/peers.py: engines in processes of their own, and servers."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any, Protocol

import httpx
import psutil
from _llama import llama_server
from _servers import MINI, free_port, server

CONTEXT = 1024
"""Tokens that a peer has room for in each stream: prompts and replies of this bench come to fewer."""
Tokens = list[list[int]]


@dataclass(frozen=True)
class Job:
    """Prompts to reply to, greedily.

    Attributes:
        texts: What a user asks.
        prompts: The same as tokens of the whole chat.
        streams: How many at a time.
        max_tokens: Most tokens of a reply.
    """

    texts: Sequence[str]
    prompts: Sequence[list[int]]
    streams: int
    max_tokens: int


@dataclass(frozen=True)
class Ran:
    """What came of a job: replies without the token that ends them, wall seconds, processor seconds."""

    replies: Tokens
    seconds: float
    processor_seconds: float

    @property
    def tokens(self) -> int:
        """All tokens of the replies."""
        return sum(map(len, self.replies))


class Side(Protocol):
    """Something that generates."""

    @property
    def name(self) -> str:
        """As the figures call it."""

    @property
    def whole(self) -> bool:
        """Whether its weights are the float32 ones that all are compared on."""

    def run(self, job: Job) -> Ran:
        """Does a job."""


class InProcess:
    """An engine in one process, or in several with a share of the streams each."""

    def __init__(self, name: str, processes: Sequence["subprocess.Popen[str]"], *, whole: bool) -> None:
        self.name, self.whole, self._processes = name, whole, list(processes)
        self._ready = False

    def wait(self) -> None:
        """Waits until the model is loaded."""
        if not self._ready:
            for process in self._processes:
                _heard(process)
        self._ready = True

    def prompts(self, texts: Sequence[str]) -> Tokens:
        """Returns the tokens of prompts, as karui's engine has them."""
        self.wait()
        _say(self._processes[0], {"do": "prompts", "texts": list(texts)})
        found: Tokens = _heard(self._processes[0])["tokens"]
        return found

    def run(self, job: Job) -> Ran:
        """Does a job; processes take every n-th prompt, and streams are divided among them."""
        self.wait()
        used = self._processes[: max(1, min(len(self._processes), job.streams))]
        count, before, began = len(used), _spent(used), perf_counter()
        for n, process in enumerate(used):
            share = {"texts": list(job.texts[n::count]), "prompts": list(job.prompts[n::count])}
            streams = job.streams // count
            _say(process, {"do": "run", **share, "streams": streams, "max_tokens": job.max_tokens})
        found = [_heard(process)["tokens"] for process in used]
        seconds, spent = perf_counter() - began, _spent(used) - before
        replies: Tokens = [[]] * len(job.texts)
        for n, part in enumerate(found):
            replies[n::count] = part
        return Ran(_without_end(replies), seconds, spent)


class Served:
    """A server that takes a prompt as tokens and says the tokens of its reply."""

    def __init__(self, name: str, url: str, process: int, more: dict[str, Any], *, whole: bool) -> None:
        self.name, self.whole, self._url, self._process, self._more = name, whole, url, process, more

    def run(self, job: Job) -> Ran:
        """Sends a job, so many requests at a time."""
        before, began = _spent([self._process]), perf_counter()
        replies = asyncio.run(self._every(job))
        seconds = perf_counter() - began
        return Ran(_without_end(replies), seconds, _spent([self._process]) - before)

    async def _every(self, job: Job) -> Tokens:
        waiting, replies = iter(list(enumerate(job.prompts))), dict[int, list[int]]()
        limits = httpx.Limits(max_connections=None)
        async with httpx.AsyncClient(timeout=600, limits=limits, trust_env=False) as client:

            async def work() -> None:
                for n, prompt in waiting:
                    body = {"prompt": prompt, "temperature": 0, **self._more}
                    body |= dict.fromkeys(("max_tokens", "n_predict"), job.max_tokens)
                    answer = (await client.post(self._url, json=body)).raise_for_status().json()
                    replies[n] = answer["tokens"] if "tokens" in answer else answer["choices"][0]["token_ids"]

            await asyncio.gather(*(work() for _ in range(job.streams)))
        return [replies[n] for n in range(len(job.prompts))]


@contextmanager
def in_process(
    name: str, kind: str, folder: Path, threads: int, slots: int, log: Path, *, processes: int = 1
) -> Iterator[InProcess]:
    """Runs bench/_peer_process.py until the block ends."""
    words = [sys.executable, Path(__file__).parent / "_peer_process.py", kind, folder, threads, slots]
    with ExitStack() as stack:
        begun = []
        for n in range(processes):
            out = stack.enter_context(Path(f"{log}-{n}").open("w"))
            process = subprocess.Popen(
                [str(word) for word in words],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=out, text=True,
                env={**os.environ, "OMP_NUM_THREADS": str(threads), "HF_HUB_OFFLINE": "1"},
            )  # fmt: skip
            stack.callback(process.wait)
            stack.callback(process.kill)
            begun.append(process)
        yield InProcess(name, begun, whole=not folder.suffix or "f32" in folder.name)


@contextmanager
def llama(name: str, file: Path, threads: int, slots: int, log: Path) -> Iterator[Served]:
    """Serves a GGUF file on llama.cpp's server, its cache in float32 where the weights are."""
    whole = "f32" in file.name
    with llama_server(
        file, log, slots=slots, threads=threads, context=CONTEXT, cache="f32" if whole else "f16"
    ) as url:
        port = int(url.removesuffix("/v1").rsplit(":", 1)[1])
        more = {"return_tokens": True, "cache_prompt": False, "stream": False}
        where = f"http://127.0.0.1:{port}/completion"
        yield Served(name, where, _listening(port), more, whole=whole)


@contextmanager
def vllm(name: str, binary: Path, threads: int, slots: int, log: Path) -> Iterator[Served]:
    """Serves karui-mini in float32 on vLLM for CPUs."""
    port = free_port()
    flags = (
        f"--served-model-name mini --dtype float32 --max-model-len {CONTEXT} --max-num-seqs {slots} "
        "--no-enable-prefix-caching --enforce-eager"
    )
    command = [binary, "serve", MINI, "--host", "127.0.0.1", "--port", port, *flags.split()]
    made = {"VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_CPU_OMP_THREADS_BIND": "nobind"}
    health = f"http://127.0.0.1:{port}/health"
    more = {"model": "mini", "return_token_ids": True}
    made["OMP_NUM_THREADS"] = str(threads)
    with server(command, health, log, seconds=900, env=made) as process:
        yield Served(name, f"http://127.0.0.1:{port}/v1/completions", process.pid, more, whole=True)


def _listening(port: int) -> int:
    """Returns the process that listens at a port."""
    listening = (c for c in psutil.net_connections("tcp") if c.status == psutil.CONN_LISTEN)
    found = next(c.pid for c in listening if c.laddr.port == port)
    assert found is not None
    return found


def _say(process: "subprocess.Popen[str]", job: dict[str, Any]) -> None:
    assert process.stdin is not None
    process.stdin.write(json.dumps(job) + "\n")
    process.stdin.flush()


def _heard(process: "subprocess.Popen[str]") -> Any:
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise RuntimeError(f"{process.args} ended: {process.wait()}")
    return json.loads(line)


def _spent(processes: Sequence[Any]) -> float:
    """Returns the processor seconds of processes and their children so far."""
    total = 0.0
    for process in processes:
        first = psutil.Process(process if isinstance(process, int) else process.pid)
        for one in (first, *first.children(recursive=True)):
            times = one.cpu_times()
            total += times.user + times.system
    return total


_END = int(json.loads((MINI / "generation_config.json").read_text(encoding="utf-8"))["eos_token_id"])


def _without_end(replies: Tokens) -> Tokens:
    """Returns replies without the token that ends a turn: some say it, some do not."""
    return [reply[:-1] if reply and reply[-1] == _END else reply for reply in replies]
