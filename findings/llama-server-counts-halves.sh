#!/usr/bin/env bash
# llama.cpp's server (wheel xllamacpp 2026.10.11549): tokens that are part of a character are counted and not listed.
#
# Its tokens of bytes make 日 out of three and 本 out of three. Made to write "日本 ok" by a grammar and asked for
# log-probabilities, the server bills 10 completion tokens and lists 6: one entry for each character, whose `id` and
# `logprob` are those of its last byte alone. The probabilities of the bytes before it, which are the choice of the
# character, are nowhere. So a mean over the list is no mean over the tokens, a sequence's probability comes out too
# large, and the ids in the list do not give the text when they are sent back as a prompt.
#
# The model is made here: random weights, a vocabulary of bytes and ASCII.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet xllamacpp==2026.10.11549 gguf==0.19.0 numpy==2.4.6
cd "$place"
"$place/venv/bin/python" - 2>"$place/log" <<'PY'
import json
import urllib.request
from importlib.metadata import version

import gguf
import numpy as np
import xllamacpp

WIDTH, INNER = 32, 64
tokens = ["<unk>", "<s>", "</s>", *(f"<0x{i:02X}>" for i in range(256)), "▁", *map(chr, range(33, 127))]
kind = gguf.TokenType
file = gguf.GGUFWriter("tiny.gguf", "llama")
file.add_context_length(256)
file.add_embedding_length(WIDTH)
file.add_block_count(1)
file.add_feed_forward_length(INNER)
file.add_head_count(2)
file.add_head_count_kv(2)
file.add_layer_norm_rms_eps(1e-5)
file.add_rope_dimension_count(WIDTH // 2)
file.add_vocab_size(len(tokens))
file.add_tokenizer_model("llama")
file.add_token_list(tokens)
file.add_token_scores([-float(i) for i in range(len(tokens))])
file.add_token_types([kind.UNKNOWN, kind.CONTROL, kind.CONTROL] + [kind.BYTE] * 256 + [kind.NORMAL] * 95)
file.add_bos_token_id(1)
file.add_eos_token_id(2)
draw = np.random.default_rng(0)
shapes = {"token_embd": (len(tokens), WIDTH), "output": (len(tokens), WIDTH)}
shapes |= {f"blk.0.attn_{part}": (WIDTH, WIDTH) for part in ("q", "k", "v", "output")}
shapes |= {"blk.0.ffn_gate": (INNER, WIDTH), "blk.0.ffn_up": (INNER, WIDTH), "blk.0.ffn_down": (WIDTH, INNER)}
for name, shape in shapes.items():
    file.add_tensor(f"{name}.weight", (0.05 * draw.standard_normal(shape)).astype(np.float32))
for name in ("output_norm", "blk.0.attn_norm", "blk.0.ffn_norm"):
    file.add_tensor(f"{name}.weight", np.ones(WIDTH, np.float32))
file.write_header_to_file()
file.write_kv_data_to_file()
file.write_tensors_to_file()
file.close()

params = xllamacpp.CommonParams()
params.model.path, params.n_ctx, params.n_parallel = "tiny.gguf", 256, 1
params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
params.hostnames, params.port = ["127.0.0.1"], 0
server = xllamacpp.Server(params)
body = {"prompt": "Q", "max_tokens": 32, "logprobs": 1, "grammar": 'root ::= "日本 ok"'}
request = urllib.request.Request(
    f"{server.listening_address}/v1/completions", json.dumps(body).encode(), {"Content-Type": "application/json"}
)
with urllib.request.urlopen(request) as answer:
    reply = json.load(answer)
listed = reply["choices"][0]["logprobs"]["content"]
shown = [(entry["token"], tokens[entry["id"]]) for entry in listed]
counted = reply["usage"]["completion_tokens"]
print(f"xllamacpp {version('xllamacpp')}: counted {counted}, listed {len(listed)}: {shown}")
assert reply["choices"][0]["text"] == "日本 ok", reply
assert counted == 10, counted
assert shown[:2] == [("日", "<0xA5>"), ("本", "<0xAC>")], shown
assert len(listed) == 6, listed
PY
echo "as described"
