#!/usr/bin/env bash
# huggingface_hub 1.33.0: a streamed reply that holds U+2028, U+2029 or U+0085 ends InferenceClient with JSONDecodeError.
#
# Server-sent events end their lines with CR, LF or both, and JSON may hold the three characters as they are; vLLM,
# SGLang and llama.cpp's server write JSON as UTF-8, so they do. chat_completion(stream=True), which is documented as a
# client for any OpenAI-compatible server, takes lines from httpx's Response.iter_lines(), and those are of
# str.splitlines(): half an event is then read as JSON. What was streamed before is there, the rest of the reply is lost.
# The same chunks through the client of openai give the text. Models write U+2028 when they copy from a web page or PDF.
#
# httpx-sse had the same (florimondmanca/httpx-sse#34, mended in 0.4.2); for huggingface_hub only "data:[DONE]" without a
# blank is on record (#4536). The transport is a mock; nothing is sent.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet huggingface_hub==1.33.0 httpx==0.28.1 openai==3.57.0
"$place/venv/bin/python" - <<'PY'
import json
from importlib.metadata import version

import httpx
import huggingface_hub
import openai


def chunk(text):
    choice = {"index": 0, "delta": {"role": "assistant", "content": text}, "finish_reason": None}
    body = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}
    return f"data: {json.dumps(body, ensure_ascii=False)}\n\n"


def transport(*texts):
    body = ("".join(map(chunk, texts)) + "data: [DONE]\n\n").encode()
    return httpx.MockTransport(
        lambda _: httpx.Response(200, headers={"content-type": "text/event-stream"}, content=body)
    )


ASK = {"model": "m", "messages": [{"role": "user", "content": "Copy it."}], "stream": True}


def hub(*texts):
    huggingface_hub.set_client_factory(lambda: httpx.Client(transport=transport(*texts)))
    client = huggingface_hub.InferenceClient(base_url="http://server.test/v1", api_key="-")
    read = []
    try:
        read += (part.choices[0].delta.content for part in client.chat.completions.create(**ASK))
    except json.JSONDecodeError as error:
        return type(error).__name__
    return "".join(read)


def other(*texts):
    client = openai.OpenAI(
        base_url="http://server.test/v1", api_key="-", http_client=httpx.Client(transport=transport(*texts))
    )
    return "".join(part.choices[0].delta.content for part in client.chat.completions.create(**ASK))


for sign in ("\u2028", "\u2029", "\u0085"):
    texts = ("one ", f"two{sign}three", " four")
    here, there = hub(*texts), other(*texts)
    print(f"huggingface_hub {version('huggingface_hub')}, U+{ord(sign):04X}: {here}; openai: {there!r}")
    assert here == "JSONDecodeError" and there == "".join(texts)
assert hub("one ", "two") == "one two"
PY
echo "as described"
