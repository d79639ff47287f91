#!/usr/bin/env bash
# llama.cpp's server (wheel xllamacpp 2026.10.11549): of several prompts in one completion, only the first is billed.
#
# /v1/completions takes a list of prompts, as harnesses send them, and answers all of them; the usage that comes with the
# choices is that of the first one. Three prompts that are answered with 4 tokens each cost 4 completion_tokens by the
# reply's word, and its prompt_tokens leave out the two longer prompts. /metrics counts
# all of them, and so does OpenAI's usage.
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
    params.endpoint_metrics = True
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


server = serve("{%- for m in messages -%}{{ m.content }}{%- endfor -%}")
PROMPTS = ["a", "bb", "ccc"]
held = {"max_tokens": 4, "grammar": 'root ::= "wxyz"'}
reply = json.loads(ask(server, "/v1/completions", prompt=PROMPTS, **held)[1])
alone = [json.loads(ask(server, "/v1/completions", prompt=p, **held)[1])["usage"] for p in PROMPTS]
with urllib.request.urlopen(f"{server.listening_address}/metrics") as answer:
    counted = answer.read().decode()
total = next(line for line in counted.splitlines() if line.startswith("llamacpp:tokens_predicted_total "))
texts = [c["text"] for c in reply["choices"]]
print(f"xllamacpp {version('xllamacpp')}: {texts}, usage {reply['usage']}; alone {alone}; {total}")
assert texts == ["wxyz"] * 3, reply
assert [u["completion_tokens"] for u in alone] == [4, 4, 4] and reply["usage"]["completion_tokens"] == 4
assert reply["usage"]["prompt_tokens"] == alone[0]["prompt_tokens"] < alone[2]["prompt_tokens"]
assert total.split()[1] == "24", total  # 12 together, 12 alone
PY
echo "as described"
