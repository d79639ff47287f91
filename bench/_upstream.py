"""A model server without a model: as fast as Python gets, paced like a real one, and faulty on demand.

It speaks HTTP/1.1 straight on asyncio's transports, so that what the gateway adds is not lost in what a
framework under a made-up model takes. What it does is said in the last message, so that it passes through
any proxy: `bench {"first": 0.05, "gap": 0.02, "tokens": 64}` streams 64 tokens, the first after 50 ms, one
every 20 ms. `"text"` is what each token says, so many `"times"`. `"fault"` makes it fail: see `FAULTS`.
`/stats` says what it still has open.

    python bench/_upstream.py [PORT]    prints its port and serves until its standard input closes
"""

import asyncio
import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

FAULTS = ("dies", "hangs", "500", "garbage", "nonsense", "slow", "error", "freezes")
"""dies: the connection breaks in mid-stream; hangs: in mid-stream, nothing more comes; 500; garbage: an
answer that is no JSON and no event; nonsense: an event that is no JSON, in mid-stream; slow: nothing at all
for `first` seconds, not even the head; error: an error event in mid-stream; freezes: the whole server stands
still for `first` seconds, and accepts nobody."""
MODEL = "paced"
_HANGS = 3600.0


@dataclass
class Counts:
    """What it has seen and what is open."""

    connections: int = 0
    open: int = 0
    requests: int = 0
    aborted: int = 0
    streams: set["Serving"] = field(default_factory=set)

    def as_dict(self) -> dict[str, int]:
        """Returns the numbers."""
        return {n: getattr(self, n) for n in ("connections", "open", "requests", "aborted")}


@dataclass(frozen=True)
class Script:
    """What a request asks it to do."""

    first: float = 0.0
    gap: float = 0.0
    tokens: int = 8
    fault: str = ""
    finish: str = "stop"
    text: str = " word"
    times: int = 1

    @property
    def token(self) -> str:
        """What each token says."""
        return self.text * self.times

    @staticmethod
    def of(body: dict[str, Any]) -> "Script":
        """Reads it from the last message, where it may stand anywhere behind "bench"."""
        messages = body.get("messages") or [{}]
        text = messages[-1].get("content") or body.get("prompt") or ""
        asked: dict[str, Any] = {}
        if isinstance(text, str) and "bench {" in text:
            asked, _ = json.JSONDecoder().raw_decode(text[text.index("bench {") + 6 :])
        script = Script(**asked)
        limit = body.get("max_completion_tokens") or body.get("max_tokens")
        return replace(script, tokens=limit, finish="length") if limit and limit < script.tokens else script


class Serving(asyncio.Protocol):
    """One connection; requests on it come one after the other."""

    def __init__(self, counts: Counts) -> None:
        self.counts = counts
        self.loop = asyncio.get_running_loop()
        self.transport: asyncio.Transport | None = None
        self.buffer = b""
        self.timer: asyncio.TimerHandle | None = None
        self.busy = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begins."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.counts.connections += 1

    def connection_lost(self, exc: Exception | None) -> None:
        """Ends; a stream under way was aborted by the other side."""
        self.counts.connections -= 1
        if self.timer is not None:
            self.timer.cancel()
        if self.busy:
            self.counts.aborted += 1
            self.done()

    def data_received(self, data: bytes) -> None:
        """Takes in a request, and answers it once it is whole."""
        self.buffer += data
        while not self.busy and (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            head = self.buffer[:end].decode("latin-1").split("\r\n")
            headers = dict(line.lower().split(": ", 1) for line in head[1:] if ": " in line)
            length = int(headers.get("content-length", "0"))
            if len(self.buffer) < end + 4 + length:
                return
            body = self.buffer[end + 4 : end + 4 + length]
            self.buffer = self.buffer[end + 4 + length :]
            method, path, _ = head[0].split(" ", 2)
            self.route(method, path, body)

    def route(self, method: str, path: str, body: bytes) -> None:
        """Answers one request."""
        if path == "/v1/models":
            models = [
                {"id": MODEL, "object": "model", "created": 1, "owned_by": "bench", "max_model_len": 32768}
            ]
            self.answer(200, {"object": "list", "data": models})
        elif path == "/stats":
            self.answer(200, self.counts.as_dict())
        elif path == "/health":
            self.answer(200, {})
        elif method == "POST" and path in {"/v1/chat/completions", "/v1/completions"}:
            try:
                asked = json.loads(body)
                script = Script.of(asked)
            except (ValueError, TypeError, AttributeError, LookupError) as wrong:
                self.answer(400, _error(f"bad request: {type(wrong).__name__}", 400))
                return
            self.generate(asked, script, chat="chat" in path)
        else:
            self.answer(404, _error("Not Found", 404))

    def generate(self, body: dict[str, Any], script: Script, *, chat: bool) -> None:
        """Starts a completion."""
        self.busy = True
        self.counts.requests += 1
        self.counts.open += 1
        if script.fault == "freezes":
            time.sleep(script.first)
            script = replace(script, first=0.0, fault="")
        if script.fault == "500":
            self.later(script.first, lambda: self.fail(500))
        elif script.fault == "garbage":
            self.later(script.first, self.garbage)
        elif script.fault == "slow":
            self.later(script.first, lambda: self.stream(script, body, chat=chat, first=0.0))
        elif body.get("stream"):
            self.stream(script, body, chat=chat, first=script.first)
        else:
            self.later(script.first + script.gap * script.tokens, lambda: self.whole(script, body, chat=chat))

    def later(self, seconds: float, work: Callable[[], None]) -> None:
        """Does something after a while, unless the client goes away."""
        self.timer = self.loop.call_later(seconds, work)

    def done(self) -> None:
        """The request is over; the next may have been sent already."""
        self.busy, self.timer = False, None
        self.counts.open -= 1

    def whole(self, script: Script, body: dict[str, Any], *, chat: bool) -> None:
        """Answers in one piece."""
        if script.fault:
            self.hangup()
            return
        text = script.token * script.tokens
        choice = {"index": 0, "finish_reason": script.finish, "logprobs": None}
        choice |= {"message": {"role": "assistant", "content": text}} if chat else {"text": text}
        kind = "chat.completion" if chat else "text_completion"
        reply = {"id": "x", "object": kind, "created": 1, "model": MODEL, "choices": [choice]}
        self.done()
        self.answer(200, reply | {"usage": _usage(script)})

    def stream(self, script: Script, body: dict[str, Any], *, chat: bool, first: float) -> None:
        """Streams tokens on schedule: each is due at its own time, whenever the last one left."""
        began = self.loop.time()
        self.write(
            b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\n"
            b"cache-control: no-cache\r\ntransfer-encoding: chunked\r\n\r\n"
        )
        token, last = _events(script, chat=chat)
        tail = [last]
        if (body.get("stream_options") or {}).get("include_usage"):
            tail.append(
                _event({**_BASE, "object": "chat.completion.chunk", "choices": [], "usage": _usage(script)})
            )
        tail.append(_chunk(b"data: [DONE]\n\n") + b"0\r\n\r\n")
        sent = 0

        def tick() -> None:
            nonlocal sent
            if sent == script.tokens:
                self.done()
                self.write(b"".join(tail))
                return
            if script.fault and sent >= max(1, script.tokens // 2):
                self.break_off(script.fault)
                return
            self.write(token)
            sent += 1
            self.timer = self.loop.call_at(began + first + script.gap * sent, tick)

        self.timer = self.loop.call_at(began + first, tick)

    def break_off(self, fault: str) -> None:
        """Fails in mid-stream."""
        if fault == "hangs":
            self.later(_HANGS, self.hangup)
        elif fault == "nonsense":
            self.done()
            self.write(_chunk(b"data: {nonsense\n\n") + b"0\r\n\r\n")
        elif fault == "error":
            self.done()
            self.write(_event(_error("the engine died", 500)) + b"0\r\n\r\n")
        else:
            self.hangup()

    def hangup(self) -> None:
        """Breaks the connection."""
        self.done()
        if self.transport is not None:
            self.transport.abort()

    def garbage(self) -> None:
        """Answers with something that is no answer."""
        self.done()
        self.write(
            b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 22\r\n\r\n<html>not this</html>\0"
        )

    def fail(self, status: int) -> None:
        """Answers with an error."""
        self.done()
        self.answer(status, _error("the engine died", status))

    def answer(self, status: int, body: dict[str, Any]) -> None:
        """Writes a JSON reply."""
        data = json.dumps(body).encode()
        head = f"HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {len(data)}\r\n\r\n"
        self.write(head.encode() + data)

    def write(self, data: bytes) -> None:
        """Writes, unless the client has gone."""
        if self.transport is not None and not self.transport.is_closing():
            self.transport.write(data)


_BASE = {"id": "chatcmpl-paced", "created": 1760000000, "model": MODEL}


def _events(script: Script, *, chat: bool) -> tuple[bytes, bytes]:
    """Returns the event of a token and the one with the finish reason."""
    made = []
    for text, end in ((script.token, None), ("", script.finish)):
        said = {"delta": {"content": text} if text else {}} if chat else {"text": text}
        choice = {"index": 0, **said, "logprobs": None, "finish_reason": end}
        kind = "chat.completion.chunk" if chat else "text_completion"
        made.append(_event({**_BASE, "object": kind, "choices": [choice]}))
    return made[0], made[1]


def _event(data: dict[str, Any]) -> bytes:
    return _chunk(b"data: " + json.dumps(data).encode() + b"\n\n")


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def _usage(script: Script) -> dict[str, int]:
    return {"prompt_tokens": 8, "completion_tokens": script.tokens, "total_tokens": 8 + script.tokens}


def _error(message: str, status: int) -> dict[str, Any]:
    return {"error": {"message": message, "type": "server_error", "param": None, "code": status}}


async def main() -> None:
    """Serves until standard input closes: whoever started it has gone then."""
    counts = Counts()
    loop = asyncio.get_running_loop()
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 0
    server = await loop.create_server(lambda: Serving(counts), "127.0.0.1", port, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


if __name__ == "__main__":
    asyncio.run(main())
