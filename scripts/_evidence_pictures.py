"""The pictures of docs/evidence.md and README's first one, from bench/results."""

from collections.abc import Callable, Mapping

from scripts._chart import Dot, Row, Series, Words, rows, scatter
from scripts._results import SIZES, STUDY, UNTHINKING, Results

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
    chosen = [p for p in content["curve"] if p["label"] == content.get("chosen")]
    series = [Series("routes", 2, routes), Series("one mode for all, and the oracle", 0, modes)]
    if chosen:
        p = chosen[0]
        series.append(Series("chosen on the pilot", 1, [Dot(p["tokens"], 100 * p["accuracy"])]))
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
        plans = ("against AutoTTS β=.5", "against AutoTTS β=1", "SC@64")
        dots = [Dot(1000 * found[f"{title} {p}, tokens"], found[f"{title} {p}, accuracy"]) for p in plans]
        dots[-1] = Dot(dots[-1].x, dots[-1].y, name="" if size == "4B" else "SC@64")
        series.append(Series(f"Qwen3-{size}", colour, dots, joined=True))
    return scatter(
        "Qwen3 on AIME24, the search set: karui's two plans a size, and SC@64",
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


_SAID = {
    "en": {
        "title": "What karui did on real reasoners",
        "tokens": "tokens, baseline = 1×",
        "gain": "accuracy gained, points, 95%",
        "certified": "certified",
        "not": "not certified",
        "few": "30 questions certify nothing",
        "picked": "75 picked questions certify nothing",
        "stays": "nothing to gain: thinking stays",
        "vote": "length-weighted votes against SC@64",
        "exit": "early exits",
        "route": "route between four modes",
        "exit95": "exit at a probability of 0.95",
        "whole": "all plans that save lose accuracy",
    },
    "ja": {
        "title": "実在の推論モデルでの結果",
        "tokens": "トークン数（基準を1×とする）",
        "gain": "精度の変化（ポイント、95%区間）",
        "certified": "保証できました",
        "not": "保証できませんでした",
        "few": "30問では保証できません",
        "picked": "選ばれた75問では保証できません",
        "stays": "改善の余地なし（フル思考のまま）",
        "vote": "長さで重み付けした多数決（SC@64比）",
        "exit": "早期終了",
        "route": "4つのモードの振り分け",
        "exit95": "確率0.95での早期終了",
        "whole": "節約するプランはすべて精度が低下",
    },
}


def first_picture(lang: str) -> str:
    """README's first figure: one row a model and set, gains and nothings alike."""
    say = _SAID[lang]
    sizes, thinker, gemma, route = (Results(f"{n}.json") for n in ("autotts", "thinker", "gemma", "route"))
    eight = "8B AIME25: against AutoTTS β=1"
    listed = [
        Row(
            "Qwen3-8B · AIME25",
            say["vote"],
            sizes.interval(f"{eight}, share of SC@64"),
            sizes.interval(f"{eight}, gain over SC@64"),
            say["few"],
            None,
        )
    ]
    for name in ("MATH", "GSM8K"):
        exits = f"{name}, exits"
        good = thinker.met(f"{exits}: loss, certified")
        gain = (-thinker[f"{exits}: loss, estimate"], -thinker[f"{exits}: loss, certified"], None)
        ratio = thinker.interval(f"{exits}: thinking tokens, interval")
        listed.append(
            Row(f"thinker 1.5B · {name}", say["exit"], ratio, gain, say["certified" if good else "not"], good)
        )
    if "route: loss, certified" in route:
        good = route.met("route: loss, certified")
        ratio, gain = (
            route.interval("route: tokens, interval"),
            route.interval("route: gain over full thinking"),
        )
        listed.append(
            Row("Qwen3-0.6B · GSM8K", say["route"], ratio, gain, say["certified" if good else "not"], good)
        )
    else:
        listed.append(
            Row("Qwen3-0.6B · GSM8K", say["route"], (1.0, None, None), (0.0, None, None), say["stays"], None)
        )
    listed.append(
        Row(
            "Gemma-4-12B · MMLU-Pro",
            say["exit95"],
            gemma.interval("all: tokens of the exit"),
            gemma.interval("all: gain of the exit"),
            say["picked"],
            None,
        )
    )
    if Results(STUDY).content["decision"] == "nothing":
        listed.append(
            Row(
                "Qwen2.5-Coder-1.5B · GSM8K",
                say["whole"],
                (1.0, None, None),
                (0.0, None, None),
                say["stays"],
                None,
            )
        )
    return rows(Words(say["title"], say["tokens"], say["gain"]), listed)


PICTURES: Mapping[str, Callable[[], str]] = {
    "evidence.svg": lambda: first_picture("en"),
    "evidence.ja.svg": lambda: first_picture("ja"),
    "evidence-gemma.svg": gemma_picture,
    "evidence-route.svg": route_picture,
    "evidence-sizes.svg": sizes_picture,
    "evidence-thinker.svg": thinker_picture,
    "evidence-coder.svg": coder_picture,
}
