"""Starts and ends the processes that bench/gateway.py measures: upstreams, vLLM, LiteLLM, the gateway."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from _figures import ROOT

HERE = Path(__file__).parent
MINI = ROOT / "src" / "karui" / "models" / "mini"
KEY = "sk-of-this-bench-alone"
_QUIET = {"HF_HUB_OFFLINE": "1", "VLLM_NO_USAGE_STATS": "1", "OMP_NUM_THREADS": "1"}


class Died(RuntimeError):
    """A server ended, or did not come up, with the end of what it printed."""


def free_port() -> int:
    """Returns a port of this machine that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def get(url: str, seconds: float = 5.0) -> Any:
    """Fetches JSON."""
    with urllib.request.urlopen(url, timeout=seconds) as reply:
        return json.load(reply)


def up(url: str) -> bool:
    """Returns whether something answers there with success."""
    try:
        urllib.request.urlopen(url, timeout=1).close()
    except OSError:
        return False
    return True


@contextmanager
def server(
    command: Sequence[object],
    health: str,
    log: Path,
    *,
    seconds: float = 180,
    env: dict[str, str] | None = None,
) -> Iterator[subprocess.Popen]:
    """Runs a server until the block ends; waits until its health page answers.

    Raises:
        Died: It did not come up.
    """
    with log.open("wb") as out:
        process = subprocess.Popen(
            [str(word) for word in command],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            env={**os.environ, **_QUIET, **(env or {})},
            start_new_session=True,
        )
    try:
        deadline = time.monotonic() + seconds
        while not up(health):
            if process.poll() is not None or time.monotonic() > deadline:
                said = log.read_text(errors="replace")[-1500:]
                raise Died(f"{command[0]} did not come up:\n{said}")
            time.sleep(0.1)
        yield process
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def upstream(port: int = 0) -> Iterator["Paced"]:
    """Runs the paced upstream."""
    process = subprocess.Popen(
        [sys.executable, HERE / "_upstream.py", str(port)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield Paced(f"http://127.0.0.1:{int(process.stdout.readline())}", process)
    finally:
        process.stdin.close()
        process.wait(10)


@dataclass(frozen=True)
class Paced:
    """The paced upstream."""

    url: str
    process: subprocess.Popen

    def open(self) -> int:
        """Returns how many requests it still works on."""
        return get(f"{self.url}/stats")["open"]


@contextmanager
def vllm(binary: Path, folder: Path, log: Path, *, cache: bool = True) -> Iterator[str]:
    """Serves karui-mini, or a model of its shape, on vLLM for CPUs; gives its address.

    A step has room for every prompt of 64 clients: vLLM 0.32 on a CPU dies of a request with a seed whose
    prompt it reads in two steps ("CPU Generator does not use offset").
    """
    port = free_port()
    flags = (
        "--served-model-name karui-mini --dtype float32 --max-model-len 2048 --enforce-eager "
        "--reasoning-parser qwen3 --enable-prompt-tokens-details --max-num-batched-tokens 16384 "
        f"--{'' if cache else 'no-'}enable-prefix-caching"
    )
    command = [binary, "serve", folder, "--host", "127.0.0.1", "--port", port, *flags.split()]
    health = f"http://127.0.0.1:{port}/health"
    with server(command, health, log, seconds=420, env={"VLLM_CPU_KVCACHE_SPACE": "1"}):
        yield f"http://127.0.0.1:{port}"


@contextmanager
def gateway(
    choice: Path, target: str, folder: Path, *options: object, settings: str = "", home: Path = ROOT
) -> Iterator["Gateway"]:
    """Runs `karui serve` of the build in `home`; it counts its own tasks when asked."""
    port = free_port()
    file = folder / f"gateway-{port}.toml"
    file.write_text(f'history = "{folder / f"history-{port}.sqlite3"}"\n{settings}', encoding="utf-8")
    counted = folder / f"tasks-{port}"
    command = [
        sys.executable,
        home / "bench" / "_counted.py",
        counted,
        "serve",
        choice,
        "--upstream",
        target,
        "--port",
        port,
    ]
    url = f"http://127.0.0.1:{port}"
    with server(
        [*command, "--config", file, *options],
        f"{url}/health",
        folder / f"gateway-{port}.log",
        env={"PYTHONPATH": str(home / "src")},
    ) as process:
        yield Gateway(url, process, counted)


@dataclass(frozen=True)
class Gateway:
    """A running gateway."""

    url: str
    process: subprocess.Popen
    counted: Path

    def now(self) -> dict[str, Any]:
        """Returns its state."""
        return get(f"{self.url}/api/state")["now"]

    def processor(self) -> float:
        """Returns the processor seconds that it has used, its workers included."""
        return processor(self.process)

    def held(self) -> dict[str, int]:
        """Returns what it holds: tasks, open files and sockets, connections, requests, megabytes."""
        self.counted.unlink(missing_ok=True)
        self.process.send_signal(signal.SIGUSR1)
        deadline = time.monotonic() + 10
        while not self.counted.exists():
            if time.monotonic() > deadline:
                raise Died("The gateway does not answer a signal.")
            time.sleep(0.05)
        seen, state = psutil.Process(self.process.pid), self.now()
        return {
            "tasks": int(self.counted.read_text(encoding="utf-8")),
            "files": seen.num_fds(),
            "connections": sum(c.status == psutil.CONN_ESTABLISHED for c in seen.net_connections()),
            "requests": state["in_flight"] + state["queued"],
            "megabytes": round(seen.memory_info().rss / 2**20),
        }


@contextmanager
def litellm(binary: Path, target: str, folder: Path) -> Iterator[tuple[str, subprocess.Popen]]:
    """Runs LiteLLM's proxy in front of an address; gives its own, and its process."""
    port = free_port()
    config = folder / "litellm.yaml"
    config.write_text(
        "model_list:\n  - model_name: paced\n    litellm_params:\n      model: openai/paced\n"
        f"      api_base: {target}/v1\n      api_key: none\n",
        encoding="utf-8",
    )
    command = [binary, "--config", config, "--host", "127.0.0.1", "--port", port, "--num_workers", 1]
    quiet = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_LOG": "ERROR", "LITELLM_MASTER_KEY": KEY}
    health = f"http://127.0.0.1:{port}/health/liveliness"
    with server(command, health, folder / "litellm.log", env=quiet) as process:
        yield f"http://127.0.0.1:{port}", process


@contextmanager
def nginx(binary: Path, target: str, folder: Path) -> Iterator[tuple[str, subprocess.Popen]]:
    """Runs nginx with one worker as a plain proxy in front of an address; gives its own, and its process."""
    port, place = free_port(), folder / "nginx"
    place.mkdir()
    names = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    temporary = "\n".join(f"  {name}_temp_path {place}/{name};" for name in names)
    config = place / "nginx.conf"
    config.write_text(
        f"""worker_processes 1; pid {place}/pid; error_log {place}/error.log; daemon off;
events {{ worker_connections 2048; }}
http {{
{temporary}
  access_log off;
  upstream model {{ server {target.removeprefix("http://")}; keepalive 256; }}
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass http://model; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_buffering off;
    }}
  }}
}}
""",
        encoding="utf-8",
    )
    command = [binary, "-p", place, "-c", config, "-e", place / "error.log"]
    url = f"http://127.0.0.1:{port}"
    with server(command, f"{url}/health", folder / "nginx.log") as process:
        yield url, process


def processor(process: subprocess.Popen) -> float:
    """Returns the processor seconds that a process and its children have used."""
    first = psutil.Process(process.pid)
    times = [p.cpu_times() for p in (first, *first.children(recursive=True))]
    return sum(t.user + t.system for t in times)


def memory(process: subprocess.Popen) -> int:
    """Returns the bytes that a process and its children hold."""
    first = psutil.Process(process.pid)
    return sum(p.memory_info().rss for p in (first, *first.children(recursive=True)))


def load(
    url: str, requests: list[dict[str, Any]], clients: int, seconds: float = 300.0, spread: float = 0.0
) -> dict[str, Any]:
    """Sends requests from a process of its own; `seconds` bounds the sending; in `spread` all begin."""
    job = {"url": url, "clients": clients, "seconds": seconds, "spread": spread, "requests": requests}
    done = subprocess.run(
        [sys.executable, HERE / "_load.py"],
        input=json.dumps(job),
        capture_output=True,
        text=True,
        check=False,
        timeout=seconds + 180,
    )
    if done.returncode:
        raise Died(f"The load generator failed:\n{done.stderr[-1500:]}")
    return json.loads(done.stdout)
