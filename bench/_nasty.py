"""Large texts of a model that cost most to read: how long /health waits meanwhile.

The upstream says a text of a megabyte, in one piece or in many, and each way through the gateway reads it.
`/health` is asked again and again; the longest wait is kept, of several runs the least, since other work on
the machine only adds to it. What it is without any text is printed, too.
"""

import http.client
import json
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from _choices import made_up
from _figures import Figures
from _servers import gateway, load, upstream

SIZE = 2**20
MOST_MS = 50.0
TEXTS = {
    "<": "<",
    "digits": "7",
    "braces": "{",
    "boxes": "\\boxed{",
    "box begun": "\\boxed",
    "thinking begun": "</think",
    "thinking": "<think>a</think>",
    "final answer": "final answer ",
    "blanks": " ",
    "lines": "\n\n",
    "no ASCII": "é漢",
}
PLAN = "token-cap:tokens=4000"
SETTINGS = "[limits]\nrequest_seconds = 60.0\nsilence_seconds = 30.0\n"
WAYS = {
    "passed on": ("/v1/chat/completions", "paced"),
    "full thinking": ("/v1/chat/completions", "karui/full"),
    "plan": ("/v1/chat/completions", "karui/plan"),
    "translated": ("/v1/messages", "karui/full"),
    "plan, translated": ("/v1/responses", "karui/plan"),
}


class Waits:
    """Asks for /health again and again, from a thread."""

    def __init__(self, url: str) -> None:
        self._connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=60)
        self._over = threading.Event()
        self.longest = 0.0
        self.count = 0

    def run(self) -> None:
        """Until it is over."""
        while not self._over.is_set():
            began = time.perf_counter()
            self._connection.request("GET", "/health")
            self._connection.getresponse().read()
            self.longest = max(self.longest, time.perf_counter() - began)
            self.count += 1
            time.sleep(0.002)

    @contextmanager
    def looking(self) -> Any:
        """Asks for as long as the block lasts."""
        thread = threading.Thread(target=self.run)
        thread.start()
        try:
            yield self
        finally:
            self._over.set()
            thread.join()
            self._connection.close()


def asked(way: str, text: str, pieces: int, *, stream: bool) -> dict[str, Any]:
    """Returns one request."""
    path, model = WAYS[way]
    times = max(1, SIZE // pieces // len(TEXTS[text].encode()))
    said = f"bench {json.dumps({'text': TEXTS[text], 'times': times, 'tokens': pieces})}"
    body: dict[str, Any] = {"model": model, "stream": stream}
    body |= {"input": said} if "responses" in path else {"messages": [{"role": "user", "content": said}]}
    body |= {"max_tokens": 8192} if "messages" in path else {}
    return {"path": path, "body": body}


def longest(url: str, requests: list[dict[str, Any]]) -> tuple[float, int]:
    """Returns the longest wait in milliseconds while requests are answered, and how many were not."""
    with Waits(url).looking() as waits:
        found = load(url, requests, 1, seconds=120)
    return 1000 * waits.longest, sum(r["form"] not in {"reply", "stream"} for r in found["results"])


def nasty(figures: Figures, folder: Path) -> None:
    """Prints the figures."""
    choice = made_up(PLAN, folder / "capped-nasty")
    options = ("--stage", "100", "--same-model")
    runs = 1 if figures.quick else 3
    worst: list[tuple[float, str]] = []
    lost = 0
    with upstream() as paced, gateway(choice, f"{paced.url}/v1", folder, *options, settings=SETTINGS) as ours:
        small = [asked(way, "lines", 8, stream=True) for way in WAYS]
        for request in small:
            request["body"]["max_tokens"] = 64
        longest(ours.url, small)
        with Waits(ours.url).looking() as waits:
            time.sleep(2.0)
        figures.shown("large texts: longest wait for /health without any", 1000 * waits.longest, "ms", 0)
        for way in WAYS:
            of_way = []
            for text in list(TEXTS)[:: 3 if figures.quick else 1]:
                for pieces, stream in ((1, True), (256, True), (1, False)):
                    waited = []
                    for _ in range(runs):
                        wait, broken = longest(ours.url, [asked(way, text, pieces, stream=stream)])
                        waited.append(wait)
                        lost += broken
                    kind = f"{pieces} events" if stream else "whole"
                    of_way.append((min(waited), f"{way}: {text}, {kind}"))
            worst.append(max(of_way))
            for wait, name in sorted(of_way)[-3:]:
                figures.note(f"{name}: {wait:.0f} ms")
    for wait, name in worst:
        figures.at_most(f"large texts: /health waited, {name}", wait, MOST_MS, "ms", 0)
    figures.at_most("large texts: replies not whole", lost, 0, digits=0)
