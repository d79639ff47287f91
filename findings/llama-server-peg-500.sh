#!/usr/bin/env bash
# llama.cpp's server (wheel xllamacpp 2026.10.11549): a reply that is not in the template's format is answered with
# status 500, once all of it has been generated.
#
# The template is in the manner of gpt-oss: turns of channels. Held to "The answer is 42." by a grammar (as evaluations
# hold choices), chat gives 500, "The model produced output that does not match the expected peg-native format", for a
# whole and correct reply; streamed, it is an error after an empty first delta. /metrics counts the 18 tokens that it
# generated, but no usage and no text comes back, and a client that retries on 500 pays again. The same grammar with the
# channel's marks in front of it is answered; raw completions do not have it.
#
# A small model under such a template, its thinking cut by reasoning_budget_tokens, was seen to fail likewise.
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


TEMPLATE = """
{{- '<|start|>system<|message|># Valid channels: analysis, commentary, final.<|end|>' -}}
{%- for m in messages -%}
{%- if m.role == 'assistant' -%}
{%- if m.thinking -%}
{{- '<|start|>assistant<|channel|>analysis<|message|>' + m.thinking + '<|end|>' -}}
{%- endif -%}
{{- '<|start|>assistant<|channel|>final<|message|>' + m.content + '<|end|>' -}}
{%- else -%}
{{- '<|start|>' + m.role + '<|message|>' + m.content + '<|end|>' -}}
{%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- '<|start|>assistant' -}}{%- endif -%}"""
PLAIN, MARKED = 'root ::= "The answer is 42."', 'root ::= "<|channel|>final<|message|>The answer is 42."'
server = serve(TEMPLATE)
chat = {"messages": [{"role": "user", "content": "Q"}], "max_tokens": 64}
plain = ask(server, "/v1/chat/completions", **chat, grammar=PLAIN)
with urllib.request.urlopen(f"{server.listening_address}/metrics") as answer:
    counted = answer.read().decode()
marked = ask(server, "/v1/chat/completions", **chat, grammar=MARKED)
streamed = ask(server, "/v1/chat/completions", **chat, grammar=PLAIN, stream=True)
raw = ask(server, "/v1/completions", prompt="Q", max_tokens=64, grammar=PLAIN)
total = next(line for line in counted.splitlines() if line.startswith("llamacpp:tokens_predicted_total "))
print(f"xllamacpp {version('xllamacpp')}: {plain}; with marks {marked[0]}, raw {raw[0]}; {total}")
events = [json.loads(line[6:]) for line in streamed[1].splitlines() if line.startswith("data: {")]
assert total.split()[1] == "18", total
assert plain[0] == 500 and "peg-native" in plain[1] and "usage" not in plain[1], plain
assert json.loads(marked[1])["choices"][0]["message"]["content"] == "The answer is 42.", marked
assert streamed[0] == 200 and "error" in events[-1] and "usage" not in streamed[1], streamed
assert not any(c["delta"].get("content") for e in events[:-1] for c in e["choices"]), events
assert json.loads(raw[1])["choices"][0]["text"] == "The answer is 42.", raw
PY
echo "as described"
