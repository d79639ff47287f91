#!/usr/bin/env bash
# litellm 1.110.2: what a chat template refuses is not refused; the refusal's text becomes part of the prompt.
#
# Templates call raise_exception('System role not supported') where they cannot write a message (Gemma, Mistral).
# LiteLLM gives them a raise_exception that *returns* an exception instead of raising it, and Jinja writes what is
# returned: the model reads "Error message - System role not supported" in front of the conversation, and a turn of a
# role it has never seen. The code around it is made for the other case: it renders once with a system message, and
# where that raises it turns the system message into a user's; and where "Conversation roles must alternate" is raised
# it puts empty turns between. Neither can happen. (The constant is in hf_chat_template and in ahf_chat_template.)
#
# transformers raises jinja2.exceptions.TemplateError for the same chat, as its documentation of templates says.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet litellm==1.110.2 transformers==5.17.0 jinja2==3.1.6
LITELLM_LOCAL_MODEL_COST_MAP=True HF_HUB_OFFLINE=1 "$place/venv/bin/python" - <<'PY'
from importlib.metadata import version

from jinja2 import TemplateError
from litellm.litellm_core_utils.prompt_templates.factory import hf_chat_template
from transformers.utils.chat_template_utils import render_jinja_template

TEMPLATE = (
    "{% for message in messages %}"
    "{% if message.role == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
    "{% if not loop.first and loop.previtem.role == message.role %}"
    "{{ raise_exception('Conversation roles must alternate user/assistant') }}{% endif %}"
    "<turn>{{ message.role }}: {{ message.content }}</turn>"
    "{% endfor %}{% if add_generation_prompt %}<turn>model: {% endif %}"
)
system = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "6*7"}]
twice = [{"role": "user", "content": "Hi"}, {"role": "user", "content": "6*7"}]
for chat in (system, twice):
    try:
        render_jinja_template(conversations=[chat], chat_template=TEMPLATE, add_generation_prompt=True)
        raise SystemExit("transformers rendered it")
    except TemplateError as error:
        print(f"transformers {version('transformers')}: {type(error).__name__}: {error}")
    theirs = hf_chat_template("mine/model", chat, chat_template=TEMPLATE)
    print(f"litellm {version('litellm')}: {theirs!r}")
    assert "Error message - " in theirs, theirs
assert "System role not supported<turn>system: Be brief." in hf_chat_template("mine/model", system, chat_template=TEMPLATE)
PY
echo "as described"
