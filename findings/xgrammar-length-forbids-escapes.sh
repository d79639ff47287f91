#!/usr/bin/env bash
# xgrammar 0.2.9: a schema's `maxLength` takes every escape away from the string; `anyOf` takes the properties beside it.
#
# 1. {"type": "string"} takes "a\nb" and "say \"x\"" as JSON writes them. With "maxLength": 500, or "minLength": 1, the
#    same two are refused: under a length no backslash is allowed at all. A field "reasoning" that was given a limit so
#    that a model does not ramble can hold no line break, no quotation mark and no formula of LaTeX; the model is made to
#    write something else, and nothing says so.
# 2. {"properties": {"why": …}, "required": ["why"], "anyOf": [{"required": ["a"]}, {"required": ["b"]}]} takes {}, which
#    the schema forbids, and {"why": 3}, though why is a string: with `anyOf` beside them the properties are not looked
#    at. Of `allOf` it warns; of this it does not.
# 3. A number between 0 and 1 may have six decimals and no exponent: 0.1234567 and 1e-3 are refused, which a model's
#    probability may well be. Without bounds both are taken.
#
# torch and transformers are only named in its Python part, so two empty ones stand in for them; the grammar is compiled
# and matched in C++.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet numpy==2.4.6 pydantic==2.14.3
"$place/venv/bin/pip" install --quiet --no-deps xgrammar==0.2.9 apache-tvm-ffi==0.1.15.post2 typing_extensions==4.16.0
cd "$place"
"$place/venv/bin/python" - <<'PY'
import json
import sys
from importlib.metadata import version
from types import ModuleType

import tvm_ffi  # before torch is there: it would look into it


class Anything(ModuleType):
    def __getattr__(self, name):
        return type(name, (), {"__init__": lambda *_, **__: None})


sys.modules |= {"torch": Anything("torch"), "transformers": Anything("transformers")}

import xgrammar

END = 256
vocabulary = xgrammar.TokenizerInfo([bytes([i]) for i in range(END)] + [b"<end>"], stop_token_ids=[END])
compiler = xgrammar.GrammarCompiler(vocabulary)


def takes(schema, text):
    matcher = xgrammar.GrammarMatcher(compiler.compile_json_schema(json.dumps(schema)))
    return matcher.accept_string(text) and matcher.accept_token(END)


two = [json.dumps("a\nb"), json.dumps('say "x"')]
strings = {
    str(more): [takes({"type": "string", **more}, text) for text in two]
    for more in ({}, {"maxLength": 500}, {"minLength": 1})
}
beside = {"type": "object", "properties": {"why": {"type": "string"}}, "required": ["why"]}
either = {**beside, "anyOf": [{"required": ["a"]}, {"required": ["b"]}]}
objects = {text: (takes(beside, text), takes(either, text)) for text in ("{}", '{"why":3}', '{"why":"x"}')}
bounds = {"type": "number", "minimum": 0, "maximum": 1}
numbers = {
    text: (takes({"type": "number"}, text), takes(bounds, text)) for text in ("0.123456", "0.1234567", "1e-3")
}
print(f"xgrammar {version('xgrammar')}: {two} taken: {strings}")
print(f"without and with anyOf: {objects}; without and with bounds: {numbers}")
assert strings == {"{}": [True, True], "{'maxLength': 500}": [False, False], "{'minLength': 1}": [False, False]}
assert objects == {"{}": (False, True), '{"why":3}': (False, True), '{"why":"x"}': (True, True)}
assert numbers == {"0.123456": (True, True), "0.1234567": (True, False), "1e-3": (True, False)}
PY
echo "as described"
