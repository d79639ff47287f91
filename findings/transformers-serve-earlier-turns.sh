#!/usr/bin/env bash
# transformers 5.17.0: `transformers serve` forgets an assistant's turn that has `"tool_calls": []`, and the thinking of
# every earlier turn.
#
# Where a message has the key tool_calls, its content is not looked at, whatever the list holds. Clients and logs write an
# empty list for "none": the model then sees an empty turn in place of what it had answered, and answers as if it had not.
# Of a message nothing else is taken than role, content and calls: reasoning_content, which the server's own replies
# carry, never reaches the chat template, so models whose template shows earlier thinking go without it.
# Both are seen in prompt_tokens, with a tokenizer of one token a letter: no status and no word tells.
#
# vLLM dropped empty lists for the same reason (vllm-project/vllm#30648). The server needs torch, so this downloads much.
set -euo pipefail
place=$(mktemp -d)
trap 'kill ${server:-} 2>/dev/null || true; rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet torch==2.13.0 transformers==5.17.0 fastapi==0.165.0 uvicorn==0.54.0 openai==3.54.0 \
  requests==2.34.2 accelerate==1.15.0 rich==15.0.0 pydantic==2.14.3 python-multipart==0.0.34
cd "$place"
export HF_HOME="$place/home" HF_HUB_OFFLINE=1 OMP_NUM_THREADS=1
mkdir -p "$HF_HOME/hub"
"$place/venv/bin/python" - 2>>"$place/log" <<'PY'
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

letters = pre_tokenizers.ByteLevel.alphabet()
tokenizer = Tokenizer(models.BPE())
tokenizer.pre_tokenizer, tokenizer.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
trainer = trainers.BpeTrainer(vocab_size=259, special_tokens=["<e>", "<u>", "<a>"], initial_alphabet=letters)
tokenizer.train_from_iterator([], trainer)
fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<e>", clean_up_tokenization_spaces=False)
fast.chat_template = (
    "{% for m in messages %}{{ '<u>' if m.role == 'user' else '<a>' }}{% if m.reasoning_content %}"
    "({{ m.reasoning_content }}){% endif %}{{ m.content }}{% endfor %}{% if add_generation_prompt %}<a>{% endif %}"
)
torch.manual_seed(0)
config = LlamaConfig(
    vocab_size=len(fast), hidden_size=32, intermediate_size=64, num_hidden_layers=1, num_attention_heads=2, eos_token_id=0
)
model = LlamaForCausalLM(config)
for parameter in model.parameters():
    if parameter.ndim == 2:
        torch.nn.init.normal_(parameter, std=0.2)
model.save_pretrained("greedy")
model.generation_config.do_sample = True
model.save_pretrained("drawing")
for folder in ("greedy", "drawing"):
    fast.save_pretrained(folder)
PY
port=$("$place/venv/bin/python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
"$place/venv/bin/transformers" serve --device cpu --host 127.0.0.1 --port "$port" >>"$place/log" 2>&1 &
server=$!
PORT=$port "$place/venv/bin/python" - <<'PY'
import json
import os
import time
import urllib.request
from importlib.metadata import version

ROOT = f"http://127.0.0.1:{os.environ['PORT']}"
for _ in range(120):
    try:
        urllib.request.urlopen(f"{ROOT}/health", timeout=5).close()
        break
    except OSError:
        time.sleep(1)


def ask(messages, model="./greedy", **more):
    body = json.dumps({"model": model, "messages": messages, **more}).encode()
    request = urllib.request.Request(f"{ROOT}/v1/chat/completions", body, {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=120) as answer:
        return json.loads(answer.read())


ASKED = [{"role": "user", "content": "Q"}]

TURN = {"role": "assistant", "content": "ANSWER"}


def length(turn):
    return ask([*ASKED, turn, *ASKED], max_tokens=1)["usage"]["prompt_tokens"]


found = {
    "as it is": length(TURN),
    "with no calls": length({**TURN, "tool_calls": []}),
    "empty": length({**TURN, "content": ""}),
    "with thinking": length({**TURN, "reasoning_content": "THOUGHT"}),
}
print(f"transformers {version('transformers')}: tokens of the prompt {found}")
assert found["as it is"] == found["empty"] + len("ANSWER"), found
assert found["with no calls"] == found["empty"], found
assert found["with thinking"] == found["as it is"], found
PY
echo "as described"
