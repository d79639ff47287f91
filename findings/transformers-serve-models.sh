#!/usr/bin/env bash
# transformers 5.17.0: `transformers serve` answers GET /v1/models with status 500 where no hub cache exists yet, and
# otherwise lists what lay in the cache at the first call, not what it serves.
#
# On a machine that has never loaded from the hub (a container with a model's folder mounted) the list, which clients
# ask first to see whether a server is up and what its model is called, ends in CacheNotFound; /health says "ok" all the
# while. With an empty cache folder there it is 200 and an empty list, and it stays so: the list is kept by an lru_cache,
# so a model that comes into the cache later, and that scan_cache_dir sees, is not listed until a restart.
#
# The server needs torch, so this downloads much.
set -euo pipefail
place=$(mktemp -d)
trap 'kill ${server:-} 2>/dev/null || true; rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet torch==2.13.0 transformers==5.17.0 fastapi==0.165.0 uvicorn==0.54.0 openai==3.54.0 \
  requests==2.34.2 accelerate==1.15.0 rich==15.0.0 pydantic==2.14.3 python-multipart==0.0.34
cd "$place"
export HF_HOME="$place/home" HF_HUB_OFFLINE=1
port=$("$place/venv/bin/python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
"$place/venv/bin/transformers" serve --host 127.0.0.1 --port "$port" >"$place/log" 2>&1 &
server=$!
PORT=$port "$place/venv/bin/python" - <<'PY'
import json
import os
import time
import urllib.error
import urllib.request
from importlib.metadata import version
from pathlib import Path

ROOT = f"http://127.0.0.1:{os.environ['PORT']}"


def ask(path):
    try:
        with urllib.request.urlopen(ROOT + path, timeout=30) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


for _ in range(120):
    try:
        health = ask("/health")
        break
    except OSError:
        time.sleep(1)
without = ask("/v1/models")
cache = Path(os.environ["HF_HOME"]) / "hub"
cache.mkdir(parents=True)
empty = ask("/v1/models")
model = cache / "models--some--one"
(model / "snapshots" / "a").mkdir(parents=True)
(model / "refs").mkdir()
(model / "refs" / "main").write_text("a")
config = {"architectures": ["LlamaForCausalLM"], "model_type": "llama"}
(model / "snapshots" / "a" / "config.json").write_text(json.dumps(config))
later = ask("/v1/models")
print(f"transformers {version('transformers')}: health {health}; {without}, {empty}, {later}")
from huggingface_hub import scan_cache_dir

assert [repo.repo_id for repo in scan_cache_dir(cache).repos] == ["some/one"]
assert health[0] == 200, health
assert without[0] == 500, without
assert empty[0] == 200 and json.loads(empty[1])["data"] == [], empty
assert json.loads(later[1])["data"] == [], later
PY
echo "as described"
