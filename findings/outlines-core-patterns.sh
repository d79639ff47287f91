#!/usr/bin/env bash
# outlines-core 0.2.14: a string's `pattern` is put between two quotation marks as it stands, and what comes is no JSON.
#
# 1. "^[^<]*$" (a text without tags) lets a model write {"why":"a "b" c","answer":4}: the bare quotation marks fit the
#    pattern, so the text meets the schema's automaton to its end, and json.loads refuses it.
# 2. "^\\boxed" and "^[A-E]" (a pattern without an end, which JSON Schema does not anchor) cannot be met at all: the caret
#    stays behind the quotation mark. The schema is taken; building the index then blames the *vocabulary*. "[A-E]"
#    without the caret is taken for "[A-E]" and nothing around it.
# 3. {"type": "integer", "minimum": 1, "maximum": 5} lets -77 through: bounds of numbers are not looked at.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet outlines-core==0.2.14
"$place/venv/bin/python" - <<'PY'
import json
from importlib.metadata import version

from outlines_core import Guide, Index, Vocabulary
from outlines_core.json_schema import build_regex_from_schema

ALPHABET = [chr(c) for c in range(32, 127)]
END = len(ALPHABET)
vocabulary = Vocabulary(END, {sign: [number] for number, sign in enumerate(ALPHABET)})


def takes(schema, text):
    guide = Guide(Index(build_regex_from_schema(json.dumps(schema)), vocabulary))
    for token in map(ALPHABET.index, text):
        if token not in guide.get_tokens():
            return False
        guide.advance(token)
    return END in guide.get_tokens()


def told(schema, text):
    try:
        return takes(schema, text)
    except ValueError as error:
        return str(error)


why = {"type": "string", "pattern": "^[^<]*$"}
schema = {
    "type": "object",
    "properties": {"why": why, "answer": {"type": "integer"}},
    "required": ["why", "answer"],
}
text = '{"why":"a "b" c","answer":4}'
broken = takes(schema, text)
try:
    json.loads(text)
    valid = True
except ValueError:
    valid = False
caret = told({"type": "string", "pattern": "^[A-E]"}, '"B"')
bare = [takes({"type": "string", "pattern": "[A-E]"}, t) for t in ('"B"', '"B."')]
bound = takes({"type": "integer", "minimum": 1, "maximum": 5}, "-77")
print(f"outlines-core {version('outlines-core')}: takes {text}: {broken}, which is JSON: {valid}")
print(f"^[A-E]: {caret[:60]}…; [A-E]: {bare}; -77 within 1 and 5: {bound}")
assert broken is True and valid is False
assert caret.startswith("The vocabulary provided is incompatible"), caret
assert bare == [True, False], bare
assert bound is True
PY
echo "as described"
