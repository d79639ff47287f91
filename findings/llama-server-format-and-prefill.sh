#!/usr/bin/env bash
# llama.cpp's server (wheel xllamacpp 2026.10.11549): a conversation that ends with the assistant takes a response_format
# only where no thinking stands in its content.
#
# To cut a model's thinking and have the rest of its reply as JSON, one sends the thinking back as the last turn of the
# assistant. As reasoning_content with empty content that works. As the content that it is, closed or not, "<think>…", it
# is answered with 400 "Failed to initialize samplers: std::exception": the grammar of the format is led over what the turn
# says already, and thinking is no JSON. A turn that begins the JSON itself is continued. It is no matter of the schema:
# without response_format, and with a turn of the user behind, all are answered.
#
# Of the same kind is ggml-org/llama.cpp#23990 (stale): Gemma 4 and a begun JSON. The template here is in Qwen3's manner.
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


TEMPLATE = (
    "{%- for m in messages -%}{{- '<|im_start|>' + m.role + '\\n' -}}{%- if m.reasoning_content -%}"
    "{{- '<think>\\n' + m.reasoning_content + '\\n</think>\\n\\n' -}}{%- endif -%}{{- m.content + '<|im_end|>\\n' -}}"
    "{%- endfor -%}{%- if add_generation_prompt -%}{{- '<|im_start|>assistant\\n' -}}{%- endif -%}"
)

server = serve(TEMPLATE)
FORMAT = {"response_format": {"type": "json_object"}}
ASKED = {"role": "user", "content": "Q"}
TURNS = {
    "thought apart": {"content": "", "reasoning_content": "r"},
    "thought, closed": {"content": "<think>\nr\n</think>\n\n"},
    "thought, open": {"content": "<think>\nr"},
    "answer begun": {"content": "{"},
}
found = {}
for name, turn in TURNS.items():
    last = {"role": "assistant", **turn}
    asked = {"with": ([ASKED, last], FORMAT), "without": ([ASKED, last], {}), "behind": ([ASKED, last, ASKED], FORMAT)}
    found[name] = {
        way: ask(server, "/v1/chat/completions", messages=turns, max_tokens=4, seed=1, **more)
        for way, (turns, more) in asked.items()
    }
shown = {name: {way: status for way, (status, _) in ways.items()} for name, ways in found.items()}
print(f"xllamacpp {version('xllamacpp')}: {shown}")
print(found["thought, closed"]["with"][1])
assert [ways["with"][0] for ways in found.values()] == [200, 400, 400, 200], shown
assert all("Failed to initialize samplers" in ways["with"][1] for ways in [*found.values()][1:3])
assert all(ways["without"][0] == 200 for ways in found.values()), shown
PY
echo "as described"
