"""The pictures of docs/evidence.md and README's first one, from bench/results."""

from collections.abc import Callable, Mapping

from scripts._chart import Dot, Series, scatter
from scripts._evidence_first import first_picture
from scripts._evidence_ja import redrawn
from scripts._results import RIVALS, SIZES, STUDY, UNCHOSEN, UNTHINKING, Results

NAMED = {"0.5", "0.95", "0.99"}
"""Thresholds that the picture names: there is no room for all."""


def gemma_picture() -> str:
    curve = Results("gemma.json").content["curve"]
    exits = [
        Dot(d["tokens"], 100 * d["accuracy"], name=f"at {d['label']}" if d["label"] in NAMED else "")
        for d in curve["exits"]
    ]
    tenths = [Dot(d["tokens"], 100 * d["accuracy"]) for d in curve["tenths"]]
    found = Results("gemma.json")
    full = Dot(1.0, found["all: accuracy of full thinking"], name="full thinking", left=True)
    series = [
        Series("full thinking", 0, [full]),
        Series("stopped at a probability", 1, exits, joined=True),
        Series("cut at the same tenth", 5, tenths, joined=True),
    ]
    return scatter("Gemma-4-12B on 75 picked questions of MMLU-Pro", "tokens, full thinking = 1", series)


def route_picture() -> str:
    content = Results("route.json").content
    names = {"main": "full thinking"}
    modes = [
        Dot(
            m["tokens"],
            100 * m["accuracy"],
            name=names.get(m["label"], m["label"]),
            left=m["label"] not in {"oracle", "direct"},
        )
        for m in content["modes"]
    ]
    routes = sorted((Dot(p["tokens"], 100 * p["accuracy"]) for p in content["curve"][1:]), key=lambda d: d.x)
    series = [Series("routes", 2, routes), Series("one mode for all, and the oracle", 0, modes)]
    label = content.get("chosen", content.get("nearest"))
    for p in (p for p in content["curve"] if p["label"] == label):
        name = "chosen on the pilot" if "chosen" in content else UNCHOSEN
        series.append(Series(name, 1, [Dot(p["tokens"], 100 * p["accuracy"])]))
        r = content["random"]
        series.append(Series("random at its mix", 3, [Dot(r["tokens"], 100 * r["accuracy"])]))
    return scatter(
        "Qwen3-0.6B on GSM8K: four modes, and routes between them", "tokens, full thinking = 1", series
    )


def sizes_picture() -> str:
    found = Results("autotts.json")
    series = []
    for colour, size in enumerate(SIZES, 1):
        title = f"{size} AIME24:"
        plans = (*(f"against {rival}" for rival in RIVALS), "SC@64")
        dots = [Dot(1000 * found[f"{title} {p}, tokens"], found[f"{title} {p}, accuracy"]) for p in plans]
        dots[-1] = Dot(dots[-1].x, dots[-1].y, name="" if size == "4B" else "SC@64")
        series.append(Series(f"Qwen3-{size}", colour, dots, joined=True))
    theirs = [
        Dot(1000 * thousands, points)
        for size in SIZES
        for points, thousands in (found.content["published"][f"{size} AIME24"][rival] for rival in RIVALS)
    ]
    series.append(Series("AutoTTS, published", 5, theirs))
    return scatter(
        "Qwen3 on AIME24, the search set: karui's two plans a size, SC@64, AutoTTS",
        "tokens a question",
        series,
        log=True,
    )


def thinker_picture() -> str:
    found = Results("thinker.json")
    series = []
    for colour, name in ((2, "GSM8K"), (3, "MATH")):
        whole = found[f"{name}: thinking tokens"]
        dots = [
            Dot(found[f"{name}, {m}: tokens"], found[f"{name}, {m}: accuracy"], name=m)
            for m in UNTHINKING
            if f"{name}, {m}: accuracy" in found
        ]
        full = found[f"{name}: accuracy"]
        exits = f"{name}, exits"
        dots.append(
            Dot(
                found[f"{exits}: thinking tokens"] * whole,
                full - found[f"{exits}: loss, estimate"],
                name="exits",
            )
        )
        dots.append(Dot(whole, full, name="full thinking", left=True))
        series.append(Series(name, colour, dots))
    return scatter("A 1.5B model taught to think aloud", "tokens a question", series)


def coder_picture() -> str:
    choice = Results(STUDY).content
    known = [r for r in choice["rejected"] if r.get("saving") is not None and r.get("loss") is not None]
    dots = [Dot(1 - r["saving"], -100 * r["loss"]) for r in known if r["saving"] > 0]
    series = [Series("full thinking", 0, [Dot(1.0, 0.0)]), Series("plans that save tokens", 3, dots)]
    title = "Qwen2.5-Coder-1.5B on GSM8K: points gained by every plan that saves (pilot)"
    return scatter(title, "tokens, full thinking = 1", series, unit="")


_SECTIONS: Mapping[str, Callable[[], str]] = {
    "evidence-gemma": gemma_picture,
    "evidence-route": route_picture,
    "evidence-sizes": sizes_picture,
    "evidence-thinker": thinker_picture,
    "evidence-coder": coder_picture,
}
PICTURES: Mapping[str, Callable[[], str]] = {
    "evidence.svg": lambda: first_picture("en"),
    "evidence.ja.svg": lambda: first_picture("ja"),
    **{f"{name}.svg": drawn for name, drawn in _SECTIONS.items()},
    **{f"{name}.ja.svg": lambda drawn=drawn: redrawn(drawn()) for name, drawn in _SECTIONS.items()},
}
