#!/usr/bin/env bash
# openai 3.57.0 (Python): the helper client.chat.completions.stream() adds up whatever servers repeat in every chunk.
#
# Pieces are merged by their types: strings are joined, numbers and truth values summed, lists joined by `index`. Only
# the keys "index" and "type" are replaced. So, with chunks as servers of reasoning models send them:
#
# 1. "role": "assistant" in every delta, as some servers have it, becomes "assistantassistantassistant" in the final
#    message: a role that no chat template knows, should the message go back as history.
# 2. A count that grows, reasoning_tokens 1, 2, 3, becomes 6; "thinking": true in two chunks becomes 2.
# 3. reasoning_details (as OpenRouter names them) with "index": 0 and "format": "unknown" become "unknownunknown"; without
#    an index the stream raises RuntimeError at the second one, and so does content as a list of thinking parts, as
#    Mistral's models send it.
#
# create(stream=True) hands the chunks on as they are. The transport is a mock; nothing is sent.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet openai==3.57.0 httpx==0.28.1
"$place/venv/bin/python" -W ignore - <<'PY'
import json
from importlib.metadata import version

import httpx
import openai

START = {"role": "assistant", "content": ""}


def final(*deltas):
    choices = [{"index": 0, "delta": delta, "finish_reason": None} for delta in deltas]
    choices[-1]["finish_reason"] = "stop"
    head = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    body = "".join(f"data: {json.dumps({**head, 'choices': [c]})}\n\n" for c in choices) + "data: [DONE]\n\n"

    def reply(_):
        return httpx.Response(200, headers={"content-type": "text/event-stream"}, text=body)

    client = openai.OpenAI(
        api_key="none",
        base_url="http://127.0.0.1/v1",
        http_client=httpx.Client(transport=httpx.MockTransport(reply)),
    )
    try:
        messages = [{"role": "user", "content": "Q"}]
        with client.chat.completions.stream(model="m", messages=messages) as stream:
            return stream.get_final_completion().choices[0].message.model_dump(exclude_none=True)
    except RuntimeError as error:
        return str(error).split(";")[0]


role = final(*({"role": "assistant", "content": text} for text in "abc"))
count = final(START, *({"content": text, "reasoning_tokens": n} for n, text in enumerate("abc", 1)))
flag = final(START, *({"content": text, "thinking": True} for text in "ab"))
detail = {"type": "reasoning.text", "format": "unknown", "index": 0}
indexed = final(START, *({"reasoning_details": [{**detail, "text": text}]} for text in "xy"))
bare = final(START, *({"reasoning_details": [{"type": "reasoning.text", "text": text}]} for text in "xy"))
parts = final(*({"content": [{"type": "thinking", "thinking": text}]} for text in "xy"))
print(f"openai {version('openai')}: {role}; {count}; {flag}; {indexed}; {bare}; {parts}")
assert role == {"role": "assistantassistantassistant", "content": "abc"}, role
assert count["reasoning_tokens"] == 6, count
assert flag["thinking"] == 2, flag
assert indexed["reasoning_details"] == [{**detail, "format": "unknownunknown", "text": "xy"}], indexed
assert bare == parts == "Expected list delta entry to have an `index` key", (bare, parts)
PY
echo "as described"
