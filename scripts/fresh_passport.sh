#!/usr/bin/env bash
# Signs the passport of a study, and verifies it as a buyer does: in a fresh environment, without a network.
#
#   scripts/fresh_passport.sh runs/poc [MODEL]      # MODEL: the model's folder; by default karui-mini's
#
# The supplier is the environment in .venv. The buyer's environment has a wheel of karui with the extra
# `passport`, and gets the passport, the public key and the model, nothing else. Its commands run in a network
# namespace that has no network at all. Three forgeries and two updates have to be refused there, by name.
set -euo pipefail
cd "$(dirname "$0")/.."
study=$(realpath "${1:?the folder of a study}")
model=$(realpath "${2:-src/karui/models/mini}")
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
alone=(unshare --map-root-user --net)
"${alone[@]}" true || { echo 'This needs permission for a network namespace (unshare --net).'; exit 1; }

echo '== the supplier signs'
supplier=.venv/bin/python
"$supplier" -m karui passport new-key "$place/keys" >/dev/null
"$supplier" -m karui passport "$study" --key "$place/keys/passport.key" --out "$place/passport" \
  --issuer 'A supplier' --days 180 --model "$model" >/dev/null

echo '== the buyer: a fresh environment'
"${PYTHON:-python3}" -m venv "$place/venv"
"$place/venv/bin/python" -m pip --disable-pip-version-check wheel --quiet --no-deps --wheel-dir "$place" .
"$place/venv/bin/python" -m pip --disable-pip-version-check install --quiet --constraint constraints.txt \
  "$(echo "$place"/karui-*.whl)[passport]"
mkdir "$place/buyer"
cp "$place/passport/passport.json" "$place/keys/passport.pub" "$place/buyer"
cp -r "$model" "$place/buyer/model"

verify() { # verify PASSPORT MODEL, without a network
  (cd "$place/buyer" && env -u PYTHONPATH "${alone[@]}" "$place/venv/bin/karui" passport verify "$1" \
    --key passport.pub --model "$2" 2>&1)
}
refused() { # refused NAME PASSPORT MODEL WORD
  if told=$(verify "$2" "$3"); then echo "FAILED: $1 is accepted"; exit 1; fi
  grep -q -- "$4" <<<"$told" || { echo "FAILED: $1 is refused with another sentence:"; echo "$told"; exit 1; }
  echo "refused, $1: $(grep -- "$4" <<<"$told" | head -n 1 | sed 's/^ *//')"
}
forge() { # forge FILE EXPRESSION: the payload p changed, the signature kept
  "$place/venv/bin/python" - "$place/buyer/passport.json" "$place/buyer/$1" "$2" <<'PY'
import json, sys
from base64 import b64decode, b64encode
envelope = json.load(open(sys.argv[1]))
payload = json.loads(b64decode(envelope["payload"]))
exec(sys.argv[3], {"p": payload["predicate"]})
envelope["payload"] = b64encode(json.dumps(payload).encode()).decode()
json.dump(envelope, open(sys.argv[2], "w"))
PY
}

echo '== without a network'
verify passport.json model
forge figure.json 'p["promise"]["bound"] = 0.0001'
forge digest.json 'f = p["model"]["files"]; f[sorted(f)[0]] = "0" * 64'
forge date.json 'p["expires"] = "2099-01-01T00:00:00Z"'
for name in figure digest date; do refused "a forged $name" "$name.json" model 'changed after'; done
cp -r "$place/buyer/model" "$place/buyer/weights"
printf ' ' >>"$place/buyer/weights/model.safetensors"
refused 'other weights' passport.json weights 'model.safetensors'
cp -r "$place/buyer/model" "$place/buyer/template"
printf ' ' >>"$place/buyer/template/chat_template.jinja"
refused 'another template' passport.json template 'template'
echo 'The passport holds on a fresh machine without a network, and what was changed is refused.'
