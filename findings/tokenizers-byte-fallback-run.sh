#!/usr/bin/env bash
# tokenizers 0.23.3: one unfinished character turns the whole ones before it into �, and ends a DecodeStream with an error.
#
# Vocabularies with tokens of bytes (Llama 2, Mistral, Gemma: decoder ByteFallback) spell a rare character in several
# tokens. A run of such tokens is decoded all or nothing: 日本 cut in the middle of 本 and gone on with "a", as a budget of
# thinking tokens cuts it, decodes to "����a", without the 日 that is whole; the same bytes through the byte-level decoder
# (Qwen, Llama 3) give "日�a". So the decoded text of a prefix is no prefix of the decoded text.
#
# DecodeStream, made for servers that stream, has said 日 by then. At the "a" it raises "Invalid prefix encountered while
# decoding stream", and so it does at every further token: a sequence that decode() takes cannot be streamed.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet tokenizers==0.23.3
"$place/venv/bin/python" - <<'PY'
from importlib.metadata import version

from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from tokenizers.decoders import DecodeStream

BYTES = ["<unk>", *(f"<0x{i:02X}>" for i in range(256)), "a", "b"]
fallback = Tokenizer(
    models.BPE({token: i for i, token in enumerate(BYTES)}, [], byte_fallback=True, unk_token="<unk>")
)
fallback.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Fuse()])
level = Tokenizer(models.BPE({s: i for i, s in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}, []))
level.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
level.decoder = decoders.ByteLevel()


def stream(tokenizer, tokens):
    going, said = DecodeStream(skip_special_tokens=False), []
    for token in tokens:
        try:
            said.append(going.step(tokenizer, token))
        except Exception as error:
            said.append(str(error).split(".")[0])
    return said


found = {}
for name, tokenizer in (("ByteFallback", fallback), ("ByteLevel", level)):
    whole, rest = tokenizer.encode("日本").ids, tokenizer.encode("ab").ids
    cut = whole[:4] + rest
    found[name] = (tokenizer.decode(whole[:3]), tokenizer.decode(cut), stream(tokenizer, cut))
    print(f"tokenizers {version('tokenizers')}: {name}: {found[name]}")
ERROR = "Invalid prefix encountered while decoding stream"
assert found["ByteLevel"] == ("日", "日�ab", [None, None, "日", None, "�a", "b"])
assert found["ByteFallback"] == ("日", "����ab", [None, None, "日", None, ERROR, ERROR])
PY
echo "as described"
