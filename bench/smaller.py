"""Smaller, on karui-mini and a CPU: int8, llama.cpp, karui-micro, cascades; memory, speed, certified losses.

The losses of int8 and Q8_0 are of 1,000 test questions, full thinking of karui-mini with 8 traces each
against 4 of the artifact, recorded by

    karui record --model MODEL --questions mini:test --samples 4 --max-tokens 1024 --compact --out FOLDER

The cascade and the composed plan are tested on 2,500 questions drawn for this alone, none trained on and
none looked at before, 2 traces each of karui-mini and of karui-micro (`python -m recipes.micro.pair`).
Which plans are tested, in which order and with which thresholds was found on a pilot: the test questions of
mini, 8 and 2 traces. The live confirmation asks 399 further questions. Four certificates share the 5%:
int8, Q8_0, the cascade, and the composed plan that choosing among everything comes to. Speeds are measured
here, each model in a process of its own, in rounds that take turns; int8 computes in bfloat16, as it did when
it was recorded, and once compiled by torch, as fp32 is.
"""

import asyncio
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from _figures import ROOT, Figures, arguments
from numpy.typing import NDArray

from karui import catalog, engines, tasks
from karui.artifacts.build import make
from karui.codec.values import encode
from karui.core.outcome import Outcomes
from karui.core.plan import Plan
from karui.core.prompt import Sampling
from karui.core.question import Task
from karui.core.recording import Recording
from karui.core.request import Request
from karui.core.study import ModelProfile
from karui.core.study.choice import Axis, Choice, PilotSource, Rule
from karui.measure.cost_model import CostModel
from karui.models import place
from karui.profiling.profile import profile
from karui.recording import store
from karui.runners.replay import Replay
from karui.selection.betting import upper_bound
from karui.selection.confirm import confirm
from karui.selection.evidence import Evidence, gather
from karui.selection.fixed_sequence import share
from karui.selection.groups import Group, Sources, groups_of
from karui.selection.search_space import Density, SearchSpace
from karui.selection.select import choose, lined_up
from karui.study.steps import space_of
from karui.tasks.sources.files import load_file

load = cache(store.load)
MARGIN, ALPHA = 0.02, share(0.05, 4)
MINI = ROOT / "src" / "karui" / "models" / "mini"
DATA = ROOT / "bench" / "data" / "smaller"
SAMPLING = Sampling(0.6, 0.95, max_tokens=1024)
COMPILED = ("fp32", "int8")
RULE = Rule(MARGIN, ALPHA, Axis.FLOPS, pilot=PilotSource.SHIPPED)


def loss_to(whole: Outcomes, recording: Recording) -> NDArray[np.float64]:
    """Returns full thinking's accuracy on each question less that of another model's recording."""
    style = catalog.plan_from_spec(recording.manifest.style)
    return whole.accuracy - Replay({"main": recording}).outcomes(style).accuracy


def certified(figures: Figures, name: str, d: NDArray[np.float64]) -> None:
    """Prints an estimated loss and the bound that is certified for it."""
    figures.shown(f"{name}: loss, estimate", 100 * float(d.mean()), "points", 2)
    figures.at_most(f"{name}: loss, certified", 100 * upper_bound(d, ALPHA), 100 * MARGIN, "points", 2)


def weighed(
    models: Mapping[str, tuple[str, dict[str, Any]]],
    *,
    rounds: int,
    tokens: int,
    at_once: Sequence[int] = (1, 8),
) -> dict[str, ModelProfile]:
    """Weighs models in turns, and keeps of each the round with the fastest single stream."""
    task = tasks.load("mini:pilot", limit=32)
    asks = [Request(q.id, task.prompt(q), SAMPLING) for q in task.questions]
    best: dict[str, ModelProfile] = {}
    for _ in range(rounds):
        for name, (folder, options) in models.items():
            found = profile(folder, asks, name=name, at_once=at_once, tokens=tokens, rounds=2, **options)
            if name not in best or found.speed[1] > best[name].speed[1]:
                best[name] = found
    return best


@dataclass(frozen=True)
class Work:
    """The plans over mini and micro: replayed on the pilot, still to be tested.

    Attributes:
        groups: All plans, and the recordings they are tested on.
        pilot: What came of them on the pilot.
        test_part: The main recording of the test questions.
        runs: Permutations on the test questions.
    """

    groups: Sequence[Group]
    pilot: Evidence
    test_part: Recording
    runs: int

    def tested(self, wanted: Callable[[Plan], bool]) -> Evidence:
        """Returns the evidence on the plans wanted, tested as far as choosing looks at the tests."""
        baseline = self.pilot.baseline
        kept = {k: o for k, o in self.pilot.pilot.items() if k == baseline or wanted(o.plan)}
        evidence = replace(self.pilot, pilot=kept)
        line = {p.id for p in lined_up(evidence, RULE, len(self.test_part.questions))} | {baseline}
        parts = [
            Group({}, g.test, SearchSpace(tuple(p for p in g.space.plans if p.id in line), ()))
            for g in self.groups
        ]
        return replace(evidence, test=gather(parts, runs=self.runs, processes=2).test)


def replayed(options: Any) -> Work:
    """Returns every plan over mini and micro, replayed on the pilot."""
    main, small = load(DATA / "fresh" / "mini"), load(DATA / "fresh" / "micro")
    pilots = [load(MINI / "recording"), load(DATA / "micro-test")]
    density = Density()
    if options.quick:
        keep = {q.id for q in main.questions[:60]}
        main, small = main.subset(keep), small.subset(keep)
        few = {q.id for q in pilots[0].questions[:40]}
        pilots = [p.subset(few) for p in pilots]
        density = Density(alone=(1,), paired=(1,))
    groups, test_part = groups_of(
        Sources(main, beside={"small": small}, pilots=pilots),
        partial(space_of, density=density),
        partial(space_of, between=True, density=density),
    )
    pilot = gather([replace(g, test={}) for g in groups], runs=1 if options.quick else 2, processes=2)
    return Work(groups, pilot, test_part, runs=1 if options.quick else 4)


def chosen(figures: Figures, name: str, choice: Choice, evidence: Evidence, target: float) -> None:
    """Prints what choosing came to: FLOPs against the baseline, and the certified bound."""
    figures.note(f"{name}: {choice.label if choice.spec else 'nothing certified'}")
    figures.extra[f"{name} plan"] = choice.spec
    whole, plan = evidence.test[evidence.baseline], evidence.test[choice.plan]
    flops = CostModel().measure(Axis.FLOPS, [whole, plan])
    ratio = float(flops(plan).mean() / flops(whole).mean())
    figures.at_most(f"{name}: FLOPs per question", ratio if choice.spec else 1.0, target, "×", 3)
    certified(figures, name, whole.accuracy - plan.accuracy)


def speeds(figures: Figures, options: Any) -> None:
    """Prints memory and tokens per second."""
    root = options.artifacts
    int8, q8 = (
        make([catalog.parse(text).techniques[0]], MINI, root, device="cpu", name="karui-mini")
        for text in ("int8-weights", "gguf:type=q8_0")
    )
    mini, micro = str(MINI), place("karui-micro")
    wide: dict[str, Any] = {"device": "cpu", "threads": options.threads, "dtype": "float32"}
    thin = {**wide, "dtype": "bfloat16"}
    models = {
        "fp32": (mini, wide),
        "int8": (str(int8.folder), thin),  # it is certified as it was recorded, computing in bfloat16
        "Q8_0 on llama.cpp": (str(q8.folder), {"threads": options.threads}),
        "karui-micro, fp32": (micro, wide),
        "bf16": (mini, thin),
        "karui-micro, bf16": (micro, thin),
    }
    if options.quick:
        models = {
            n: m for n, m in models.items() if n in {"fp32", "int8", "Q8_0 on llama.cpp", "karui-micro, fp32"}
        }
    found = weighed(
        models, rounds=1 if options.quick else options.rounds, tokens=32 if options.quick else 256
    )
    if not options.quick:
        # Once: compiling takes minutes, and every round would compile again.
        compiled = {f"{n}, compiled": (models[n][0], {**models[n][1], "compile": True}) for n in COMPILED}
        found |= weighed(compiled, rounds=1, tokens=256, at_once=(1,))
    figures.extra["weights"] = {name: encode(w) for name, w in found.items()}
    base = found["fp32"]
    for name, w in found.items():
        loaded = f"{w.loaded_bytes / 2**20:.1f} MiB loaded, " if w.loaded_bytes else ""
        rates = ", ".join(f"{rate:,.0f} tokens/s at {n}" for n, rate in w.speed.items())
        figures.note(f"{name}: {loaded}process +{w.resident_bytes / 2**20:.0f} MiB, {rates}")
    memory = (found["int8"].loaded_bytes or 0) / (base.loaded_bytes or 1)
    figures.at_most("int8: weights in memory against fp32", memory, 0.3, "×", 3)
    figures.shown("int8: tokens/s at batch 1 against fp32", found["int8"].speed[1] / base.speed[1], "×", 2)
    if options.quick:
        figures.note("int8 compiled: left out, with --quick")
    else:
        fast, wide_fast = (found[f"{n}, compiled"].speed[1] for n in ("int8", "fp32"))
        figures.at_least("int8 compiled: tokens/s at batch 1 against fp32", fast / base.speed[1], 1.3, "×", 2)
        figures.at_least(
            "int8 compiled: tokens/s at batch 1 against fp32 compiled", fast / wide_fast, 1.3, "×", 2
        )
    small = found["karui-micro, fp32"]
    figures.at_most("karui-micro: parameters", small.parameters / base.parameters, 0.25, "×", 4)
    ratio = small.speed[1] / base.speed[1]
    figures.at_least("karui-micro: tokens/s at batch 1, fp32", ratio, 2.5, "×", 2)
    if not options.quick:
        ratio = found["karui-micro, bf16"].speed[1] / found["bf16"].speed[1]
        figures.shown("karui-micro: tokens/s at batch 1, bf16", ratio, "×", 2)
    q8_rate = found["Q8_0 on llama.cpp"].speed[1]
    figures.at_least(
        "Q8_0: tokens/s at batch 1 against transformers fp32", q8_rate / base.speed[1], 3.0, "×", 2
    )


def confirmed(figures: Figures, choice: Choice, questions: int | None) -> None:
    """Runs the composed plan live on questions that nothing was chosen on."""
    loaded = {
        name: engines.load(place(model), name=model, device="cpu", slots=32)
        for name, model in (("main", "karui-mini"), ("small", "karui-micro"))
    }
    plan = catalog.plan_from_spec(choice.spec) if choice.spec else Plan()
    rows = load_file(DATA / "confirm.jsonl", default="exact")
    task = Task("mini:fresh-confirm", rows[:questions])
    work = confirm(plan, task, loaded, RULE, sampling=SAMPLING)
    base, live, found = asyncio.run(work)
    flops = CostModel().measure(Axis.FLOPS, [base, live])
    ratio = float(flops(live).mean() / flops(base).mean())
    figures.shown(f"composed, live on {found.questions} questions: FLOPs", ratio, "×", 3)
    figures.shown("composed, live: loss, estimate", 100 * found.loss, "points", 2)
    figures.at_most("composed, live: loss, lower bound", 100 * found.low, 100 * MARGIN, "points", 2)


def main() -> int:
    """Runs the bench and returns its exit code."""
    parser = arguments(__doc__)
    parser.add_argument("--threads", type=int, default=1, help="threads of every engine")
    parser.add_argument("--rounds", type=int, default=3, help="times that all models are weighed in turn")
    parser.add_argument("--artifacts", type=Path, default=ROOT / "runs" / "bench-smaller", help="made once")
    options = parser.parse_args()
    figures = Figures("smaller", options)
    speeds(figures, options)

    whole = Replay({"main": load(MINI / "recording")}).outcomes(Plan())
    certified(figures, "int8", loss_to(whole, load(DATA / "int8")))
    certified(figures, "Q8_0", loss_to(whole, load(DATA / "q8_0")))
    whole = Replay({"main": load(DATA / "fresh" / "mini")}).outcomes(Plan())
    micro = load(DATA / "fresh" / "micro")
    figures.shown("karui-micro: loss, estimate", 100 * float(loss_to(whole, micro).mean()), "points", 2)

    work = replayed(options)
    cascades = work.tested(lambda p: [t.name() for t in p.techniques] == ["cascade"])
    chosen(figures, "cascade", choose(cascades, work.test_part, RULE), cascades, 0.5)
    everything = work.tested(lambda _: True)
    composed = choose(everything, work.test_part, RULE)
    chosen(figures, "composed", composed, everything, 0.2)
    confirmed(figures, composed, 6 if options.quick else None)
    return figures.close()


if __name__ == "__main__":
    sys.exit(main())
