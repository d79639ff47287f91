"""`karui record` on a server against a plain client on the same server: tokens per second.

    python bench/wire.py --server http://127.0.0.1:8000/v1#NAME [--out bench/results/wire.json]

The plain client (bench/_plain_client.py) streams the replies to the same prompts and makes nothing of them.
`karui record` is run as users run it, in a process of its own; its tokens are those of thinking, answers and
trials, its seconds those in which it recorded (without loading and without finding out what the server does,
which are shown). Both keep as many requests at the server at once, and draw alike. karui is run with the
log-probabilities of answers and trials (what it asks for unless told otherwise), without any, and with those
of every token; each with one process and with several. Before that the server is warmed up: the first
requests pay for compilation.

Without `--server` it runs against llama.cpp's own server on this machine, which shows only that it works.
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic
from typing import Any
from urllib.request import Request, urlopen

from _figures import ROOT, Figures, arguments

from karui import tasks
from karui.recording import store

PLAIN, SIGNALS = 0.7, 0.4
"""Targets: of the plain client's tokens per second, without and with the signals of every token."""
LEVELS = ("answers", "none", "few", "all")
SAMPLING = {"temperature": 0.6, "top_p": 0.95}


def main() -> int:
    parser = arguments(__doc__)
    parser.add_argument("--server", default="", help="address, with the model's name behind a #")
    parser.add_argument("--questions", default="mini:pilot", help="as `karui record` takes them")
    parser.add_argument("--requests", type=int, default=1024, help="replies of each run")
    parser.add_argument("--samples", type=int, default=2, help="of them for each question")
    parser.add_argument("--at-once", type=int, default=256, help="requests under way at the same time")
    parser.add_argument("--max-tokens", type=int, default=1024, help="of a reply at most")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 4], help="processes of karui")
    parser.add_argument("--told", default="", help="what the server runs on, for the results")
    options = parser.parse_args()
    if options.quick:
        options.requests, options.samples, options.at_once = min(options.requests, 16), 1, 8
        options.max_tokens, options.workers = min(options.max_tokens, 128), options.workers[:1]
    figures = Figures("wire", options)
    try:
        with _server(options.server) as address:
            _measure(figures, address, options)
    finally:
        code = figures.close()
    return code


def _measure(figures: Figures, address: str, options: argparse.Namespace) -> None:
    url, _, model = address.partition("#")
    bodies = _bodies(url, model, options)
    figures.extra["server"] = options.told or address
    figures.extra["load_of_runs"] = {"requests": len(bodies), "at_once": options.at_once}
    _plain(url, bodies[: options.at_once], options)  # the warm-up
    _plain(url, [b | {"logprobs": 20} for b in bodies[: options.at_once]], options)
    streamed = [b | {"stream": True, "stream_options": {"include_usage": True}} for b in bodies]
    plain = _plain(url, streamed, options)
    figures.shown("plain client, streamed", plain, "/s", 0)
    for name, changed, share in (
        ("plain client, streamed, 1 log-probability", [b | {"logprobs": 1} for b in streamed], 2),
        ("plain client, streamed, 20 log-probabilities", [b | {"logprobs": 20} for b in streamed], 4),
        ("plain client, whole replies", bodies, 1),
        ("plain client, whole replies, 20 log-probabilities", [b | {"logprobs": 20} for b in bodies], 4),
    ):
        figures.shown(
            name, _plain(url, changed[: max(options.at_once, len(bodies) // share)], options), "/s", 0
        )
    best: dict[str, float] = {}
    for level in LEVELS:
        for workers in options.workers[:1] if level in {"none", "all"} else options.workers:
            found = _recorded(address, level, workers, options)
            name = f"karui record, --logprobs {level}, {workers} process{'es' * (workers > 1)}"
            figures.shown(name, found["rate"], "/s", 0)
            figures.note(f"{found['tokens']:,.0f} tokens, {found['trials']:.1f} trials a trace, "
                         f"{found['wall']:.0f} s with loading; abilities: {found['abilities']}")  # fmt: skip
            best[level] = max(best.get(level, 0.0), found["rate"])
    figures.at_least("karui without signals / plain client", best["answers"] / plain, PLAIN, "×", 2)
    figures.shown("karui without log-probabilities / plain client", best["none"] / plain, "×", 2)
    figures.at_least("karui with signals, of few / plain client", best["few"] / plain, SIGNALS, "×", 2)
    figures.shown("karui with signals, of 20 / plain client", best["all"] / plain, "×", 2)


def _bodies(url: str, model: str, options: argparse.Namespace) -> list[dict[str, Any]]:
    """Returns requests of the prompts that karui sends, as the server's own template writes them."""
    task = tasks.load(options.questions, limit=options.requests // options.samples)
    bodies = []
    for sample in range(options.samples):
        for number, question in enumerate(task.questions):
            message = {"role": "user", "content": task.prompt(question).user}
            bodies.append({"messages": [message], "seed": 1000 * sample + number})
    return [_completion(url, model, body, options.max_tokens) for body in bodies]


_RENDERED: dict[str, list[int]] = {}


def _completion(url: str, model: str, body: dict[str, Any], most: int) -> dict[str, Any]:
    asked = body["messages"][0]["content"]
    if asked not in _RENDERED:
        _RENDERED[asked] = _tokens(url.removesuffix("/v1"), model, body["messages"])
    return {"model": model, "prompt": _RENDERED[asked], "seed": body["seed"], "max_tokens": most, **SAMPLING}


def _tokens(root: str, model: str, messages: list[dict[str, str]]) -> list[int]:
    """Returns a chat's prompt in tokens: from vLLM's `/tokenize`, or llama.cpp's two endpoints."""
    told = {"model": model, "messages": messages, "add_generation_prompt": True}
    try:
        text = _post(f"{root}/apply-template", told)["prompt"]
    except OSError:
        return list(_post(f"{root}/tokenize", told)["tokens"])
    return list(_post(f"{root}/tokenize", {"content": text, "parse_special": True})["tokens"])


def _post(address: str, body: dict[str, Any]) -> Any:
    asked = Request(address, json.dumps(body).encode(), {"content-type": "application/json"})
    with urlopen(asked, timeout=60) as reply:
        return json.load(reply)


def _plain(url: str, bodies: list[dict[str, Any]], options: argparse.Namespace) -> float:
    """Returns the tokens per second of the plain client, in a process of its own."""
    job = {"url": url, "bodies": bodies, "at_once": min(options.at_once, len(bodies))}
    client = [sys.executable, str(Path(__file__).with_name("_plain_client.py"))]
    done = subprocess.run(client, input=json.dumps(job), capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"The plain client failed:\n{done.stderr[-1500:]}")
    found = json.loads(done.stdout)
    return found["tokens"] / found["seconds"]


def _recorded(address: str, level: str, workers: int, options: argparse.Namespace) -> dict[str, Any]:
    """Returns what `karui record` came to."""
    with TemporaryDirectory() as folder:
        out = Path(folder) / "recording"
        words = ["record", "--engine", address, "--questions", options.questions, "--out", str(out),
                 "--limit", str(options.requests // options.samples), "--samples", str(options.samples),
                 "--concurrency", str(options.at_once), "--max-tokens", str(options.max_tokens),
                 "--workers", str(workers), "--logprobs", level, "--min-accuracy", "0"]  # fmt: skip
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), *sys.path[1:]])}
        began = monotonic()
        done = subprocess.run(
            [sys.executable, "-m", "karui", *words],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        wall = monotonic() - began
        if done.returncode:
            raise SystemExit(f"karui record failed:\n{done.stdout[-1500:]}{done.stderr[-3000:]}")
        recording = store.load(out, signals=False)
        traces = [t for q in recording.questions for t in q.traces]
        trials = [m.trial for t in traces for m in t.checkpoints if m.trial is not None]
        return {
            "rate": recording.manifest.tokens_per_second,
            "tokens": sum(t.tokens for t in traces) + sum(t.tokens for t in trials),
            "trials": len(trials) / len(traces),
            "wall": wall,
            "abilities": ", ".join(sorted(recording.manifest.abilities)),
        }


@contextmanager
def _server(given: str) -> Iterator[str]:
    if given:
        yield given
        return
    from _llama import llama_server

    from karui.models import place

    with TemporaryDirectory() as folder:
        from karui import catalog
        from karui.artifacts.build import make  # a GGUF file of karui-mini

        made = make(catalog.parse("gguf:type=q8_0"), Path(place("karui-mini")), Path(folder), name="mini")
        file = next(made.folder.glob("*.gguf"))
        with llama_server(file, Path(folder) / "log") as address:
            yield f"{address}#mini"


if __name__ == "__main__":
    sys.exit(main())
