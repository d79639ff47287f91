"""Streams as servers of many kinds send them, for the fake server to send in its model's place."""

import json

SSE = {"content-type": "text/event-stream; charset=utf-8"}
DONE = "data: [DONE]\n\n"


def event(data):
    return f"data: {json.dumps(data, ensure_ascii=False)}\n\n"


def chunk(delta=None, finish=None, **more):
    return event({"choices": [{"index": 0, "delta": delta or {}, "finish_reason": finish}], **more})


def stream(*deltas, finish="stop", end=DONE, usage=None, **more):
    """A stream of deltas with its last event, its usage and its end; a fault for the fake server.

    Args:
        deltas: Deltas, or texts that are sent as they are.
        finish: The reason; False leaves the last event out.
        end: What is sent behind it all.
        usage: In an event of its own.
        more: In every event.
    """
    text = "".join(d if isinstance(d, str) else chunk(d, **more) for d in deltas)
    text += "" if finish is False else chunk({}, finish, **more)
    text += event({"choices": [], "usage": usage}) if usage else ""
    return (200, text + end, SSE)


def thought(text):
    return {"reasoning_content": text}


def said(text):
    return {"content": text}


def parts(*pairs):
    """A delta whose content is a list of parts."""
    return {"content": [{"type": kind, kind: text} for kind, text in pairs]}
