#!/usr/bin/env bash
# llama.cpp's server (wheel xllamacpp 2026.10.11549): a stop word ends the thinking, too, and what is left of the reply is
# an empty answer with finish_reason "stop".
#
# `stop` is looked for in everything that is generated, before the parser takes the thinking out of it. Harnesses send the
# stop words of their few-shot prompts ("\n\n", "Question:", "Q:"), and thinking is full of blank lines: the reply ends
# within its first paragraph, content is "", and finish_reason says that the model has come to its end. Nothing tells such
# a reply from one that answers with nothing; with "length" it would be counted as cut. The same stop word behind closed
# thinking cuts the answer, as it is meant to. Who cannot do without stop words has to cut the answer himself.
#
# Open for vLLM as vllm-project/vllm#38499; not found on record for llama.cpp.
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
chat = {"messages": [{"role": "user", "content": "Q"}], "max_tokens": 64, "stop": ["\n\n"]}


def said(text, **more):
    """What comes of a model that writes a text."""
    reply = json.loads(ask(server, "/v1/chat/completions", grammar=f'root ::= "{text}"', **{**chat, **more})[1])
    (choice,) = reply["choices"]
    message = choice["message"]
    return message.get("reasoning_content"), message["content"], choice["finish_reason"]


PARAGRAPHS = "<think>6 * 7.\\n\\nThat is 42.</think>It is 42."
found = {
    "in the thinking": said(PARAGRAPHS),
    "without stop": said(PARAGRAPHS, stop=[]),
    "in the answer": said("<think>42.</think>It is 42.\\n\\nQuestion: 3?"),
}
print(f"xllamacpp {version('xllamacpp')}: {found}")
assert found["in the thinking"] == ("6 * 7.", "", "stop"), found
assert found["without stop"] == ("6 * 7.\n\nThat is 42.", "It is 42.", "stop"), found
assert found["in the answer"] == ("42.", "It is 42.", "stop"), found
PY
echo "as described"
