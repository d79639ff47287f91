"""A plain client of a server with OpenAI's API: it sends prompts, reads what comes, and makes nothing of it.

Run as a script it reads a job (JSON) from its input and prints what came of it: tokens as the server counts
them, and seconds from the first request to the last byte. Streams are read to `[DONE]` and not taken apart,
so that the server is what is measured, and not this.
"""

import asyncio
import json
import re
import sys
from time import perf_counter
from typing import Any
from urllib.parse import urlsplit

_COUNT = re.compile(rb'"completion_tokens": ?(\d+)')
_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)


async def _post(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str, path: str, body: bytes
) -> bytes:
    """Sends one request on an open connection; returns the end of its reply, whole where it is no stream."""
    head = f"POST {path} HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\n"
    writer.write(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)
    headers = await reader.readuntil(b"\r\n\r\n")
    if b" 200 " not in headers.split(b"\r\n", 1)[0]:
        raise RuntimeError(
            headers.decode(errors="replace") + (await reader.read(500)).decode(errors="replace")
        )
    if found := _LENGTH.search(headers):
        return await reader.readexactly(int(found[1]))
    end = b""
    while not end.endswith(b"0\r\n\r\n"):  # the last chunk of a chunked body
        piece = await reader.read(1 << 16)
        if not piece:
            raise RuntimeError("the server closed a stream")
        end = (end + piece)[-4096:]
    return end


async def run(job: dict[str, Any]) -> dict[str, float]:
    """Sends every request, `at_once` at a time, each connection kept."""
    url = urlsplit(job["url"])
    host, port = url.hostname or "127.0.0.1", url.port or 80
    bodies = iter([json.dumps(body).encode() for body in job["bodies"]])
    path = f"{url.path.rstrip('/')}/completions"
    tokens = 0

    async def work() -> None:
        nonlocal tokens
        reader, writer = await asyncio.open_connection(host, port, limit=1 << 22)
        for body in bodies:
            reply = await _post(reader, writer, f"{host}:{port}", path, body)
            tokens += int(_COUNT.findall(reply)[-1])
        writer.close()

    began = perf_counter()
    await asyncio.gather(*(work() for _ in range(job["at_once"])))
    return {"tokens": tokens, "seconds": perf_counter() - began}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(run(json.load(sys.stdin)))))
