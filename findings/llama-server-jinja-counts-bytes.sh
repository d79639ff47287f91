#!/usr/bin/env bash
# llama.cpp's server (wheel xllamacpp 2026.10.11549): its own Jinja counts bytes, and writes values otherwise than jinja2.
#
# The same chat template, rendered by jinja2 3.1.6 (as transformers renders it) and by the server's /apply-template:
#
#   expression               jinja2          llama.cpp
#   '日本語'|length          3               9
#   '日本語'[:3]             日本語          日
#   'abc'[-1]                c               (nothing)
#   [1, 'a', true]           [1, 'a', True]  1aTrue
#   'a' ~ none               aNone           a
#   1.0|string               1.0             1
#   0.1 + 0.2                0.30000000000000004  0.3
#   true is number           True            False
#
# Nothing is said about any of it. A template that shortens earlier turns by their length, looks at a text's last sign or
# shows a list gives a model other prompts behind this server than from its folder, and only where text is not ASCII.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet xllamacpp==2026.10.11549 gguf==0.19.0 numpy==2.4.6 jinja2==3.1.6 markupsafe==3.0.3
cd "$place"
"$place/venv/bin/python" - 2>"$place/log" <<'PY'
import json
import urllib.error
import urllib.request
from importlib.metadata import version

import gguf
import numpy as np
import xllamacpp
from jinja2.sandbox import ImmutableSandboxedEnvironment

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


EXPRESSIONS = {
    "'日本語'|length": ("3", "9"),
    "'日本語'[:3]": ("日本語", "日"),
    "'abc'[-1]": ("c", ""),
    "[1, 'a', true]": ("[1, 'a', True]", "1aTrue"),
    "'a' ~ none": ("aNone", "a"),
    "1.0|string": ("1.0", "1"),
    "0.1 + 0.2": ("0.30000000000000004", "0.3"),
    "true is number": ("True", "False"),
}
shown = "|".join("{{ " + expression + " }}" for expression in EXPRESSIONS)
template = "{%- for m in messages -%}{{ m.content }}{%- endfor -%}:" + shown
messages = [{"role": "user", "content": "Q"}]
here = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True).from_string(template)
server = serve(template)
status, reply = ask(server, "/apply-template", messages=messages)
assert status == 200, reply
values = [here.render(messages=messages), json.loads(reply)["prompt"]]
found = dict(zip(EXPRESSIONS, zip(*(v.removeprefix("Q:").split("|") for v in values), strict=True), strict=True))
print(f"jinja2 {version('jinja2')}, xllamacpp {version('xllamacpp')}: {found}")
assert found == EXPRESSIONS, found
PY
echo "as described"
