"""karui's own HTTP transport (h11 on a protocol of asyncio) against aiohttp: processor time of both.

    python -m pip install --target build/aiohttp aiohttp -c constraints.txt
    PYTHONPATH=build/aiohttp python bench/http_clients.py [--quick] [--out bench/results/http_clients.json]

karui does not depend on aiohttp: the first line puts it beside the environment, for this script alone.

Both clients run in this process, the paced upstream in another. A measurement is one client on one load, from
a new client without connections to the last byte; a pair is both on the same load, one after the other, and
every second pair begins with aiohttp. What is compared is the processor time of this process (user and
system, `resource.getrusage`): it says what a client costs, whoever else uses the machine. Wall time stands
beside it; on a paced stream it says only that neither client fell behind.

Both have the same headers, time-outs (`Limits`) and reuse of connections, and both give the body as it comes
(`Reply.pieces`, `iter_any`), undecoded. aiohttp is set to have no cookies, no limit of connections and no
total time-out. The time per event includes its share of the request.

A paced stream arrives an event at a time, as from a model; flat out, many events share one read. On a busy
machine paced events share reads too, which makes them cheaper for whichever client waited longer: measure on
an idle machine. The note under a load has the schedule of the streams beside their wall time. The own
transport's pieces are the server's chunks, however many a read brought; aiohttp's are what it has by then.
"""

import asyncio
import gc
import json
import os
import resource
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from statistics import mean
from typing import Any, Protocol

from _figures import Figures, arguments
from _servers import upstream
from _upstream import MODEL

from karui.engines.openai.protocol.http_pool import Pool
from karui.gateway.limits import Limits
from karui.measure.intervals import ratio_interval

CLEARLY = 1.2
"""The own transport's processor time over aiohttp's from which aiohttp is clearly the cheaper."""
PATH = "v1/chat/completions"
HEADERS = {"content-type": "application/json", "accept": "*/*", "user-agent": "karui"}
ONWARD = {"x-request-id": "bench"}
"""A header of the request, beside those of the client."""


@dataclass(frozen=True)
class Load:
    """What a client is measured on.

    Attributes:
        name: Of the figures.
        at_once: Requests under way at the same time, each on its connection.
        requests: Of each connection, one after the other.
        tokens: Of each reply; a stream has two events more, the finish reason and [DONE].
        gap: Seconds between events; 0 sends them as fast as the upstream can.
        stream: Whether the reply is a stream.
    """

    name: str
    at_once: int
    requests: int
    tokens: int
    gap: float = 0.0
    stream: bool = True

    @property
    def replies(self) -> int:
        """How many replies."""
        return self.at_once * self.requests

    @property
    def units(self) -> int:
        """What the processor time is divided by: events of streams, else replies."""
        return self.replies * (self.tokens + 2) if self.stream else self.replies

    @property
    def schedule(self) -> float:
        """Seconds that the upstream's pace takes, for the last of the streams to begin."""
        return self.requests * self.gap * (self.tokens + 1 - 1 / self.at_once)

    def body(self, number: int) -> bytes:
        """Returns a connection's request; streams begin one after the other within the first gap."""
        script = {"first": self.gap * number / self.at_once, "gap": self.gap, "tokens": self.tokens}
        said = {"role": "user", "content": f"bench {json.dumps(script)}"}
        return json.dumps({"model": MODEL, "stream": self.stream, "messages": [said]}).encode()


LOADS = (
    Load("1 stream, paced", 1, 2, 400, 0.004),
    Load("32 streams, paced", 32, 1, 400, 0.01),
    Load("256 streams, paced", 256, 1, 100, 0.05),
    Load("32 streams, flat out", 32, 1, 400),
    Load("1 whole reply at a time", 1, 300, 64, stream=False),
    Load("32 whole replies at a time", 32, 20, 64, stream=False),
)
QUICK = tuple(
    Load(load.name, min(load.at_once, 32), min(load.requests, 5), 20, load.gap / 4, load.stream)
    for load in LOADS
)


class Client(Protocol):
    """One of the two, with connections of its own."""

    async def post(self, body: bytes, *, stream: bool) -> tuple[int, int]:
        """Sends a request; returns the bytes of the reply's body and the pieces that they came in."""
        ...

    async def close(self) -> None:
        """Closes every connection."""
        ...


class Own:
    """The gateway's transport, called as `upstream.py` calls it."""

    def __init__(self, url: str) -> None:
        bounds = Limits()
        self._pool = Pool(url, HEADERS, bounds.connect_seconds, bounds.silence_seconds)

    async def post(self, body: bytes, *, stream: bool) -> tuple[int, int]:
        """Sends a request; returns the bytes of the reply's body and the pieces that they came in."""
        size = pieces = 0
        async with self._pool.request("POST", PATH, body, ONWARD) as reply:
            _well(reply.status)
            if not stream:
                return len(await reply.read()), 1
            async for piece in reply.pieces():
                size += len(piece)
                pieces += 1
        return size, pieces

    async def close(self) -> None:
        """Closes every connection."""
        self._pool.close()


class Aiohttp:
    """aiohttp's client, set to do the same."""

    def __init__(self, url: str) -> None:
        import aiohttp

        bounds = Limits()
        self._url = f"{url}/{PATH}"
        self._session = aiohttp.ClientSession(
            headers=HEADERS,
            connector=aiohttp.TCPConnector(limit=0),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(
                total=None, sock_connect=bounds.connect_seconds, sock_read=bounds.silence_seconds
            ),
            auto_decompress=False,
            skip_auto_headers=("Accept-Encoding",),
        )

    async def post(self, body: bytes, *, stream: bool) -> tuple[int, int]:
        """Sends a request; returns the bytes of the reply's body and the pieces that they came in."""
        size = pieces = 0
        async with self._session.post(self._url, data=body, headers=ONWARD) as reply:
            _well(reply.status)
            if not stream:
                return len(await reply.read()), 1
            async for piece in reply.content.iter_any():
                size += len(piece)
                pieces += 1
        return size, pieces

    async def close(self) -> None:
        """Closes every connection."""
        await self._session.close()


CLIENTS: dict[str, Callable[[str], Client]] = {"own": Own, "aiohttp": Aiohttp}


@dataclass(frozen=True)
class Spent:
    """One measurement.

    Attributes:
        processor: Seconds of this process, user and system.
        wall: Seconds from the first request to the last byte.
        size: Bytes of all bodies.
        pieces: That they came in.
    """

    processor: float
    wall: float
    size: int
    pieces: int


async def measured(made: Callable[[str], Client], url: str, load: Load) -> Spent:
    """Measures one client on one load."""
    bodies = [load.body(number) for number in range(load.at_once)]
    gc.collect()
    used, began = _processor(), time.perf_counter()
    client = made(url)

    async def connection(body: bytes) -> list[tuple[int, int]]:
        return [await client.post(body, stream=load.stream) for _ in range(load.requests)]

    found = [reply for replies in await asyncio.gather(*map(connection, bodies)) for reply in replies]
    spent = _processor() - used, time.perf_counter() - began
    await client.close()
    return Spent(*spent, sum(size for size, _ in found), sum(pieces for _, pieces in found))


async def pairs(url: str, load: Load, count: int) -> dict[str, list[Spent]]:
    """Measures both on one load, pair by pair.

    Raises:
        RuntimeError: They did not read the same number of bytes.
    """
    spent: dict[str, list[Spent]] = {name: [] for name in CLIENTS}
    for number in range(count):
        for name in list(CLIENTS)[:: -1 if number % 2 else 1]:
            spent[name].append(await measured(CLIENTS[name], url, load))
    sizes = {one.size for all_of_it in spent.values() for one in all_of_it}
    if len(sizes) != 1:
        raise RuntimeError(f"{load.name}: replies differ in bytes (got {sorted(sizes)}). Repair the client.")
    return spent


def told(figures: Figures, load: Load, spent: dict[str, list[Spent]]) -> dict[str, Any]:
    """Prints the figures of one load, and returns what the results keep of it."""
    unit = "event" if load.stream else "reply"
    for name, all_of_it in spent.items():
        each = 1e6 * mean(one.processor for one in all_of_it) / load.units
        figures.shown(f"{load.name}: {name}, processor time per {unit}", each, "µs", 1)
    ratio = ratio_interval(*([one.processor for one in spent[name]] for name in CLIENTS))
    figures.shown(f"{load.name}: own / aiohttp, processor time", ratio, "×", 2)
    walls = [mean(one.wall for one in spent[name]) for name in CLIENTS]
    figures.shown(f"{load.name}: own / aiohttp, wall time", walls[0] / walls[1], "×", 2)
    each = [
        mine.processor / theirs.processor for mine, theirs in zip(spent["own"], spent["aiohttp"], strict=True)
    ]
    pieces = ", ".join(f"{n} {load.units / mean(o.pieces for o in s):.1f}" for n, s in spent.items())
    late = f", scheduled {load.schedule:.2f} s" if load.gap else ""
    figures.note(
        f"pairs from {min(each):.2f}× to {max(each):.2f}×; wall {walls[0]:.2f} s and {walls[1]:.2f} s{late}"
        + (f"; events a piece: {pieces}" if load.stream else "")
    )
    kept = {name: [asdict(one) for one in all_of_it] for name, all_of_it in spent.items()}
    return {"load": asdict(load), "units": load.units, "ratio": ratio.value, "ratios": each, "spent": kept}


def verdict(ratios: Sequence[float]) -> str:
    """Returns what follows from the ratios own/aiohttp of the paced streams."""
    if min(ratios) >= CLEARLY:
        return f"aiohttp is clearly cheaper on every paced load (at least {min(ratios):.2f}x)"
    if max(ratios) < CLEARLY:
        return f"the own transport stays: its processor time is at most {max(ratios):.2f}x aiohttp's"
    return f"it depends on the load: {min(ratios):.2f}x to {max(ratios):.2f}x aiohttp's processor time"


def main() -> int:
    """Runs the bench and returns its exit code."""
    parser = arguments(__doc__)
    parser.add_argument("--pairs", type=int, default=6, help="measurements of each client on each load")
    options = parser.parse_args()
    try:
        import aiohttp
    except ModuleNotFoundError:
        print("aiohttp is not installed. Install it as the head of this script says, and set PYTHONPATH.")
        return 2
    import h11

    figures = Figures("http_clients", options)
    before = os.getloadavg()
    figures.note(f"load before the start {before[0]:.2f} on {os.cpu_count()} cores")
    versions = {"aiohttp": aiohttp.__version__, "h11": h11.__version__}
    parser_of = aiohttp.http_parser.HttpResponseParser.__module__
    figures.note(f"aiohttp {aiohttp.__version__} ({parser_of}), h11 {h11.__version__}, asyncio's own loop")
    found = []
    with upstream() as paced:
        for full, small in zip(LOADS, QUICK, strict=True):
            load, count = (small, 2) if options.quick else (full, options.pairs)
            asyncio.run(pairs(paced.url, small, 1))  # imports and first calls are not measured
            found.append(told(figures, load, asyncio.run(pairs(paced.url, load, count))))
    said = verdict([one["ratio"] for one in found if one["load"]["gap"]])
    if not options.quick:
        figures.note(said)
    figures.extra = {
        "load_before": [round(number, 2) for number in before],
        "versions": {**versions, "aiohttp's parser": parser_of},
        "pairs": options.pairs,
        "verdict": said,
        "loads": found,
    }
    return figures.close()


def _processor() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _well(status: int) -> None:
    if status != 200:
        raise RuntimeError(f"The upstream's status is not 200 (got {status}). See bench/_upstream.py.")


if __name__ == "__main__":
    sys.exit(main())
