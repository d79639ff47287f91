#!/usr/bin/env bash
# litellm 1.110.2: its own rendering of a model's chat template keeps the blanks that transformers takes away.
#
# For providers that take a prompt rather than messages (SageMaker, Replicate, Predibase, Petals, watsonx's text API)
# LiteLLM fetches the model's template and renders it itself (prompt_factory, hf_chat_template). It does so in a Jinja environment with Jinja's defaults. transformers renders with
# trim_blocks and lstrip_blocks, and that is what templates are written for since they are files of their own
# (chat_template.jinja, indented, one block a line): the line ends and the indentation of the blocks are no part of the
# prompt. Through LiteLLM they are. A template of nine lines gives a prompt that begins with "\n    \n" and has blanks
# between the turns, which no model of this template was trained with; nothing says so, and the answer is merely worse.
#
# LiteLLM's documentation ("Prompt Formatting") says that it supports the hub's chat templates and links to those of
# transformers, where both settings are named. Templates that are one line come out the same. The same oversight was
# mended in another library as huggingface/swift-transformers#322; for LiteLLM no issue names it.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet litellm==1.110.2 transformers==5.17.0 jinja2==3.1.6
LITELLM_LOCAL_MODEL_COST_MAP=True HF_HUB_OFFLINE=1 "$place/venv/bin/python" - <<'PY'
from importlib.metadata import version

from litellm.litellm_core_utils.prompt_templates.factory import hf_chat_template
from transformers.utils.chat_template_utils import render_jinja_template

TEMPLATE = """{% for message in messages %}
    {% if message.role == 'user' %}
<|user|>{{ message.content }}
    {% else %}
<|bot|>{{ message.content }}
    {% endif %}
{% endfor %}
{% if add_generation_prompt %}
<|bot|>{% endif %}"""
chat = [
    {"role": "user", "content": "Hi"},
    {"role": "assistant", "content": "Yes?"},
    {"role": "user", "content": "6*7"},
]
theirs = hf_chat_template("mine/model", chat, chat_template=TEMPLATE)
(usual,), _ = render_jinja_template(conversations=[chat], chat_template=TEMPLATE, add_generation_prompt=True)
print(f"transformers {version('transformers')}: {usual!r}")
print(f"litellm {version('litellm')}:      {theirs!r}")
assert usual == "<|user|>Hi\n<|bot|>Yes?\n<|user|>6*7\n<|bot|>", usual
assert theirs.startswith("\n    \n<|user|>Hi\n    \n\n    \n<|bot|>Yes?"), theirs
PY
echo "as described"
