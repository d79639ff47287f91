#!/usr/bin/env bash
# llama.cpp's server (wheel xllamacpp 2026.10.11549): a prompt cannot be scored, and asking for it looks as if it could.
#
# Harnesses score a text with completions as OpenAI had them: echo, logprobs, max_tokens 0 (or 1 and the last thrown away).
# Here `echo` is ignored without a word, and max_tokens 0 generates one token and bills it. So {"prompt": "12 + 7 = 19",
# "echo": true, "logprobs": 1, "max_tokens": 0} is answered with status 200 and the log-probability of one token: the one
# that would come *next*. The list is of chat's form, `content`, not `token_logprobs`, which is the only thing that ends
# some harnesses with a KeyError; one that reads either form takes it for the score of the text.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet xllamacpp==2026.10.11549 gguf==0.19.0 numpy==2.4.6
cd "$place"
"$place/venv/bin/python" - 2>"$place/log" <<'PY'
import json
import urllib.error
import urllib.request
from importlib.metadata import version

import gguf
import numpy as np
import xllamacpp

WIDTH, INNER = 32, 64
tokens = ["<unk>", "<s>", "</s>", *(f"<0x{i:02X}>" for i in range(256)), "▁", *map(chr, range(33, 127))]
kind = gguf.TokenType
file = gguf.GGUFWriter("tiny.gguf", "llama")
file.add_context_length(1024)
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


def serve(template):
    params = xllamacpp.CommonParams()
    params.model.path, params.n_ctx, params.n_parallel = "tiny.gguf", 1024, 1
    params.chat_template = template
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
    params.hostnames, params.port = ["127.0.0.1"], 0
    return xllamacpp.Server(params)


def ask(server, path, **body):
    head = {"Content-Type": "application/json"}
    request = urllib.request.Request(server.listening_address + path, json.dumps(body).encode(), head)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


TEXT = "12 + 7 = 19"
server = serve("{%- for m in messages -%}{{ m.content }}{%- endfor -%}")
status, reply = ask(
    server, "/v1/completions", prompt=TEXT, echo=True, logprobs=1, max_tokens=0, grammar='root ::= "x"+'
)
(choice,) = json.loads(reply)["choices"]
usage = json.loads(reply)["usage"]
listed = [entry["token"] for entry in choice["logprobs"]["content"]]
print(f"xllamacpp {version('xllamacpp')}: {status}, text {choice['text']!r}, listed {listed}, usage {usage}")
assert status == 200 and choice["text"] == "x" and choice["finish_reason"] == "length", reply
assert listed == ["x"] and "token_logprobs" not in choice["logprobs"], choice
assert usage["completion_tokens"] == 1 and usage["prompt_tokens"] > len(TEXT), usage
PY
echo "as described"
