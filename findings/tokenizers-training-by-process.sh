#!/usr/bin/env bash
# tokenizers 0.23.3: WordPiece and Unigram train another tokenizer in every process, on the same text; BPE does not.
#
# Neither trainer has a seed or draws anything; what differs is the order of a hash map, which is drawn when a process
# starts. WordPiece learns other tokens where two pairs are equally frequent (its ## pieces are numbered as they are
# met), Unigram the same tokens with other numbers. A model trained on one run's ids reads noise with the next run's
# tokenizer, and a recipe that trains both anew cannot be repeated. Within a process, too: two trainings there differ.
# BPE sorts its alphabet first and is the same each time, unless it is given a continuing_subword_prefix, which is what
# WordPiece is.
#
# WordPiece is known as huggingface/tokenizers#1794, open (a first answer took it for dropout). Keep tokenizer.json, not
# the recipe.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet tokenizers==0.23.3
cat > "$place/train.py" <<'PY'
import json

import tokenizers
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

texts = [f"the cat sat on the mat and ate abc bcd cde def efg fgh xyz yzx zxy {n}" for n in range(200)]
quiet = {"show_progress": False}
kinds = {
    "bpe": (models.BPE(), trainers.BpeTrainer(vocab_size=100, **quiet)),
    "bpe with ##": (
        models.BPE(continuing_subword_prefix="##"),
        trainers.BpeTrainer(vocab_size=100, continuing_subword_prefix="##", **quiet),
    ),
    "wordpiece": (models.WordPiece(unk_token="[UNK]"), trainers.WordPieceTrainer(vocab_size=100, **quiet)),
    "unigram": (
        models.Unigram(),
        trainers.UnigramTrainer(vocab_size=80, unk_token="<unk>", special_tokens=["<unk>"], **quiet),
    ),
}
found = {}
for name, (model, trainer) in kinds.items():
    trained = Tokenizer(model)
    trained.pre_tokenizer = pre_tokenizers.Whitespace()
    trained.train_from_iterator(texts, trainer)
    found[name] = {"tokens": sorted(trained.get_vocab()), "ids": trained.get_vocab()}
print(json.dumps({"version": tokenizers.__version__, "found": found}))
PY
for run in 1 2 3 4 5 6 7 8; do "$place/venv/bin/python" "$place/train.py" > "$place/$run.json"; done
"$place/venv/bin/python" - "$place"/?.json <<'PY'
import json
import sys

runs = [json.load(open(file, encoding="utf-8")) for file in sys.argv[1:]]
different = {
    name: {what: len({json.dumps(run["found"][name][what], sort_keys=True) for run in runs}) for what in kept}
    for name, kept in runs[0]["found"].items()
}
print(f"tokenizers {runs[0]['version']}, {len(runs)} processes: how many different {different}")
assert different["bpe"] == {"tokens": 1, "ids": 1}, different
assert different["wordpiece"]["tokens"] > 1 and different["bpe with ##"]["tokens"] > 1, different
assert different["unigram"]["tokens"] == 1 < different["unigram"]["ids"], different
PY
echo "as described"
