"""karui-mini with its special tokens spelled in another way: the same weights, another family's words.

What the model knows hangs on the numbers of tokens, not on their spelling. So it opens and closes its
thinking in the words of any template, where it would only write `<think>` otherwise.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from shutil import copyfile

from _figures import ROOT

MINI = ROOT / "src" / "karui" / "models" / "mini"
TEMPLATES = ROOT / "bench" / "data" / "templates"
AS_IT_IS: Mapping[str, str] = {}
GEMMA = {
    "<|im_start|>": "<|turn>",
    "<|im_end|>": "<turn|>",
    "<think>": "<|channel>thought",
    "</think>": "<channel|>",
}
GPT_OSS = {
    "<|im_start|>": "<|start|>",
    "<|im_end|>": "<|return|>",
    "<think>": "<|channel|>analysis<|message|>",
    "</think>": "<|end|><|start|>assistant<|channel|>final<|message|>",
}


def respelled(words: Mapping[str, str], template: str, folder: Path) -> Path:
    """Writes karui-mini with other words for its special tokens, and another chat template.

    Args:
        words: By special token of karui-mini's, its new spelling.
        template: Name of one of `TEMPLATES`.
        folder: Where it goes.
    """
    folder.mkdir(parents=True)
    for name in ("config.json", "generation_config.json", "model.safetensors"):
        copyfile(MINI / name, folder / name)
    tokenizer = json.loads((MINI / "tokenizer.json").read_text(encoding="utf-8"))
    for token in tokenizer["added_tokens"]:
        token["content"] = words.get(token["content"], token["content"])
    vocabulary = tokenizer["model"]["vocab"]
    tokenizer["model"]["vocab"] = {words.get(text, text): number for text, number in vocabulary.items()}
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer), encoding="utf-8")
    config = json.loads((MINI / "tokenizer_config.json").read_text(encoding="utf-8"))
    config["eos_token"] = words.get(config["eos_token"], config["eos_token"])
    (folder / "tokenizer_config.json").write_text(json.dumps(config), encoding="utf-8")
    copyfile(TEMPLATES / f"{template}.jinja", folder / "chat_template.jinja")
    return folder
