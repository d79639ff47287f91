"""Formats that want a GPU: FP8 and 4-bit weights; what they keep, take and give there.

Two parts. On karui-mini, through the forge and karui's own engine: the artifacts (AWQ and GPTQ calibrated
on the GPU), what they take in its memory, how many of the pilot questions they answer right and as bfloat16
does, and tokens per second. Nearly all of that time is Python launching kernels, whatever the format: so
the kernels are also timed by themselves, on a model of the shape of Qwen3-8B with random weights, whose
step is captured as a CUDA graph (one token a row at 512 positions, no sampling). FP8 runs on transformers'
layer for compressed-tensors (`scaled_mm`, activations rounded row by row, not fused), 4 bits on karui's
layer over torch's kernel (`_weight_int4pack_mm`).

    python bench/smaller_gpu.py --out bench/results/smaller_gpu.json

Nothing is judged: the issue asks for figures. Each stage leaves a file in `--work`, and the last lines are
printed from all that are there, so stages can be run by themselves.
"""

import asyncio
import gc
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from time import perf_counter
from typing import Any

from _figures import ROOT, Figures, arguments

from karui import catalog, engines, tasks
from karui.artifacts.build import make
from karui.core.engine import CheckpointPolicy
from karui.core.prompt import Sampling
from karui.core.request import Request
from karui.recording import store
from karui.recording.record import record

MINI = ROOT / "src" / "karui" / "models" / "mini"
PLAIN = "bfloat16"
FORMATS = {
    PLAIN: "",
    "int8-weights": "int8-weights",
    "fp8": "fp8",
    "w4a16, gptq": "w4a16:method=gptq,samples=32",
    "w4a16, awq": "w4a16:method=awq,samples=32",
}
STAGES = ("make", "answers", "speed", "kernels")
SAMPLING = Sampling(0.6, 0.95, max_tokens=1024)
SEEN = 512
"""Positions that the timed steps look back on."""
QWEN3_8B = {
    "hidden_size": 4096,
    "num_hidden_layers": 36,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "head_dim": 128,
    "intermediate_size": 12288,
    "vocab_size": 151936,
}
TINY = {**QWEN3_8B, "hidden_size": 256, "num_hidden_layers": 2, "num_attention_heads": 4, "head_dim": 64,
        "num_key_value_heads": 2, "intermediate_size": 512, "vocab_size": 1024}  # fmt: skip


def folder_of(name: str, root: Path, device: str) -> Path:
    """Returns the folder of a format of karui-mini, made if it is not there."""
    if not FORMATS[name]:
        return MINI
    recording = MINI / "pilot"
    made = make(
        catalog.parse(FORMATS[name]),
        MINI,
        root,
        recording=store.load(recording),
        data_digest=store.digest(recording),
        device=device,
        name="karui-mini",
    )
    return made.folder


def made_one(name: str, root: str, device: str) -> dict[str, Any]:
    """Makes one format, in a process of its own."""
    began = perf_counter()
    folder = folder_of(name, Path(root), device)
    size = sum(p.stat().st_size for p in folder.glob("*.safetensors"))
    return {"seconds": perf_counter() - began, "disk_bytes": size}


def answered_one(name: str, root: str, device: str, questions: int, samples: int) -> list[list[Any]]:
    """Lets one format answer pilot questions; returns the answer and its verdict of every trace."""
    folder = folder_of(name, Path(root), device)
    task = tasks.load("mini:pilot", limit=questions)
    none = CheckpointPolicy(max_interval=1_000_000, min_interval=1_000_000)
    engine = engines.load(str(folder), name=name, device=device, slots=questions * samples, rule=none)
    out = Path(root) / "answers" / name.replace(", ", "-")

    async def run() -> Any:
        found = await record(
            engine, task, out, sampling=SAMPLING, samples=samples, at_once=questions * samples
        )
        await engine.close()
        return found

    recording = asyncio.run(run())
    return [[t.answer, q.correct(t.answer)] for q in recording.questions for t in q.traces]


def weighed(
    names: Sequence[str], root: Path, device: str, sizes: Sequence[int], tokens: int
) -> dict[str, Any]:
    """Returns memory and tokens per second of karui-mini on karui's engine, one format after the other."""
    import torch

    from karui.profiling.speed import tokens_per_second

    task = tasks.load("mini:pilot", limit=32)
    asks = [Request(q.id, task.prompt(q), SAMPLING) for q in task.questions]
    found: dict[str, Any] = {}
    for name in names:
        engine = engines.load(str(folder_of(name, root, device)), name=name, device=device, slots=32)

        async def measure(engine: Any = engine) -> dict[str, float]:
            rates = {str(n): await tokens_per_second(engine, asks, at_once=n, tokens=tokens) for n in sizes}
            rates["bytes"] = engine.loaded_bytes
            await engine.close()
            return rates

        found[name] = asyncio.run(measure())
        del engine
        gc.collect()
        if device == "cuda":
            torch.cuda.empty_cache()
    return found


def fp8_layer(linear: Any) -> Any:
    """Returns transformers' FP8 layer with a linear layer's weights, a scale a row."""
    import torch
    from transformers.integrations.compressed_tensors import CompressedTensorsFP8Linear, quantize_fp8_per_row

    with torch.device(linear.weight.device):
        layer = CompressedTensorsFP8Linear(linear.in_features, linear.out_features)
    weight, scale = quantize_fp8_per_row(linear.weight.data)
    layer.weight = torch.nn.Parameter(weight, requires_grad=False)
    layer.weight_scale = torch.nn.Parameter(scale[None].contiguous(), requires_grad=False)
    return layer


def int4_layer(linear: Any, group: int = 128) -> Any:
    """Returns karui's layer of 4-bit weights, rounded to nearest in groups."""
    import torch

    from karui.engines.transformers.quantized import Int4Weights

    grouped = linear.weight.data.float().unflatten(1, (-1, group))
    scale = grouped.abs().amax(-1).clamp(min=1e-8) / 7
    integers = (grouped / scale[..., None]).round().clamp(-8, 7).flatten(1).to(torch.int8)
    return Int4Weights(integers, scale.to(linear.weight.dtype), None)


KERNELS: dict[str, tuple[Callable[[Any], Any] | None, dict[str, Any]]] = {
    PLAIN: (None, {}),
    "fp8": (fp8_layer, {"input_activations": {"num_bits": 8}}),
    "int4": (int4_layer, {}),
}
"""What becomes of each linear layer, and what the model's configuration would say of its group."""


def timed(
    kernel: str, device: str, shape: Mapping[str, int], sizes: Sequence[int], steps: int
) -> dict[str, Any]:
    """Returns memory and milliseconds a step of a model with random weights, by rows."""
    import torch
    from transformers import Qwen3Config, Qwen3ForCausalLM

    from karui.engines.transformers.model_info import loaded_bytes
    from karui.engines.transformers.network import Network

    change, group = KERNELS[kernel]
    torch.manual_seed(0)
    torch.set_default_dtype(torch.bfloat16)
    with torch.device(device):
        model = Qwen3ForCausalLM(
            Qwen3Config(**shape, tie_word_embeddings=False, max_position_embeddings=4096)
        )
    torch.set_default_dtype(torch.float32)
    model = model.eval().requires_grad_(requires_grad=False)
    if change:
        model.config.quantization_config = {"config_groups": {"group_0": group}}
        for parent in list(model.model.modules()):
            for name, layer in list(parent.named_children()):
                if isinstance(layer, torch.nn.Linear):
                    setattr(parent, name, change(layer))
    on_gpu = device == "cuda"
    gc.collect()
    found: dict[str, Any] = {"bytes": loaded_bytes(model), "graph": on_gpu}
    with torch.inference_mode():
        network = Network(model, max(sizes))
        network.cache.ensure(max(sizes), SEEN + 64)
        for rows in sizes:
            ids = torch.arange(rows, device=device)[:, None] + 1
            positions = torch.full((rows,), SEEN - 1, device=device)

            def step(ids: Any = ids, positions: Any = positions) -> Any:
                return network.step(ids, positions, SEEN - 1, SEEN - 1)

            found[str(rows)] = _captured(step, steps) if on_gpu else _plain(step, steps)
    return found


def _captured(step: Callable[[], Any], steps: int) -> float:
    """Returns the milliseconds of a step replayed as a CUDA graph."""
    import torch

    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            step()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()
    begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    for _ in range(5):
        graph.replay()
    begin.record()
    for _ in range(steps):
        graph.replay()
    end.record()
    torch.cuda.synchronize()
    return float(begin.elapsed_time(end)) / steps


def _plain(step: Callable[[], Any], steps: int) -> float:
    step()
    began = perf_counter()
    for _ in range(steps):
        step()
    return 1000 * (perf_counter() - began) / steps


def apart(
    work: Mapping[str, tuple[Any, ...]], function: Callable[..., Any], *, at_once: int, seconds: float
) -> dict[str, Any]:
    """Calls a function in processes of their own, or in this one if there are none of them.

    What fails is a line of words instead of a result: a format that does not run here is a figure, too.
    """
    found: dict[str, Any] = {}
    with ProcessPoolExecutor(max(1, at_once), mp_context=get_context("spawn")) as pool:
        futures = {name: pool.submit(function, *given) for name, given in work.items() if at_once}
        for name, given in work.items():
            try:
                found[name] = futures[name].result(timeout=seconds) if at_once else function(*given)
            except Exception as error:  # noqa: BLE001 - whatever a library throws
                found[name] = f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}"
    return found


def run(stage: str, options: Any) -> dict[str, Any]:
    """Runs one stage and returns what it found."""
    device, root, quick = options.device, options.work, options.quick
    names = [n for n in FORMATS if not quick or n in {PLAIN, "int8-weights"}]
    several = partial(apart, seconds=options.limit)
    if stage == "make":
        given = {n: (n, str(root), device) for n in names if FORMATS[n]}
        return several(given, made_one, at_once=0 if quick else 4)
    if stage == "answers":
        questions, samples = (2, 1) if quick else (300, 2)
        asked = {n: (n, str(root), device, questions, samples) for n in names}
        return several(asked, answered_one, at_once=0 if quick else 5)
    if stage == "speed":
        work = {"all": (names, root, device, *(((1, 4), 16) if quick else ((1, 8, 32), 128)))}
        found = several(work, weighed, at_once=0 if quick else 1)["all"]
        return found if isinstance(found, dict) else dict.fromkeys(names, found)
    sizes, steps = ((1, 8, 32), 50) if not quick else ((1, 2), 2)
    shape = TINY if quick else QWEN3_8B
    timing = {k: (k, device, shape, sizes, steps) for k in KERNELS if device == "cuda" or k != "fp8"}
    return several(timing, timed, at_once=0 if quick else 1)


def shown(figures: Figures, stage: str, found: Mapping[str, Any], plain: Any) -> None:
    """Prints a stage's figures."""
    for name, got in found.items():
        if isinstance(got, str):
            figures.note(f"{stage}, {name}: {got}")
        elif stage == "make":
            figures.shown(f"{name}: made in", got["seconds"], "s", 1)
        elif stage == "answers":
            figures.shown(
                f"{name}: right, {len(got)} traces", 100 * sum(r for _, r in got) / len(got), "%", 1
            )
            same = sum(a == b for (a, _), (b, _) in zip(got, plain, strict=True)) / len(got)
            figures.shown(f"{name}: same answer as {PLAIN}", 100 * same, "%", 1)
        elif stage == "speed":
            figures.shown(f"{name}: loaded", got["bytes"] / 2**20, "MiB", 1)
            for rows in [r for r in got if r.isdigit()]:
                figures.shown(f"{name}: karui-mini at {rows}", got[rows], "tokens/s", 0)
        else:
            figures.shown(f"8B shape, {name}: loaded", got["bytes"] / 2**30, "GiB", 2)
            for rows in [r for r in got if r.isdigit()]:
                rate = 1000 * int(rows) / got[rows]
                figures.shown(f"8B shape, {name}: at {rows}", rate, "tokens/s", 0)
                if isinstance(plain, dict) and name != PLAIN:
                    figures.shown(
                        f"8B shape, {name}: at {rows} against {PLAIN}", plain[rows] / got[rows], "×", 2
                    )


def main() -> int:
    """Runs the bench and returns its exit code."""
    import torch

    parser = arguments(__doc__)
    parser.add_argument("--stages", default=",".join(STAGES), help="comma-separated")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument(
        "--work", type=Path, default=ROOT / "runs" / "bench-smaller-gpu", help="kept between runs"
    )
    parser.add_argument("--limit", type=float, default=600.0, help="seconds that a stage waits for a process")
    options = parser.parse_args()
    if options.device != "cuda" and not options.quick:
        parser.error("there is no GPU here; --quick rehearses every line on a CPU")
    if options.quick:
        options.work = options.work / "quick"
    options.work.mkdir(parents=True, exist_ok=True)
    for stage in options.stages.split(","):
        began = perf_counter()
        found = run(stage, options)
        (options.work / f"{stage}.json").write_text(json.dumps(found, ensure_ascii=False), encoding="utf-8")
        print(f"[{stage}] {perf_counter() - began:.0f} s", flush=True)
    figures = Figures("smaller_gpu", options)
    figures.extra["gpu"] = torch.cuda.get_device_name() if torch.cuda.is_available() else ""
    figures.extra["torch"] = torch.__version__
    for stage in STAGES:
        path = options.work / f"{stage}.json"
        if path.exists():
            found = json.loads(path.read_text(encoding="utf-8"))
            shown(figures, stage, found, found.get(PLAIN))
    return figures.close()


if __name__ == "__main__":
    sys.exit(main())
