#!/usr/bin/env bash
# llama.cpp's server (wheel xllamacpp 2026.10.11549): a reply that its limit has cut is "completed" in /v1/responses.
#
# OpenAI's API says status "incomplete" and incomplete_details {"reason": "max_output_tokens"}, which is how a client tells
# a whole answer from a cut one; the same reply by chat has finish_reason "length" here, too, and by /v1/messages
# stop_reason "max_tokens". By /v1/responses the reply, its message and the stream's last event are all "completed" and
# incomplete_details is missing, also where the cut came in the middle of the thinking and there is no message at all.
# Who evaluates through this API counts cut traces as finished ones; only output_tokens beside the limit shows it.
#
# vLLM's own stream ends likewise with response.completed, around a response that is "incomplete"
# (vllm-project/agentic-api#273); not found on record for llama.cpp.
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
cut = {"grammar": 'root ::= "It is 42, since six times seven is forty-two."'}
thinks = {"grammar": 'root ::= "<think>Six times seven is forty-two.</think>42"'}
turns = [{"role": "user", "content": "Q"}]
chat = json.loads(ask(server, "/v1/chat/completions", messages=turns, max_tokens=8, **cut)[1])
replies = {
    name: json.loads(ask(server, "/v1/responses", input="Q", max_output_tokens=16, **grammar)[1])
    for name, grammar in (("answer", cut), ("thinking", thinks))
}
streamed = ask(server, "/v1/responses", input="Q", max_output_tokens=16, stream=True, **cut)[1]
native = json.loads(ask(server, "/v1/messages", messages=turns, max_tokens=8)[1])
last = [json.loads(line[6:]) for line in streamed.splitlines() if line.startswith("data: {")][-1]
shown = {
    name: (r["status"], r.get("incomplete_details"), [(o["type"], o["status"]) for o in r["output"]], r["usage"])
    for name, r in replies.items()
}
print(f"xllamacpp {version('xllamacpp')}: chat {chat['choices'][0]['finish_reason']}, messages {native['stop_reason']}")
print(f"responses {shown}; the stream ends with {last['type']}")
assert chat["choices"][0]["finish_reason"] == "length" and native["stop_reason"] == "max_tokens"
for name, reply in replies.items():
    assert reply["usage"]["output_tokens"] == 16 and reply["status"] == "completed", reply
    assert not reply.get("incomplete_details") and all(o["status"] == "completed" for o in reply["output"]), reply
said = replies["answer"]["output"][-1]["content"][0]["text"]
assert said and not said.endswith("."), said
assert last["type"] == "response.completed" and last["response"]["status"] == "completed", last
PY
echo "as described"
