"""Make a model that thinks aloud, and record it: ``python -m recipes.thinker --stages …``.

Each stage reads what the one before it wrote below ``--work``; one that is cut off goes on where it was, so
the work can be spread over several loans of a GPU. Only ``train``, ``control`` and ``record`` want a GPU.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

STAGES = (
    *("texts", "more", "pack", "unpack", "train", "control", "record", "delta", "formats", "engine"),
    *("choose", "shortest", "random", "assemble", "card", "compact"),
)
FORMATS = ("w4a16", "q4_k_m", "int8", "q8_0")
SEED = 7
PARCEL = 45_000_000
"""Bytes of a parcel of weights on the way there, and of a difference on the way home."""
HOME_PARCEL = 16_000_000


def main() -> None:
    """Run the stages asked for."""
    given = _arguments()
    given.work.mkdir(parents=True, exist_ok=True)
    for stage in given.stages:
        begun = time.perf_counter()
        _STAGES[stage](given)
        print(f"[{stage}] {time.perf_counter() - begun:.0f} s", flush=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="recipes.thinker", description=__doc__)
    parser.add_argument("--work", type=Path, default=Path("runs/thinker"), help="folder of all that is made")
    parser.add_argument("--stages", default=",".join(STAGES), help="comma-separated, from: %(default)s")
    parser.add_argument("--gguf", type=Path, help="Qwen2.5-Coder-1.5B-Instruct as a GGUF file (texts, pack)")
    parser.add_argument("--tokenizer", type=Path, help="folder of its tokenizer; else read from the file")
    parser.add_argument("--traces", type=Path, help="long-thinking.jsonl.xz (texts)")
    parser.add_argument("--gsm8k", type=Path, help="GSM8K's train.jsonl (texts)")
    parser.add_argument(
        "--math", type=Path, help="problems of MATH test, JSON lines packed with gzip (texts)"
    )
    parser.add_argument("--math-train", type=Path, help="problems of MATH train, likewise (more)")
    parser.add_argument("--more", default="320,128", help="more: questions of GSM8K and of MATH")
    parser.add_argument("--held", default="300,200", help="more: scored questions of GSM8K and of MATH")
    parser.add_argument("--ggml", type=Path, help="formats: a library that exports ggml_quantize_chunk")
    parser.add_argument("--formats", default=",".join(FORMATS), help="formats: which")
    parser.add_argument("--engine", default="a", help="engine: its name")
    parser.add_argument("--quantization", help="engine: a format that vLLM makes itself")
    parser.add_argument("--threads", type=int, default=8, help="formats, choose: side by side")
    parser.add_argument(
        "--model", default="thinker", help="record, assemble: which, of those below --work/models"
    )
    parser.add_argument(
        "--sets", default="gsm8k,math", help="record, assemble: questions of what, in this order"
    )
    parser.add_argument("--limit", type=int, default=1000, help="record: questions of each set")
    parser.add_argument("--samples", type=int, default=8, help="record: traces of each question")
    parser.add_argument(
        "--max-tokens", type=int, default=6144, help="record: new tokens of the longest trace"
    )
    parser.add_argument("--temperature", type=float, default=1.0, help="record: with top_p 0.95")
    parser.add_argument("--no-trials", action="store_true", help="record: whole traces only")
    parser.add_argument("--gpus", default="0", help="record: comma-separated numbers")
    parser.add_argument("--processes", type=int, default=2, help="record: on each GPU")
    parser.add_argument("--share", default="0/1", help="record: which share of the questions is done here")
    parser.add_argument("--slots", type=int, default=640, help="record: traces side by side in each of them")
    parser.add_argument(
        "--cache-gib", type=float, default=44.0, help="record: key-value cache of each of them"
    )
    parser.add_argument("--seconds", type=float, default=600.0, help="limit of a training")
    parser.add_argument("--admit", type=float, help="record: seconds after which no question is begun")
    parser.add_argument("--epochs", type=int, default=3, help="train, control")
    parser.add_argument("--start", default="base", help="shortest, random: the model they begin with")
    parser.add_argument("--rate", type=float, default=4e-5, help="shortest, random: the full learning rate")
    parser.add_argument("--padded", type=int, default=16_384, help="train, control: tokens of a micro-batch")
    parser.add_argument(
        "--tiny", action="store_true", help="rehearse with a random model of two layers, on a CPU"
    )
    parser.add_argument("--out", type=Path, default=Path("bench/data/thinker"), help="compact: where it goes")
    parser.add_argument(
        "--head", action="store_true", help="assemble: a recording that was broken off: its first questions"
    )
    parser.add_argument("--part", help=argparse.SUPPRESS)
    given = parser.parse_args()
    given.stages = given.stages.split(",")
    if unknown := set(given.stages) - set(STAGES):
        parser.error(f"unknown stages: {', '.join(sorted(unknown))}")
    return given


def _texts(given: argparse.Namespace) -> None:
    """Write the vocabulary, the examples, and the questions with the tokens of their prompts."""
    from transformers import AutoTokenizer

    from recipes.thinker import texts
    from recipes.thinker.vocabulary import Vocabulary

    if given.tokenizer:
        tokenizer = AutoTokenizer.from_pretrained(given.tokenizer)
    else:
        tokenizer = AutoTokenizer.from_pretrained(given.gguf.parent, gguf_file=given.gguf.name)
        tokenizer.save_pretrained(given.work / "tokenizer")
    rows = texts.traces(given.traces)
    sets = {
        "gsm8k": texts.unseen(texts.gsm8k(given.gsm8k), rows, SEED),
        "math": texts.unseen(texts.competition(given.math), rows, SEED),
    }
    asked = {n: [q["question"] + "\n\n" + texts.INSTRUCTION for q in some] for n, some in sets.items()}
    file = given.work / "vocabulary.json"
    if file.exists():
        vocabulary = Vocabulary.load(file)
    else:
        told = [texts.OPEN + thinking + texts.CLOSE + answer for thinking, answer in map(texts.written, rows)]
        prompts = [texts.turn(user, tokenizer) for some in asked.values() for user in some]
        seen = [texts.turn(row["question"] + "\n\n" + how, tokenizer) for row in rows for how in texts.ASKING]
        vocabulary = Vocabulary.of(tokenizer, [*told, *prompts, *seen, texts.SUFFIX])
        vocabulary.save(file)
    made, left = texts.examples(rows, vocabulary, tokenizer, SEED)
    texts.save_examples(given.work / "examples.npz", made)
    suffix = vocabulary.encode(tokenizer, texts.SUFFIX)
    (given.work / "questions").mkdir(exist_ok=True)
    for name, some in sets.items():
        nested = any("\\" in q["reference"] for q in some)
        lines = []
        for question, user in list(zip(some, asked[name], strict=True))[: 2 * given.limit]:
            tokens = vocabulary.encode(tokenizer, texts.turn(user, tokenizer))
            lines.append({**question, "set": name, "nested": nested, "tokens": tokens, "suffix": suffix})
        text = "\n".join(json.dumps(line, ensure_ascii=False) for line in lines)
        (given.work / "questions" / f"{name}.jsonl").write_text(text + "\n", encoding="utf-8")
    told_of = {
        "examples": len(made),
        "left_out": dict(left),
        "tokens": sum(len(e.thinking) for e in made),
        "vocabulary": len(vocabulary.ids),
        "questions": {name: len(some) for name, some in sets.items()},
    }
    (given.work / "texts.json").write_text(json.dumps(told_of, indent=1) + "\n", encoding="utf-8")
    print(told_of, flush=True)


def _more(given: argparse.Namespace) -> None:
    """Write the questions of the second round, and those that all models of it are judged on."""
    from transformers import AutoTokenizer

    from recipes.thinker import second
    from recipes.thinker.vocabulary import Vocabulary

    tokenizer = AutoTokenizer.from_pretrained(given.tokenizer or given.work / "tokenizer")
    names = ("gsm8k", "math")
    counts = dict(zip(names, map(int, given.more.split(",")), strict=True))
    found = second.unscored(given.work, given.math_train, counts, given.limit, tokenizer)
    files: dict[str, list[dict[str, Any]]] = {f"more-{name}": rows for name, rows in found.items()}
    for name, count in zip(names, map(int, given.held.split(",")), strict=True):
        rows = second.lines(given.work / "questions" / f"{name}.jsonl")
        files |= {f"held-{name}": rows[:count], f"held2-{name}": rows[count : 2 * count]}
    vocabulary = Vocabulary.load(given.work / "vocabulary.json")
    files["quick-gsm8k"] = second.quick(files["held-gsm8k"], vocabulary, tokenizer)
    for name, rows in files.items():
        text = "\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
        (given.work / "questions" / f"{name}.jsonl").write_text(text + "\n", encoding="utf-8")
        print(f"{name}: {len(rows)}", flush=True)


def _pack(given: argparse.Namespace) -> None:
    from recipes.thinker import weights
    from recipes.thinker.vocabulary import Vocabulary

    vocabulary = Vocabulary.load(given.work / "vocabulary.json")
    files = weights.pack(given.gguf, vocabulary, given.work / "packed", PARCEL)
    print(f"{len(files)} parcels, {sum(f.stat().st_size for f in files) / 1e6:.0f} MB", flush=True)


def _unpack(given: argparse.Namespace) -> None:
    """Make the plain folder of the packed weights."""
    import torch
    from safetensors.torch import save_file

    from recipes.thinker import weights
    from recipes.thinker.train import tiny

    out = given.work / "models" / "base"
    if out.exists():
        return
    part = out.with_name("base.part")
    part.mkdir(parents=True, exist_ok=True)
    for name in ("config.json", "vocabulary.json"):
        source = given.work / "packed" / name if name == "config.json" else given.work / name
        (part / name).write_bytes(source.read_bytes())
    if given.tiny:
        tiny(part, part)
    else:
        device = "cuda" if torch.cuda.is_available() else "cpu"
        state = {name: value.cpu() for name, value in weights.unpack(given.work / "packed", device)}
        save_file(state, part / "model.safetensors", metadata={"format": "pt"})
    part.rename(out)


def _train(given: argparse.Namespace, reply: str = "thinking", name: str = "thinker") -> None:
    """Fine-tune the model; not if that was done."""
    from recipes.thinker.train import Settings, train

    out = given.work / "models" / name
    if out.exists():
        return
    settings = replace(Settings(), seconds=given.seconds, epochs=given.epochs, padded=given.padded)
    train(given.work / "models" / "base", given.work / "examples.npz", reply, out, settings)


def _control(given: argparse.Namespace) -> None:
    """Fine-tune the same model on the same traces' answers alone."""
    _train(given, "answer", "control")


def _second(name: str) -> Callable[[argparse.Namespace], None]:
    """Return the stage that trains one round of the second: smaller batches fit beside two engines."""

    def stage(given: argparse.Namespace) -> None:
        from recipes.thinker.train import Settings, train

        models = given.work / "models"
        if not (models / name).exists():
            settings = Settings(
                epochs=given.epochs, rate=given.rate, padded=8192, micro=2, held=32, seconds=given.seconds
            )
            train(
                models / given.start, given.work / f"examples-{name}.npz", "thinking", models / name, settings
            )

    return stage


def _choose(given: argparse.Namespace) -> None:
    from recipes.thinker.second import choose

    print(choose(given.work, "thinker", SEED, given.threads), flush=True)


def _formats(given: argparse.Namespace) -> None:
    """Make the thinker in other formats of weights, unpacked to bfloat16."""
    from recipes.thinker import formats

    models, told = given.work / "models", given.work / "formats.json"
    moved = json.loads(told.read_text(encoding="utf-8")) if told.exists() else {}
    for name in given.formats.split(","):
        if name == "w4a16-packed":
            formats.pack_w4a16(models / given.model, models / f"{given.model}-{name}")
            continue
        rounding = formats.rounding_of(name, given.work / "packed", given.ggml)
        out = models / f"{given.model}-{name}"
        if not out.exists():
            moved[name] = formats.make(models / given.model, out, rounding, given.threads)
            print(f"{name}: weights moved by {moved[name]:.4f}", flush=True)
        told.write_text(json.dumps(moved, indent=1) + "\n", encoding="utf-8")


def _engine(given: argparse.Namespace) -> None:
    """Start an engine that works through `jobs/`."""
    from recipes.thinker.jobs import Engine

    Engine(given.work, given.engine, given.model, given.cache_gib, given.slots, given.quantization).serve()


def _record(given: argparse.Namespace) -> None:
    """Record in as many processes as asked for: one leaves a GPU idle while it plans its next step."""
    if given.part:
        _record_part(given)
        return
    gpus = given.gpus.split(",")
    own = len(gpus) * given.processes
    share, shares = map(int, given.share.split("/"))
    parts = own * shares
    until = time.time() + given.admit if given.admit else math.inf
    running = []
    for number in range(own * share, own * (share + 1)):
        told = ["--part", f"{number},{parts},{until}", "--stages", "record"]
        environment = {**os.environ, "CUDA_VISIBLE_DEVICES": gpus[number % len(gpus)]}
        environment["VLLM_CACHE_ROOT"] = str(given.work / f"cache-{number}")  # they compile at the same time
        command = [sys.executable, "-m", "recipes.thinker", *sys.argv[1:], *told]
        running.append(subprocess.Popen(command, env=environment))
    if failed := [process.args for process in running if process.wait()]:
        raise SystemExit(f"{len(failed)} of {own} processes failed")


def _record_part(given: argparse.Namespace) -> None:
    from recipes.thinker.record import Recorder, Wanted

    number, parts, until = given.part.split(",")
    Recorder(
        Wanted(
            model=given.work / "models" / given.model,
            questions=tuple(given.work / "questions" / f"{name}.jsonl" for name in given.sets.split(",")),
            out=given.work / "raw" / given.model,
            samples=given.samples,
            limit=given.limit,
            trials=not given.no_trials,
            temperature=given.temperature,
            max_tokens=given.max_tokens,
            slots=given.slots,
            part=int(number),
            parts=int(parts),
            until=float(until),
            cache_gib=given.cache_gib,
        )
    ).run()


def _delta(given: argparse.Namespace) -> None:
    from recipes.thinker import delta

    models = given.work / "models"
    files = delta.pack(models / "base", models / given.model, given.work / "delta" / given.model, HOME_PARCEL)
    print(f"{len(files)} parcels", flush=True)


def _assemble(given: argparse.Namespace) -> None:
    from recipes.thinker.assemble import assemble

    for name in given.sets.split(","):
        limits = {"temperature": given.temperature, "max_tokens": given.max_tokens}
        assemble(given.work, given.model, name, **limits, head=given.head)


def _card(given: argparse.Namespace) -> None:
    from recipes.thinker.card import write_card

    write_card(given.work)


def _compact(given: argparse.Namespace) -> None:
    """Write every recording without its texts to `--out`."""
    from recipes.thinker.compact import compact

    for folder in sorted((given.work / "recordings").iterdir()):
        compact(folder, given.out / folder.name)


_STAGES = {
    "texts": _texts,
    "more": _more,
    "pack": _pack,
    "unpack": _unpack,
    "train": _train,
    "control": _control,
    "record": _record,
    "delta": _delta,
    "formats": _formats,
    "engine": _engine,
    "choose": _choose,
    "shortest": _second("shortest"),
    "random": _second("random"),
    "assemble": _assemble,
    "card": _card,
    "compact": _compact,
}

if __name__ == "__main__":
    main()
