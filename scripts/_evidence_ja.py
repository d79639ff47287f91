"""The tables and pictures of docs/evidence.md in Japanese: what stands in a cell, phrase by phrase.

A phrase that is missing here stays English on docs/evidence.ja.md, and tests/docs says so.
"""

import re
from collections.abc import Mapping
from html import escape

PHRASES: dict[str, str] = {
    "accuracy": "精度",
    "tokens": "トークン数",
    "questions": "問題",
    "set": "問題セット",
    "published": "公表値",
    "search": "選択用",
    "held-out": "評価用",
    "cross-validated": "交差検証",
    "certified": "保証できました",
    "points": "ポイント",
    # Gemma-4-12B
    "full thinking": "フル思考",
    "gain, points": "変化（ポイント）",
    "right answers kept": "保たれた正答",
    "wrong ones turned right": "正答に変わった誤答",
    "lost an early right answer": "途中の正答を失った問題",
    "right in the end": "最後に正答した問題",
    "wrong throughout": "ずっと誤答の問題",
    "all": "すべて",
    # Qwen3-0.6B
    "thinking with the rescue alone": "フル思考＋無回答時のみ別モード",
    "random router at the same mix": "同じ配分のランダムな振り分け",
    "route": "振り分け",
    "nearest route, not chosen": "最も近い振り分け（選択されず）",
    "oracle": "オラクル",
    "alone": "のみ",
    # four sizes
    "AutoTTS, published": "AutoTTS（公表値）",
    "tokens, to AutoTTS": "トークン数（AutoTTS比）",
    "tokens, to SC@64": "トークン数（SC@64比）",
    "FLOPs, to SC@64": "FLOPs（SC@64比）",
    "gain, to the largest alone": "精度の変化（最大サイズ単独比）",
    "FLOPs, to it": "FLOPs（同）",
    "karui's plan": "karuiのプラン",
    "its cheaper plan": "より安いプラン",
    "believed as early": "同じ早さで信用",
    "cascade": "カスケード",
    "oracle cascade": "オラクルのカスケード",
    "random router at the same price": "同じ費用のランダムな振り分け",
    # the thinker
    "base": "学習前",
    "answers alone": "答えだけを学習",
    "thinking closed at once": "思考をすぐ閉じる",
    "closed thinking first": "先に思考なし",
    "answers alone first": "先に「答えだけを学習」",
    "second round, shortest": "2回目の学習（正解の最短トレース）",
    "early exit": "早期終了",
    "the same where no trace was cut": "同じ（打ち切りのない問題のみ）",
    # Qwen2.5-Coder
    "decision": "判定",
    "plans considered": "検討したプラン",
    "of these save 5% of the tokens or more": "うちトークンを5%以上節約するもの",
    "of these lose at most 2 points on the pilot": "うちパイロットでの低下が2ポイント以内のもの",
    "the least loss among them": "その中で最小の低下",
}
"""By the English of a cell, or of a part of one."""

_SENTENCES: Mapping[str, str] = {
    r"Over full thinking the route gains (.+?) points; its loss is at most (.+?) points: (.+?)\. "
    r"Over the random router it gains (.+?) points\.": r"フル思考に対する変化は \1 ポイント、"
    r"低下は最大でも \2 ポイントで、\3。ランダムな振り分けに対する変化は \4 ポイントです。",
    r"No route is within the margin on the pilot: \*\*full thinking stays\*\*\. On the other questions "
    r"the nearest one gains (.+?) points over full thinking, a loss of at most (.+?); "
    r"over the random router it gains (.+?) points\.": r"パイロットで許容範囲に収まる振り分けはなく、"
    r"**フル思考のまま**です。残りの問題で、最も近い振り分けのフル思考に対する変化は "
    r"\1 ポイント（低下は最大 \2）、ランダムな振り分けに対する変化は \3 ポイントです。",
    r"\*\*not\*\* certified at 2 points": "2ポイント以内とは**保証できませんでした**",
    r"\*\*not\*\* certified": "**保証できませんでした**",
    r"loss ([−\d.]+), at most ([−\d.]+) points: ": r"低下 \1、最大 \2 ポイント：",
    r"loss ([−\d.]+) points": r"低下 \1 ポイント",
    r"'nothing': full thinking stays": "改善の余地なし（フル思考のまま）",
    r"(\d+) of the pilot, (\d+) of the test": r"パイロット \1、テスト \2",
    r"Over (.+?) AIME24 chose (`.+?`)\.": r"\1 について AIME24 が選んだもの：\2",
    r"Digest of the recording: ": "記録のダイジェスト：",
    r"(\d\d%|×) at ([\d,]+k)": r"\1（\2）",
    r"(\]|\d%) at ([\d,]+k)": r"\1（\2）",
    r"points at (\d)": r"ポイント、\1",
}
_CODE = re.compile(r"(`[^`]*`)")
_WORDS = re.compile(
    "|".join(rf"(?<![\w-]){re.escape(p)}(?![\w-])" for p in sorted(PHRASES, key=len, reverse=True))
)


def translated(text: str) -> str:
    """Returns tables in Japanese; what stands in backticks stays, and names of data beside their digests."""
    return "".join(line if "sha256" in line else _translated(line) for line in text.splitlines(keepends=True))


def _translated(text: str) -> str:
    for english, japanese in _SENTENCES.items():
        text = re.sub(english, japanese, text)
    parts = _CODE.split(text)
    return "".join(p if n % 2 else _WORDS.sub(lambda m: PHRASES[m[0]], p) for n, p in enumerate(parts))


_TEXTS: dict[str, str] = {
    "Gemma-4-12B on 75 picked questions of MMLU-Pro": "Gemma-4-12B、MMLU-Pro から選ばれた75問",
    "tokens, full thinking = 1": "トークン数（フル思考＝1）",
    "stopped at a probability": "確率で終了",
    "cut at the same tenth": "同じ位置で一律に終了",
    "Qwen3-0.6B on GSM8K: four modes, and routes between them": "Qwen3-0.6B、GSM8K："
    "4つのモードとその振り分け",
    "routes": "振り分け",
    "one mode for all, and the oracle": "単独のモードとオラクル",
    "chosen on the pilot": "パイロットで選択",
    "random at its mix": "同じ配分でランダム",
    "Qwen3 on AIME24, the search set: karui's two plans a size, SC@64, AutoTTS": "Qwen3、AIME24（選択用）："
    "各サイズの karui の2つのプラン、SC@64、AutoTTS",
    "tokens a question": "1問あたりのトークン数",
    "A 1.5B model taught to think aloud": "考えを書き出すよう学習させた1.5Bモデル",
    "exits": "早期終了",
    "Qwen2.5-Coder-1.5B on GSM8K: points gained by every plan that saves (pilot)": "Qwen2.5-Coder-1.5B、"
    "GSM8K：節約するプランごとの精度の変化（パイロット）",
    "plans that save tokens": "節約するプラン",
}


def redrawn(picture: str) -> str:
    """Returns an SVG with its texts in Japanese."""
    known = PHRASES | _TEXTS
    told = {escape(english): japanese for english, japanese in known.items()}
    return re.sub(r">([^<>]+)</(text|title)>", lambda m: f">{told.get(m[1], m[1])}</{m[2]}>", picture)
