#!/usr/bin/env bash
# llama.cpp's server (wheel xllamacpp 2026.10.11549): a conversation that ends with the assistant is not rendered by the
# model's template, and what comes depends on tags that the server guesses from it.
#
# It renders what stands before, opens a turn and puts the message behind it, to be continued: so in /apply-template,
# which is named for the template, with or without add_generation_prompt, and in chat. For "A" with the thought "R":
#
# 1. A template that writes thoughts as "(thought: R)A": the thought is gone. With a user's turn behind it, it is there.
# 2. A template whose prompt opens <think> and that shows no thought, in the manner of R1: "<think>\nA". The answer
#    stands within the thinking, and a model that is to go on with its answer goes on thinking.
# 3. A template that writes [THINK]R[/THINK]A where there is a thought, given none: "[THINK][/THINK]A", which it never
#    writes itself.
#
# Whoever finds out through /apply-template how a model's turns look has to put a user's turn behind them.
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


HEAD = "{%- for m in messages -%}[{{ m.role }}]"
TAIL = "{{ m.content }}{%- endfor -%}{%- if add_generation_prompt -%}[assistant]"
THOUGHT = "{% if m.reasoning_content %}OPEN{{ m.reasoning_content }}CLOSE{% endif %}"
TEMPLATES = {
    "words": HEAD + THOUGHT.replace("OPEN", "(thought: ").replace("CLOSE", ")") + TAIL + "{% endif %}",
    "opened": HEAD + TAIL + "{{ '<think>\\n' }}{% endif %}",
    "tags": HEAD + THOUGHT.replace("OPEN", "[THINK]").replace("CLOSE", "[/THINK]") + TAIL + "{% endif %}",
}
ASKED = {"role": "user", "content": "Q"}
BARE = {"role": "assistant", "content": "A"}
TURN = {**BARE, "reasoning_content": "R"}
found, counted = {}, {}
for name, template in TEMPLATES.items():
    server = serve(template)
    found[name] = [
        json.loads(ask(server, "/apply-template", messages=messages, add_generation_prompt=False)[1])["prompt"]
        for messages in ([ASKED, TURN], [ASKED, BARE], [ASKED, TURN, ASKED])
    ]
    print(f"xllamacpp {version('xllamacpp')}: {name}: {found[name]}")
    reply = ask(server, "/v1/chat/completions", messages=[ASKED, TURN], max_tokens=1)[1]
    counted[name] = json.loads(reply)["usage"]["prompt_tokens"]
before = {name: counted[name] - len(prompts[0]) for name, prompts in found.items()}  # one sign is one token here
assert set(before.values()) == {2}, before  # chat sends the same prompts, behind <s> and a blank
assert found["words"] == ["[user]Q[assistant]A", "[user]Q[assistant]A", "[user]Q[assistant](thought: R)A[user]Q"]
assert found["opened"][:2] == ["[user]Q[assistant]<think>\nA"] * 2
assert found["tags"][:2] == ["[user]Q[assistant][THINK]R[/THINK]A", "[user]Q[assistant][THINK][/THINK]A"]
assert found["tags"][2] == "[user]Q[assistant][THINK]R[/THINK]A[user]Q"
PY
echo "as described"
