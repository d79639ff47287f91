"""Writes the figures of docs/evidence.md, and README's first picture, from bench/results.

    python scripts/evidence.py

No figure of that page is typed by hand: tables stand between `<!-- figures: NAME -->` and
`<!-- end of figures -->`, pictures in docs/figures/evidence*.svg. tests/docs holds both to the results.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from scripts._chart import Dot, Row, Series, Words, rows, scatter

ROOT = Path(__file__).parents[1]
RESULTS, FIGURES = ROOT / "bench" / "results", ROOT / "docs" / "figures"
PAGE = ROOT / "docs" / "evidence.md"
STUDY = "qwen2.5-coder-1.5b-gsm8k/choice.json"
SIZES = ("0.6B", "1.7B", "4B", "8B")
_BLOCK = re.compile(r"(<!-- figures: (\w+) -->\n).*?(<!-- end of figures -->)", re.DOTALL)


class Results:
    """A file of bench/results, its figures by name."""

    def __init__(self, name: str) -> None:
        self.content: dict[str, Any] = json.loads((RESULTS / name).read_text(encoding="utf-8"))
        self._lines = {line["name"]: line for line in self.content.get("figures", ())}

    def __contains__(self, name: str) -> bool:
        return name in self._lines

    def __getitem__(self, name: str) -> float:
        return float(self._lines[name]["reached"])

    def interval(self, name: str) -> tuple[float, float, float]:
        """Returns a figure with both ends."""
        line = self._lines[name]
        return float(line["reached"]), float(line["low"]), float(line["high"])

    def met(self, name: str) -> bool:
        """Whether its target was met."""
        return bool(self._lines[name]["ok"])

    def told(self, name: str, digits: int = 1, unit: str = "", *, signed: bool = False) -> str:
        """Returns a figure as the page shows it, with its interval where it has one."""
        line, form = self._lines[name], f"{'+' if signed else ''}.{digits}f"
        text = f"{line['reached']:{form}}{unit}"
        return text if "low" not in line else f"{text} [{line['low']:{form}}, {line['high']:{form}}]"


def table(head: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    """Returns a Markdown table."""
    lines = [" | ".join(row) for row in (head, ["---"] * len(head), *body)]
    return "\n".join(f"| {line} |" for line in lines) + "\n"


def sources(results: Results) -> str:
    """Returns where figures come from: command, day, digests of the data."""
    content = results.content
    digests = content.get("data") or content.get("digests") or {}
    told = ", ".join(f"{name} `{digest[:16]}…`" for name, digest in digests.items())
    command = content.get("command") or f"python bench/{content['bench']}.py"
    return f"\n`{command}`, {content['made']}. sha256: {told}.\n"


def gemma_table() -> str:
    """What an exit at 0.95 keeps, for all questions and both halves."""
    found = Results("gemma.json")
    body = [
        [
            title,
            found.told(f"{title}: accuracy of full thinking", unit="%"),
            found.told(f"{title}: gain of the exit", signed=True),
            found.told(f"{title}: tokens of the exit", 3, "×"),
            found.told(f"{title}: right answers that the exit keeps", unit="%"),
            found.told(f"{title}: wrong answers that it turns right", unit="%"),
        ]
        for title in ("all", "picked as lost", "others")
        if f"{title}: gain of the exit" in found
    ]
    head = (
        "questions",
        "full thinking",
        "gain, points",
        "tokens",
        "right answers kept",
        "wrong ones turned right",
    )
    return table(head, body) + sources(found)


def route_table() -> str:
    """Each mode, the oracle, the route and its controls."""
    found = Results("route.json")
    modes = [m["label"] for m in found.content["modes"] if m["label"] not in {"main", "oracle"}]
    names = ["full thinking", *(f"{m} alone" for m in modes)]
    names += ["thinking with the rescue alone", "random router at the same mix", "route", "oracle"]
    body = []
    for name in (n for n in names if f"{n}: accuracy" in found):
        ratio = next((k for k in (f"{name}: tokens, interval", f"{name}: tokens") if k in found), "")
        tokens = "1×" if name == "full thinking" else found.told(ratio, 3, "×")
        body.append([name, found.told(f"{name}: accuracy", unit="%"), tokens])
    certified = "route: loss, certified"
    verdict = ""
    if certified in found:
        verb = "certified" if found.met(certified) else "**not** certified at 2 points"
        verdict = (
            f"\nThe route's gain over full thinking is {found.told('route: gain over full thinking', signed=True)} "
            f"points, its loss at most {found[certified]:.2f} points: {verb}. Over the random router it gains "
            f"{found.told('route: gain over the random router, interval', signed=True)} points.\n"
        )
    return table(("", "accuracy", "tokens"), body) + verdict + sources(found)


def sizes_table() -> str:
    """Self-consistency and karui's plans on every set that is there."""
    found = Results("autotts.json")
    body = []
    for size in SIZES:
        for name, part in (("AIME24", "search"), ("AIME25", "held-out"), ("HMMT25", "held-out")):
            if f"{size} {name}: SC@64, accuracy" not in found:
                continue
            body.append(
                [
                    f"{size} {name} ({part})",
                    "SC@64",
                    found.told(f"{size} {name}: SC@64, accuracy", unit="%"),
                    "1×",
                ]
            )
            for rival in ("AutoTTS β=.5", "AutoTTS β=1"):
                title = f"{size} {name}: against {rival}"
                body.append(
                    [
                        "",
                        f"karui against {rival}",
                        found.told(f"{title}, accuracy", unit="%"),
                        found.told(f"{title}, share of SC@64", 3, "×"),
                    ]
                )
    return table(("Qwen3", "plan", "accuracy", "tokens"), body) + sources(found)


def thinker_table() -> str:
    """The thinker beside its base and controls, and its exits."""
    found = Results("thinker.json")
    body = []
    for name in ("GSM8K", "MATH"):
        for title in ("base", "answers alone", "thinking closed at once"):
            if f"{name}, {title}: accuracy" in found:
                body.append(
                    [
                        name,
                        title,
                        found.told(f"{name}, {title}: accuracy", unit="%"),
                        f"{found[f'{name}, {title}: tokens']:,.0f}",
                        "",
                    ]
                )
        whole = (
            f"{name}: accuracy, interval" if f"{name}: accuracy, interval" in found else f"{name}: accuracy"
        )
        body.append(
            [
                name,
                "full thinking",
                found.told(whole, unit="%"),
                f"{found[f'{name}: thinking tokens']:,.0f}",
                "",
            ]
        )
        exits = f"{name}, exits"
        verb = "certified" if found.met(f"{exits}: loss, certified") else "**not** certified"
        loss = f"loss {found[f'{exits}: loss, estimate']:.1f}, at most {found[f'{exits}: loss, certified']:.1f} points: {verb}"
        body.append([name, "early exit", loss, found.told(f"{exits}: thinking tokens, interval", 3, "×"), ""])
        kept = f"{exits}: thinking tokens where no trace was cut"
        body.append(
            [
                name,
                "the same where no trace was cut",
                f"loss {found[f'{exits}: loss there, estimate']:.1f} points",
                found.told(kept, 3, "×"),
                "",
            ]
        )
    return table(("questions", "", "accuracy", "tokens"), [row[:4] for row in body]) + sources(found)


def coder_table() -> str:
    """Of all plans that save anything, how many lose how much."""
    choice = Results(STUDY).content
    saving = [r for r in choice["rejected"] if r.get("saving") and r["saving"] > 0.05]
    kept = [r for r in saving if r["loss"] <= choice["rule"]["margin"]]
    best = min(saving, key=lambda r: r["loss"])
    body = [
        ["decision", f"{choice['decision']!r}: full thinking stays"],
        ["plans considered", str(choice["space"])],
        ["of these save 5% of the tokens or more", str(len(saving))],
        ["of these lose at most 2 points on the pilot", str(len(kept))],
        [
            "the least loss among them",
            f"{100 * best['loss']:+.1f} points at {1 - best['saving']:.2f}× ({best['label']})",
        ],
        ["questions", f"{choice['pilot_questions']} of the pilot, {choice['questions']} of the test"],
    ]
    digest = choice["recordings"]["main"]
    return (
        table(("", ""), body)
        + f"\n`karui choose recording --out choice`. Digest of the recording: `{digest[:16]}…`.\n"
    )


TABLES: Mapping[str, Callable[[], str]] = {
    "gemma": gemma_table,
    "route": route_table,
    "sizes": sizes_table,
    "thinker": thinker_table,
    "coder": coder_table,
}


def page(text: str) -> str:
    """Returns docs/evidence.md with its tables as the results have them."""
    return _BLOCK.sub(lambda m: f"{m[1]}\n{TABLES[m[2]]()}\n{m[3]}", text)


def gemma_picture() -> str:
    curve = Results("gemma.json").content["curve"]
    exits = [Dot(d["tokens"], 100 * d["accuracy"], name=f"at {d['label']}") for d in curve["exits"]]
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
            left=m["label"] == "main",
        )
        for m in content["modes"]
    ]
    routes = sorted((Dot(p["tokens"], 100 * p["accuracy"]) for p in content["curve"][1:]), key=lambda d: d.x)
    chosen = [p for p in content["curve"] if p["label"] == content.get("chosen")]
    series = [Series("one mode for all, and the oracle", 0, modes), Series("routes", 2, routes)]
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
        dots = [Dot(found[f"{title} {p}, tokens"], found[f"{title} {p}, accuracy"]) for p in plans]
        dots[-1] = Dot(dots[-1].x, dots[-1].y, name="SC@64")
        series.append(Series(f"Qwen3-{size}", colour, dots, joined=True))
    return scatter(
        "Qwen3 on AIME24, the search set: karui's two plans a size, and SC@64",
        "thousand tokens a question",
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
            for m in ("base", "answers alone", "thinking closed at once")
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
    title = "Qwen2.5-Coder-1.5B on GSM8K: accuracy gained by every plan that saves, on the pilot"
    return scatter(title, "tokens, full thinking = 1", series)


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


def main() -> None:
    """Writes the page and the pictures."""
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    for name, drawn in PICTURES.items():
        (FIGURES / name).write_text(drawn(), encoding="utf-8")


if __name__ == "__main__":
    main()
