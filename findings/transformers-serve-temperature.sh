#!/usr/bin/env bash
# transformers 5.17.0: `transformers serve` answers at every temperature with the same greedy reply, unless the model's
# own generation_config says do_sample; and takes n, logprobs and max_completion_tokens without doing anything.
#
# A request's temperature and top_p are written into the model's generation config, but do_sample is only ever switched
# off (at 0.0), never on, and off is what a folder without a generation_config.json has. So temperature 2.0 with three
# seeds gives one and the same text: votes over samples (self-consistency, pass@k) are unanimous, and nothing says why.
# The same weights beside a config with do_sample give three texts.
#
# Fields that are known and not supported are left out with a warning in the server's log, though a comment in its source
# says that they raise: three choices that are asked for come as one, log-probabilities not at all, and
# max_completion_tokens, which OpenAI's clients send for max_tokens, is no limit: 5 tokens are asked for, hundreds come.
#
# The server needs torch, so this downloads much.
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

def said(model, **more):
    return ask(ASKED, model, max_tokens=16, **more)["choices"][0]["message"]["content"]


warm = {model: [said(model, temperature=2.0, seed=seed) for seed in (1, 2, 3)] for model in ("./greedy", "./drawing")}
cold = said("./greedy", temperature=0.0)
several = ask(ASKED, n=3, logprobs=True, max_tokens=4)["choices"]
long = ask(ASKED, max_completion_tokens=5)["usage"]["completion_tokens"]
texts = {model: len(set(found)) for model, found in warm.items()}
print(f"transformers {version('transformers')}: different texts of three {texts}; choices {len(several)} of 3, {long} tokens of 5")
assert texts == {"./greedy": 1, "./drawing": 3} and warm["./greedy"][0] == cold, warm
assert len(several) == 1 and several[0].get("logprobs") is None, several
assert long > 100, long
PY
echo "as described"
