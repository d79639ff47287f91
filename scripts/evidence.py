"""Writes the figures of docs/evidence.md and its Japanese sister, and README's first picture.

    python -m scripts.evidence

All of it comes from bench/results. No figure of these pages is typed by hand: tables stand between
`<!-- figures: NAME -->` and `<!-- end of figures -->`, pictures in docs/figures/evidence*.svg. tests/docs
holds both to the results.
"""

import re
from collections.abc import Callable, Mapping

from karui.i18n.formats import with_minus
from scripts._evidence_first import first_table
from scripts._evidence_ja import translated
from scripts._evidence_pictures import PICTURES
from scripts._results import RIVALS, ROOT, SIZES, STUDY, UNCHOSEN, UNTHINKING, Results, table

FIGURES = ROOT / "docs" / "figures"
PAGES = {"en": ROOT / "docs" / "evidence.md", "ja": ROOT / "docs" / "evidence.ja.md"}
GROUPS = ("all", "lost an early right answer", "right in the end", "wrong throughout")
_BLOCK = re.compile(r"(<!-- figures: (\w+) -->\n).*?(<!-- end of figures -->)", re.DOTALL)


def sources(results: Results) -> str:
    """Returns where figures come from: command, day, digests of the data."""
    content = results.content
    digests = content.get("data") or content.get("digests") or {}
    told = ", ".join(f"{name} `{digest[:16]}…`" for name, digest in digests.items())
    command = content.get("command") or f"python bench/{content['bench']}.py"
    return f"\n`{command}`, {content['made']}. sha256: {told}.\n"


def gemma_table() -> str:
    """What an exit at 0.95 keeps, for all questions and by the groups they were picked for."""
    found = Results("gemma.json")
    body = [
        [
            f"{title} ({found[f'{title}: questions']:.0f})",
            found.told(f"{title}: accuracy of full thinking", unit="%"),
            found.told(f"{title}: gain of the exit", signed=True),
            found.told(f"{title}: tokens of the exit", 3, "×"),
            found.told(f"{title}: right answers that the exit keeps", unit="%"),
            found.told(f"{title}: wrong answers that it turns right", unit="%"),
        ]
        for title in GROUPS
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
    names += ["thinking with the rescue alone", "random router at the same mix", "route", UNCHOSEN, "oracle"]
    body = []
    for name in (n for n in names if f"{n}: accuracy" in found):
        ratio = next((k for k in (f"{name}: tokens, interval", f"{name}: tokens") if k in found), "")
        tokens = "1×" if name == "full thinking" else found.told(ratio, 3, "×")
        body.append([name, found.told(f"{name}: accuracy", unit="%"), tokens])
    title = "route" if "route: accuracy" in found else UNCHOSEN
    over = found.told(f"{title}: gain over the random router, interval", signed=True)
    gain = found.told(f"{title}: gain over full thinking", signed=True)
    if title == UNCHOSEN:
        most = found.told(f"{title}: loss, upper bound", 2)
        verdict = (
            "\nNo route is within the margin on the pilot: **full thinking stays**. On the other questions "
            f"the nearest one gains {gain} points over full thinking, a loss of at most {most}; "
            f"over the random router it gains {over} points.\n"
        )
    else:
        certified = "route: loss, certified"
        verb = "certified" if found.met(certified) else "**not** certified at 2 points"
        verdict = (
            f"\nOver full thinking the route gains {gain} points; its loss is at most "
            f"{found.told(certified, 2)} points: {verb}. Over the random router it gains {over} points.\n"
        )
    return table(("", "accuracy", "tokens"), body) + verdict + sources(found)


def sizes_table() -> str:
    """Karui's plan beside each rival, and self-consistency, on every set that is there."""
    found = Results("autotts.json")
    body = []
    for size in SIZES:
        for name, part in (("AIME24", "search"), ("AIME25", "held-out"), ("HMMT25", "held-out")):
            if f"{size} {name}: SC@64, accuracy" not in found:
                continue
            reference = found.told(f"{size} {name}: SC@64, accuracy", unit="%")
            thousands = found[f"{size} {name}: SC@64, tokens"]
            head = [f"{size} {name} ({part})", f"{reference} at {thousands:,.0f}k"]
            for rival in RIVALS:
                points, theirs = found.content["published"][f"{size} {name}"][rival]
                title = f"{size} {name}: against {rival}"
                ours = found[f"{title}, tokens"]
                body.append(
                    [
                        *head,
                        f"{rival.removeprefix('AutoTTS ')}: {points:.1f}% at {theirs:,.0f}k",
                        f"{found.told(f'{title}, accuracy', unit='%')} at {ours:,.0f}k",
                        f"**{ours / theirs:.2f}×**",
                        found.told(f"{title}, share of SC@64", 3, "×"),
                    ]
                )
                head = ["", ""]
    columns = ("Qwen3", "SC@64", "AutoTTS, published", "karui", "tokens, to AutoTTS", "tokens, to SC@64")
    return table(columns, body) + sources(found)


def cascade_table() -> str:
    """Cascades over the sizes, beside the largest size alone, an oracle and a random router."""
    found = Results("autotts.json")
    body: list[list[str]] = []
    plans: dict[str, str] = {}
    for title, told in found.content["cascades"].items():
        largest = told["sizes"][-1]
        named = {
            "SC@64": f"SC@64 of {largest}",
            "largest alone": f"{largest} alone, karui's plan",
            "largest alone, cheaper plan": f"{largest} alone, its cheaper plan",
            "largest alone, believed as early": f"{largest} alone, believed as early",
            "cascade": "cascade",
            "oracle": "oracle cascade",
            "random router, same mix": "random router at the same mix",
            "random router, same price": "random router at the same price",
        }
        for number, (row, words) in enumerate(named.items()):
            gain, share = f"{title}: {row}, gain over largest alone", f"{title}: {row}, share of its FLOPs"
            body.append(
                [
                    "" if number else title.removeprefix("cascade "),
                    words,
                    found.told(f"{title}: {row}, accuracy", unit="%"),
                    found.told(f"{title}: {row}, share of SC@64's", 3, "×"),
                    found.told(gain, signed=True) if gain in found else "",
                    found.told(share, 3, "×") if share in found else "",
                ]
            )
        if len(told["plans"]) == 1:
            plans[", ".join(told["sizes"])] = told["plans"][0]
    head = ("set", "", "accuracy", "FLOPs, to SC@64", "gain, to the largest alone", "FLOPs, to it")
    chosen = "".join(f"\nOver {sizes} AIME24 chose `{plan}`.\n" for sizes, plan in plans.items())
    return table(head, body) + chosen + sources(found)


def thinker_table() -> str:
    """The thinker beside its base and controls, and its exits."""
    found = Results("thinker.json")
    body: list[list[str]] = []
    for name in ("GSM8K", "MATH"):
        for title in (t for t in UNTHINKING if f"{name}, {t}: accuracy" in found):
            accuracy = found.told(f"{name}, {title}: accuracy", unit="%")
            body.append([name, title, accuracy, f"{found[f'{name}, {title}: tokens']:,.0f}"])
        named = (
            f"{name}: accuracy, interval" if f"{name}: accuracy, interval" in found else f"{name}: accuracy"
        )
        tokens = f"{found[f'{name}: thinking tokens']:,.0f}"
        body.append([name, "full thinking", found.told(named, unit="%"), tokens])
        exits = f"{name}, exits"
        spent = found.told(f"{exits}: thinking tokens, interval", 3, "×")
        body.append([name, "early exit", thinker_loss(found, exits), spent])
        loss, kept = (
            found.told(f"{exits}: loss there, estimate"),
            f"{exits}: thinking tokens where no trace was cut",
        )
        words = "the same where no trace was cut"
        body.append([name, words, f"loss {loss} points", found.told(kept, 3, "×")])
        body += thinker_cascades(found, name) + thinker_weights(found, name)
    return table(("questions", "", "accuracy", "tokens"), body) + sources(found)


def thinker_cascades(found: Results, name: str) -> list[list[str]]:
    """A model that does not think first, and thinking where that does not settle it."""
    body = []
    for words in ("closed thinking first", "answers alone first"):
        title = f"{name}, {words}"
        if f"{title}: FLOPs, interval" in found:
            told = f"{found.told(f'{title}: FLOPs, interval', 3, '×')} FLOPs"
            body.append([name, f"cascade, {words}, early exit", thinker_loss(found, title), told])
    return body


def thinker_weights(found: Results, name: str) -> list[list[str]]:
    """Full thinking of other weights, against the thinker's on the same questions."""
    body = []
    for words in ("FP8", "second round, shortest"):
        title = f"{name}, {words}"
        if f"{title}: loss, certified" in found:
            spent = found.told(f"{title}: thinking tokens, interval", 3, "×")
            body.append([name, words, thinker_loss(found, title), spent])
    return body


def thinker_loss(found: Results, title: str) -> str:
    """What a row loses, and whether that is certified."""
    verb = "certified" if found.met(f"{title}: loss, certified") else "**not** certified"
    loss, most = (found.told(f"{title}: loss, {which}") for which in ("estimate", "certified"))
    return f"loss {loss}, at most {most} points: {verb}"


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
            f"{with_minus(100 * best['loss'], '+.1f')} points at {1 - best['saving']:.2f}× ({best['label']})",
        ],
        ["questions", f"{choice['pilot_questions']} of the pilot, {choice['questions']} of the test"],
    ]
    digest = choice["recordings"]["main"]
    return (
        table(("", ""), body)
        + f"\n`karui choose recording --out choice`. Digest of the recording: `{digest[:16]}…`.\n"
    )


TABLES: Mapping[str, Callable[[], str]] = {
    "first": lambda: first_table("en"),
    "gemma": gemma_table,
    "route": route_table,
    "sizes": sizes_table,
    "cascade": cascade_table,
    "thinker": thinker_table,
    "coder": coder_table,
}


def block(name: str, lang: str) -> str:
    """Returns a table in a language."""
    if lang == "en":
        return TABLES[name]()
    return first_table(lang) if name == "first" else translated(TABLES[name]())


def page(text: str, lang: str) -> str:
    """Returns a page with its tables as the results have them."""
    return _BLOCK.sub(lambda m: f"{m[1]}\n{block(m[2], lang)}\n{m[3]}", text)


def main() -> None:
    """Writes the pages and the pictures."""
    for lang, path in PAGES.items():
        path.write_text(page(path.read_text(encoding="utf-8"), lang), encoding="utf-8")
    for name, drawn in PICTURES.items():
        (FIGURES / name).write_text(drawn(), encoding="utf-8")


if __name__ == "__main__":
    main()
