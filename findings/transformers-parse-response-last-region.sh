#!/usr/bin/env bash
# transformers 5.17.0: parse_response keeps the last stretch of a field and drops what stood before it, without a word.
#
# A response_template cuts a reply into regions: thinking between its tags, calls between theirs, all else is content. A
# field that is met again is written over, unless the template says "repeats". So with a template for Qwen3, as
# transformers serve has one built in:
#
# 1. "I look it up. <tool_call>…</tool_call> It is 21." has the content "It is 21.": the sentence before the call is gone.
# 2. "<think>a</think> Let me see. <think>b</think> 42" has the thinking "b": half of the thinking, and of its length.
# 3. An answer that mentions a tag, "Write <think> and </think> around it.", has the content "around it." and the thinking
#    "and"; the real thinking is lost, too.
#
# The streaming parser's events hold all of it, since chunks are handed over as they come: one and the same reply says
# more streamed than whole. The template's author can write "repeats" and "join"; nobody tells whoever only reads.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet transformers==5.17.0
cd "$place"
"$place/venv/bin/python" - 2>"$place/log" <<'PY'
from importlib.metadata import version

from transformers.utils.chat_parsing import ResponseParser, parse_response

TEMPLATE = {
    "defaults": {"role": "assistant"},
    "start_anchor": "<|im_start|>assistant\n",
    "fields": {
        "thinking": {"open": "<think>", "close": "</think>", "content": "text"},
        "tool_calls": {"open": "<tool_call>", "close": "</tool_call>", "repeats": True, "content": "json"},
        "content": {"close": "<|im_end|>", "content": "text"},
    },
}
CALL = '<tool_call>{"name": "look", "arguments": {}}</tool_call>'
REPLIES = {
    "a call between": f"I look it up. {CALL} It is 21.<|im_end|>",
    "thinking twice": "<think>a</think> Let me see. <think>b</think> 42<|im_end|>",
    "a tag in the answer": "<think>a</think> Write <think> and </think> around it.<|im_end|>",
}


def streamed(text):
    """What a stream's events say, field by field."""
    parser = ResponseParser(TEMPLATE, prefix="")
    events = [e for letter in text for e in parser.feed(letter)] + parser.finalize()[1]
    said = {}
    for event in events:
        if event["type"] == "region_chunk":
            said[event["field"]] = said.get(event["field"], "") + event["text"]
    return said


whole = {name: parse_response(text, TEMPLATE, prefix="") for name, text in REPLIES.items()}
pieces = {name: streamed(text) for name, text in REPLIES.items()}
print(f"transformers {version('transformers')}")
for name, found in whole.items():
    print(f"{name}: whole {found}; streamed {pieces[name]}")
assert whole["a call between"]["content"] == "It is 21." and len(whole["a call between"]["tool_calls"]) == 1
assert whole["thinking twice"]["thinking"] == "b" and whole["thinking twice"]["content"] == "42"
assert whole["a tag in the answer"]["content"] == "around it." and whole["a tag in the answer"]["thinking"] == "and"
assert "I look it up." in pieces["a call between"]["content"] and "It is 21." in pieces["a call between"]["content"]
assert pieces["thinking twice"]["thinking"] == "ab" and "Write" in pieces["a tag in the answer"]["content"]
PY
echo "as described"
