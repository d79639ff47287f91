"""Reads what the load generator kept: the status, the text, the usage, and when each part came."""

import json
from typing import Any

Kept = dict[str, Any]


def read(kept: Kept) -> dict[str, Any]:
    """Returns one reply's figures.

    `form` is "reply" (a whole completion), "stream" (one that ended as it should), "error" (a well-formed
    error object), "failed stream" (an error event closes it), "page" (something whole for people or for
    Prometheus), "gone" (the client itself went away), else "broken". Times are seconds after sending; None
    where it did not come to that.
    """
    data, sent = kept["data"], kept["sent"]
    found: dict[str, Any] = {"form": "broken", "status": 0, "headers": {}, "text": "", "thinking": ""}
    found |= {"first": None, "answer": None, "end": kept["end"], "usage": None, "tokens": 0}
    found["seconds"] = kept["times"][-1][0] - sent if kept["times"] else None
    head, found_head, body = data.partition(b"\r\n\r\n")
    if found_head:
        lines = head.decode("latin-1").split("\r\n")
        found["status"] = int(lines[0].split(" ")[1])
        headers = dict(line.lower().split(": ", 1) for line in lines[1:] if ": " in line)
        found["headers"] = {n: v for n, v in headers.items() if n.startswith("x-karui") or n == "retry-after"}
        if "text/event-stream" in headers.get("content-type", ""):
            _stream(found, body, len(head) + 4, kept["times"], sent)
        elif found["status"] < 500 and headers.get("content-type", "").startswith(_PAGES):
            found["form"] = "page" if not kept["end"] else "broken"
        else:
            whole = _unchunked(body)[0] if headers.get("transfer-encoding") == "chunked" else body
            _whole(found, whole)
    if kept["end"] == "vanished":
        found["form"] = "gone"
    elif kept["end"] and found["form"] in {"reply", "stream"}:
        found["form"] = "broken"
    return found


_LAST = {"message_stop", "response.completed", "response.incomplete"}
"""Events that end a stream of another API than OpenAI's chat."""


_PAGES = ("text/html", "text/plain; version", "application/openmetrics", "application/x-ndjson")


def _whole(found: dict[str, Any], body: bytes) -> None:
    try:
        reply = json.loads(body)
    except ValueError:
        found["said"] = body[:200].decode("utf-8", "replace")
        return
    if found["status"] == 200:
        if isinstance(reply, dict) and reply.get("choices"):
            message = reply["choices"][0].get("message") or {"content": reply["choices"][0].get("text")}
            found["text"] = message.get("content") or ""
            found["thinking"] = message.get("reasoning") or message.get("reasoning_content") or ""
            found |= {"form": "reply", "usage": reply.get("usage"), "karui": reply.get("karui")}
        elif isinstance(reply, dict):
            found["form"] = "reply"
        return
    error = reply.get("error") if isinstance(reply, dict) else None
    if isinstance(error, dict) and isinstance(error.get("message"), str) and "type" in error:
        found["form"] = "error"
    found["said"] = body[:200].decode("utf-8", "replace")


def _stream(found: dict[str, Any], body: bytes, start: int, times: list, sent: float) -> None:
    """Reads events; each came when the bytes with its end came."""
    text, places = _unchunked(body)
    at = clock = 0
    done = failed = False
    text_parts, thinking_parts = [], []
    while (end := text.find(b"\n\n", at)) >= 0:
        line = _data(text[at:end])
        at = end + 2
        while clock < len(times) - 1 and times[clock][1] < start + _place(places, end):
            clock += 1
        if line == b"data: [DONE]":
            done = True
            continue
        if not line:
            continue
        try:
            event = json.loads(line[6:])
        except ValueError:
            failed = True
            found["said"] = line[:200].decode("utf-8", "replace")
            return
        done = done or event.get("type") in _LAST
        if event.get("error") is not None or event.get("type") == "error":
            failed = isinstance(event.get("error"), dict)
            found["said"] = line[:200].decode("utf-8", "replace")
        found["usage"] = event.get("usage") or found["usage"]
        found["karui"] = event.get("karui") or found.get("karui")
        for choice in event.get("choices") or ():
            delta = choice.get("delta") or {"content": choice.get("text")}
            thought = delta.get("reasoning") or delta.get("reasoning_content") or ""
            said = delta.get("content") or ""
            if thought or said:
                found["tokens"] += 1
                found["first"] = found["first"] or times[clock][0] - sent
            if said:
                found["answer"] = found["answer"] or times[clock][0] - sent
            text_parts.append(said)
            thinking_parts.append(thought)
    found["text"], found["thinking"] = "".join(text_parts), "".join(thinking_parts)
    found["form"] = "failed stream" if failed else "stream" if done else "broken"


def _data(event: bytes) -> bytes:
    """Returns an event's data; messages and responses name their events. b"" for a comment."""
    line = event.partition(b"\n")[2] if event.startswith(b"event: ") else event
    return line if line.startswith(b"data: ") else b""


def _place(places: list[tuple[int, int]], offset: int) -> int:
    """Returns where in the raw bytes a place of the text lies. Places are asked for in rising order."""
    while len(places) > 1 and places[1][0] <= offset:
        places.pop(0)
    return offset - places[0][0] + places[0][1] if places else offset


def _unchunked(body: bytes) -> tuple[bytes, list[tuple[int, int]]]:
    """Returns the text, and for each chunk (where it begins in the text, where in the raw bytes)."""
    at, parts, places, length = 0, [], [], 0
    while (end := body.find(b"\r\n", at)) >= 0:
        try:
            size = int(body[at:end].split(b";")[0], 16)
        except ValueError:
            break
        if not size:
            break
        places.append((length, end + 2))
        parts.append(body[end + 2 : end + 2 + size])
        length += size
        at = end + 4 + size
    return b"".join(parts), places
