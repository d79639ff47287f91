"""`make demo`: a model server, the gateway with its monitor, and people who ask it something.

    python deploy/demo.py [--seconds 60] [--port 8321] [--clients 4]

The model is karui-mini, and the plan the one in bench/data/mini-choice. Where `make vllm` was run, vLLM
serves the model; else the gateway runs it in its own process. It prints the monitor's address and runs
until Ctrl-C (or for so many seconds), then ends everything it has started. It listens on this machine only.
"""

import argparse
import asyncio
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import httpx

from karui import tasks

ROOT = Path(__file__).parent.parent
MINI = ROOT / "src" / "karui" / "models" / "mini"
CHOICE = ROOT / "bench" / "data" / "mini-choice" / "choice.json"
VLLM = ROOT / ".venv-vllm" / "bin" / "vllm"
QUIET = {"HF_HUB_OFFLINE": "1", "VLLM_NO_USAGE_STATS": "1", "VLLM_CPU_KVCACHE_SPACE": "1"}


def free_port() -> int:
    """Returns a port that nobody uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start(running: ExitStack, what: str, command: Sequence[object], health: str, log: Path) -> None:
    """Starts a server and waits until it answers; it is ended with the stack."""
    print(f"{what}: starting …", flush=True)
    with log.open("wb") as out:
        process = subprocess.Popen(
            [str(word) for word in command],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            env={**os.environ, **QUIET},
            # Ctrl-C in the terminal is for this script, which then ends them in order.
            start_new_session=True,
        )
    running.callback(end, process)
    for _ in range(1200):
        if process.poll() is not None:
            sys.exit(f"{what} did not come up:\n{log.read_text(errors='replace')[-2000:]}")
        try:
            urllib.request.urlopen(health, timeout=1).close()
        except OSError:
            time.sleep(0.2)
        else:
            return
    sys.exit(f"{what} did not come up within four minutes; its log is {log}.")


def end(process: subprocess.Popen[bytes]) -> None:
    """Ends a server, and waits for it."""
    process.terminate()
    try:
        process.wait(40)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


async def people(address: str, clients: int, seconds: float) -> int:
    """Asks one question after the other, with pauses, until it is cancelled or the time is over."""
    task = tasks.load("mini:test", limit=400, seed=1)
    draw = random.Random()
    done = 0

    async def one(http: httpx.AsyncClient) -> None:
        nonlocal done
        while True:
            await asyncio.sleep(draw.expovariate(0.5))
            body = {
                # Now and then somebody asks for full thinking, or for what a plan cannot do.
                "model": draw.choices(("karui/plan", "karui/full"), (9, 1))[0],
                "messages": task.prompt(draw.choice(task.questions)).messages(apart=True),
                "stream": draw.random() < 0.5,
            }
            try:
                await http.post("/v1/chat/completions", json=body)
            except httpx.HTTPError as error:
                print(f"a request failed: {type(error).__name__} {error}", flush=True)
            done += 1

    async with httpx.AsyncClient(base_url=address, timeout=120) as http:
        asking = asyncio.gather(*(one(http) for _ in range(clients)))
        try:
            await asyncio.wait_for(asking, seconds or None)
        except TimeoutError:
            pass
        except asyncio.CancelledError:
            print("\nEnding …", flush=True)
    return done


async def until_stopped(address: str, clients: int, seconds: float) -> int:
    """Runs the load; Ctrl-C and SIGTERM end it."""
    asking = asyncio.ensure_future(people(address, clients, seconds))
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, asking.cancel)
    return await asking


def main() -> None:
    """Runs the demo."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--seconds", type=float, default=0, help="end by itself after so many; 0 never")
    parser.add_argument(
        "--port", type=int, default=8321, help="of the gateway and its monitor; 0 takes a free one"
    )
    parser.add_argument("--clients", type=int, default=4, help="how many people ask")
    parser.add_argument("--no-vllm", action="store_true", help="run the model in the gateway's process")
    options = parser.parse_args()
    port = options.port or free_port()
    address = f"http://127.0.0.1:{port}"
    # SIGTERM while something is starting ends the servers too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    with ExitStack() as running:
        folder = Path(running.enter_context(tempfile.TemporaryDirectory(prefix="karui-demo-")))
        where: list[object] = ["--model", MINI]
        if VLLM.exists() and not options.no_vllm:
            server = free_port()
            flags = (
                "--served-model-name karui-mini --dtype float32 --max-model-len 2048 --enforce-eager".split()
            )
            flags += "--reasoning-parser qwen3 --enable-prompt-tokens-details --host 127.0.0.1 --port".split()
            command = [VLLM, "serve", MINI, *flags, server]
            start(
                running,
                "model server (vLLM)",
                command,
                f"http://127.0.0.1:{server}/health",
                folder / "vllm.log",
            )
            where = ["--upstream", f"http://127.0.0.1:{server}/v1#karui-mini"]
        karui = Path(sys.executable).with_name("karui")
        command = [karui, "serve", CHOICE, *where, "--port", port, "--stage", "100"]
        command += ["--history", folder / "history.sqlite3"]
        start(running, "gateway", command, f"{address}/health", folder / "gateway.log")
        print(
            f"\n  Monitor:  {address}/\n  API:      {address}/v1   (models karui/plan and karui/full)\n",
            flush=True,
        )
        print("Some people are asking. Ctrl-C ends it.", flush=True)
        done = asyncio.run(until_stopped(address, options.clients, options.seconds))
        print(f"{done} requests were answered.", flush=True)
    print("Everything has ended.", flush=True)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit("Ended before it was up.")
