"""README's first picture, and the table at the head of docs/evidence.md that says the same."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from karui.i18n.formats import with_minus
from scripts._chart import Row, Words, rows
from scripts._results import STUDY, Results, table

SAID: Mapping[str, Mapping[str, str]] = {
    "en": {
        "title": "What karui did on real reasoners",
        "tokens": "tokens, full thinking = 1× (shorter is better)",
        "gain": "accuracy, points (95%)",
        "certified": "certified",
        "not": "not certified",
        "few": "too few questions to certify",
        "stays": "nothing to gain: thinking stays",
        "vote": "votes that stop early, against 64",
        "exit": "early exits",
        "route": "each question to one of four modes",
        "exit95": "stopped at a probability of 0.95",
        "whole": "every plan that saves loses accuracy",
        "head": "model · questions|what was tried|tokens|accuracy, points|verdict|keep in mind",
        "mind vote": "30 questions: accuracy is known to ±{wide:.0f} points",
        "mind exit": "{cut:.0f}% of the thinking was cut at its limit, which flatters an exit: "
        "where none was cut {ratio:.2f}×, loss {loss}",
        "mind route": "{cut:.0f}% of the thinking was cut; asking another mode for these needs no router",
        "mind exit95": "the questions were picked; a cut at an equal place does as well",
        "mind whole": "{plans} plans tried; the model does not think",
        "key good": "certified: loss of at most 2 points",
        "key bad": "not certified",
        "key none": "not judged",
    },
    "ja": {
        "title": "実在の推論モデルでの結果",
        "tokens": "トークン数（フル思考＝1×、短いほど良い）",
        "gain": "精度の変化（ポイント、95%区間）",
        "certified": "保証できました",
        "not": "保証できませんでした",
        "few": "問題が少なく保証できません",
        "stays": "改善の余地なし（フル思考のまま）",
        "vote": "早く打ち切る多数決（64回比）",
        "exit": "早期終了",
        "route": "問題ごとに4つのモードへ振り分け",
        "exit95": "確率0.95での早期終了",
        "whole": "節約するプランはすべて精度が低下",
        "head": "モデル・問題|試したこと|トークン数|精度の変化（ポイント）|判定|注意点",
        "mind vote": "30問のため、精度は±{wide:.0f}ポイントの幅でしか分かりません",
        "mind exit": "思考の{cut:.0f}%が上限で打ち切られており、早期終了に有利です。"
        "打ち切りのない問題では{ratio:.2f}×、低下{loss}ポイント",
        "mind route": "思考の{cut:.0f}%が打ち切られています。"
        "それを別のモードに聞き直すだけなら振り分けは不要です",
        "mind exit95": "問題は選ばれたものです。同じ位置で一律に切っても同等でした",
        "mind whole": "{plans}個のプランを試しました。このモデルは長く考えません",
        "key good": "保証：低下は2ポイント以内",
        "key bad": "保証できず",
        "key none": "判定なし",
    },
}


@dataclass(frozen=True)
class Told:
    """A row of the picture, and what has to be kept in mind of it."""

    row: Row
    mind: str


def told(lang: str) -> list[Told]:
    """Returns a row a model and set, gains and nothings alike."""
    say = SAID[lang]
    found = [_votes(say), *(_exits(say, name) for name in ("MATH", "GSM8K")), _route(say), _gemma(say)]
    choice = Results(STUDY).content
    if choice["decision"] == "nothing":
        row = _stays("Qwen2.5-Coder-1.5B · GSM8K", say["whole"], say["stays"])
        found.append(Told(row, say["mind whole"].format(plans=choice["space"])))
    return found


def first_picture(lang: str) -> str:
    """README's first figure: one row a model and set."""
    say = SAID[lang]
    key = ((True, say["key good"]), (False, say["key bad"]), (None, say["key none"]))
    return rows(Words(say["title"], say["tokens"], say["gain"], key), [t.row for t in told(lang)])


def first_table(lang: str) -> str:
    """The same as Markdown, with what to keep in mind."""
    body = []
    for each in told(lang):
        row = each.row
        ratio, low, high = row.ratio
        tokens = f"**{ratio:.2f}×**" + ("" if low is None else f" [{low:.2f}, {high:.2f}]")
        body.append([row.model, row.plan, tokens, _gain(row.gain), row.verdict, each.mind])
    return table(SAID[lang]["head"].split("|"), body)


def _gain(gain: Sequence[float | None]) -> str:
    value, *ends = (with_minus(v, "+.1f") for v in gain if v is not None)
    if not ends:
        return value if gain[0] else "0"
    return f"{value} [{', '.join(ends)}]" if ends[1:] else f"{value} (≥ {ends[0]})"


def _votes(say: Mapping[str, str]) -> Told:
    found, eight = Results("autotts.json"), "8B AIME25: against AutoTTS β=1"
    ratio, gain = (found.interval(f"{eight}, {name} SC@64") for name in ("share of", "gain over"))
    _, low, high = found.interval(f"{eight}, accuracy")
    row = Row("Qwen3-8B · AIME25", say["vote"], ratio, gain, say["few"], None)
    return Told(row, say["mind vote"].format(wide=(high - low) / 2))


def _exits(say: Mapping[str, str], name: str) -> Told:
    found, exits = Results("thinker.json"), f"{name}, exits"
    good = found.met(f"{exits}: loss, certified")
    gain = (-found[f"{exits}: loss, estimate"], -found[f"{exits}: loss, certified"], None)
    ratio = found.interval(f"{exits}: thinking tokens, interval")
    row = Row(f"thinker 1.5B · {name}", say["exit"], ratio, gain, say["certified" if good else "not"], good)
    mind = say["mind exit"].format(
        cut=found[f"{name}: cut"],
        ratio=found[f"{exits}: thinking tokens where no trace was cut"],
        loss=found.told(f"{exits}: loss there, estimate"),
    )
    return Told(row, mind)


def _route(say: Mapping[str, str]) -> Told:
    found, model = Results("route.json"), "Qwen3-0.6B · GSM8K"
    mind = say["mind route"].format(cut=found["full thinking: cut by its token limit"])
    if "route: loss, certified" not in found:
        return Told(_stays(model, say["route"], say["stays"]), mind)
    good = found.met("route: loss, certified")
    ratio = found.interval("route: tokens, interval")
    gain = found.interval("route: gain over full thinking")
    return Told(Row(model, say["route"], ratio, gain, say["certified" if good else "not"], good), mind)


def _gemma(say: Mapping[str, str]) -> Told:
    found = Results("gemma.json")
    ratio, gain = (found.interval(f"all: {name} of the exit") for name in ("tokens", "gain"))
    return Told(
        Row("Gemma-4-12B · MMLU-Pro", say["exit95"], ratio, gain, say["few"], None), say["mind exit95"]
    )


def _stays(model: str, plan: str, verdict: str) -> Row:
    return Row(model, plan, (1.0, None, None), (0.0, None, None), verdict, None)
