#!/usr/bin/env bash
# uvloop 0.23.0: a write a turn after the connection is lost raises RuntimeError, where asyncio's transports say nothing.
#
# A protocol that gathers what it writes and flushes it in a callback of its own (call_soon), as servers of streams do,
# may flush after its client has left. In connection_lost itself both loops take the write and drop it. A turn of the loop
# later asyncio's transport still drops it; uvloop's has closed its handle, and write and writelines raise "unable to
# perform operation on <TCPTransport closed=True …>; the handler is closed". All else that a protocol usually does
# (is_closing, get_write_buffer_size, pause_reading, resume_reading, close, abort) is quiet in both. uvicorn takes uvloop
# by itself where it is installed, so a server meets this once an extra brings uvloop along: in a callback the error
# reaches the loop's exception handler, a traceback for every client that leaves in mid-stream.
#
# asyncio documents nothing for a write behind connection_lost; is_closing() asked first is right in both.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet uvloop==0.23.0
"$place/venv/bin/python" - <<'PY'
import asyncio

import uvloop


class Flushes(asyncio.Protocol):
    """Writes when its client has gone, and once more a turn later."""

    def __init__(self, seen, over):
        self.seen, self.over = seen, over

    def connection_made(self, transport):
        self.transport = transport

    def connection_lost(self, exc):
        self.tries("at once", self.transport.write, b"late")
        asyncio.get_running_loop().call_soon(self.later)

    def later(self):
        self.seen["closing"] = self.transport.is_closing()
        self.tries("write", self.transport.write, b"late")
        self.tries("writelines", self.transport.writelines, [b"late"])
        for name in ("get_write_buffer_size", "pause_reading", "resume_reading", "close", "abort"):
            self.tries(name, getattr(self.transport, name))
        self.over.set()

    def tries(self, name, call, *given):
        try:
            call(*given)
            self.seen[name] = "quiet"
        except RuntimeError as error:
            self.seen[name] = str(error)


async def client_leaves():
    seen, over = {}, asyncio.Event()
    server = await asyncio.get_running_loop().create_server(lambda: Flushes(seen, over), "127.0.0.1", 0)
    _, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    writer.transport.abort()
    await asyncio.wait_for(over.wait(), 10)
    server.close()
    return seen


usual = asyncio.run(client_leaves())
with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
    fast = runner.run(client_leaves())
print("asyncio:", usual)
print(f"uvloop {uvloop.__version__}:", fast)
assert usual.pop("closing") and fast.pop("closing")
assert set(usual.values()) == {"quiet"}, usual
raised = {name for name, said in fast.items() if said != "quiet"}
assert raised == {"write", "writelines"}, fast
assert all("the handler is closed" in fast[name] for name in raised), fast
PY
echo "as described"
