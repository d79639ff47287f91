"""Texts of `karui compare`: English, then Japanese."""

from karui.i18n.words import Table

COMPARISON: Table = {
    "title": ("Two runs, question by question", "2つの実行の問題ごとの比較"),
    "figure": ("Figure", "指標"),
    "difference": ("Difference", "差"),
    "ratio": ("Ratio", "比"),
    "p": ("p", "p値"),
    "result": ("Result", "判定"),
    "accuracy": ("Accuracy", "正答率"),
    "tokens": ("Tokens per question", "1問あたりトークン数"),
    "words": ("Words per question", "1問あたり語数"),
    "latency": ("Seconds per reply", "1回答あたり秒数"),
    "estimated": ("Seconds per reply (estimated)", "1回答あたり秒数（推定）"),
    "memory": ("Memory", "メモリ"),
    "better": ("better", "改善"),
    "worse": ("worse", "悪化"),
    "no difference shown": ("no difference shown", "差は示されない"),
    "the same": ("the same on every question", "全問で同一"),
    "run": (
        "{name}: {model}, {plan}, {questions} questions, up to {samples} replies each",
        "{name}：{model}、{plan}、{questions}問、各最大{samples}回答",
    ),
    "full thinking": ("full thinking", "全思考"),
    "loss": (
        (
            "Accuracy: the second run loses at most {high} and at least {low} (betting bounds, each at "
            "{level})."
        ),
        (
            "正答率：2番目の実行の低下は最大{high}、最小{low}です（ベッティング検定による限界、それぞれ有意"
            "水準{level}）。"
        ),
    ),
    "gain_possible": ("nothing", "0（低下は示されない）"),
    "unbounded": ("an amount that these questions do not bound", "この問題数では上限なし"),
    "unseen": (
        (
            "{figure}: with these questions a difference of {size} is shown four times in five; smaller "
            "ones mostly stay unseen."
        ),
        (
            "{figure}：この問題数では、{size}の差があれば5回に4回は検出できます。それより小さい差はほとんど"
            "見えません。"
        ),
    ),
    "basis": (
        (
            "{questions} questions in common, {units} of them independent; every figure is tested question "
            "by question at {level}, so that any difference is claimed by chance with a probability of at "
            "most {alpha}."
        ),
        (
            "共通の{questions}問（独立した証拠としては{units}件）を問題ごとに対にして比較しました。各指標の"
            "有意水準は{level}で、偶然の差をひとつでも差と判定する確率は全体で{alpha}以下です。"
        ),
    ),
    "by_id": (
        (
            "The questions were paired by their ids, as asked (--match id): whether their texts agree was "
            "not checked."
        ),
        "指定（--match id）により問題をIDで対応付けました。問題文が一致するかは確認していません。",
    ),
    "only": (
        "Left out: {a} questions that only {name_a} has, {b} that only {name_b} has.",
        "除外：{name_a}だけにある{a}問、{name_b}だけにある{b}問。",
    ),
    "other_reference": (
        "Left out: {n} questions on which the two runs call different answers right.",
        "除外：両者で正解が異なる{n}問。",
    ),
    "empty": (
        "{name}: {n} questions without a reply were left out.",
        "{name}：回答のない{n}問を除外しました。",
    ),
    "judged": (
        (
            "{name}: answers were judged by a language model ({model}), not checked: its errors are part "
            "of every difference."
        ),
        "{name}：回答は照合ではなく言語モデル（{model}）が判定したものです。差にはその誤りも含まれます。",
    ),
    "chosen": (
        (
            "{name}: its plan was chosen on these questions, which flatters it; the study's certificate "
            "and a live run on other questions say what it keeps."
        ),
        (
            "{name}：プランはこの問題群で選ばれたため、値は実力より良く見えます。保証書と別の問題での実地確"
            "認の値を参照してください。"
        ),
    ),
    "other_models": (
        "The two models count tokens by tokenizers of their own.",
        "トークン数は、それぞれのモデル自身のトークナイザーで数えています。",
    ),
    "missing_unknown": (
        "{figure}: not compared, one of the runs does not say.",
        "{figure}：一方の実行に記録がないため比較していません。",
    ),
    "missing_counted otherwise": (
        "{figure}: not compared, the two runs count it in different ways.",
        "{figure}：両者で数え方が異なるため比較していません。",
    ),
    "broken": ("Failed: {rules}", "不合格：{rules}"),
    "kept": ("Passed: {rules}", "合格：{rules}"),
}
