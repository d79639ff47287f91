"""Strings about the domain of a choice: which questions it speaks of, and what is known where that ends."""

DOMAIN: dict[str, tuple[str, str]] = {
    "domain": ("Which questions it speaks of", "保証の対象となる質問"),
    "domain_lead": (
        "A certificate speaks of questions like the {n} that were recorded, and of no others.",
        "保証は、記録した{n}問と同じ傾向の質問についてのものです。それ以外の質問には及びません。",
    ),
    "domain_shape": (
        "Recorded were questions of {low} to {high} characters (5th to 95th percentile); {scripts}.",
        "記録した質問の長さは{low}〜{high}文字（5〜95%点）、{scripts}です。",
    ),
    "domain_kinds": ("Kinds: {kinds}.", "種類：{kinds}。"),
    "domain_scripts": ("letters by script: {shares}", "文字種の割合は{shares}"),
    "script latin": ("Latin {share}", "ラテン文字{share}"),
    "script kana": ("kana {share}", "かな{share}"),
    "script han": ("Chinese characters {share}", "漢字{share}"),
    "script other letters": ("others {share}", "その他{share}"),
    "domain_known": (
        (
            "The gateway answers a question unlike all of these with full thinking. Of questions like them "
            "at most {rate} are taken for unlike ({confidence} confidence; {calibration} of them, set apart, "
            "say where the limit lies)."
        ),
        (
            "ゲートウェイは、これらと異なる質問にはフル思考で回答します。同じ傾向の質問が誤って"
            "「異なる」と判定される割合は{rate}以下です（信頼度{confidence}。比較用とは別の{calibration}問で"
            "基準を決定）。"
        ),
    ),
    "domain_few": (
        (
            "They are too few to tell which questions are unlike them: {calibration} are left to set a limit "
            "by, and {fewest} are needed. The gateway tells none apart."
        ),
        (
            "問題数が少なく、異なる質問を見分ける基準を定められません（基準の決定に使えるのは{calibration}問、"
            "必要数は{fewest}問）。ゲートウェイは質問を見分けません。"
        ),
    ),
    "domain_beyond": (
        "Of other questions nothing was measured: there a high confidence of the plan says nothing.",
        "それ以外の質問については何も測定していません。確信度がどれほど高くても、正しさの根拠にはなりません。",
    ),
    "domain_far": (
        "Where it ends: the tenth of the test questions least like the others",
        "境界付近：他と最も似ていない1割の検証問題",
    ),
    "region": ("Test questions", "検証問題"),
    "region_far": ("least like the others", "他と最も似ていない1割"),
    "region_near": ("the rest", "残り"),
    "region_confidence": ("Mean confidence", "平均確信度"),
    "region_full": ("{Accuracy} of full thinking", "フル思考の{accuracy}"),
    "region_apart": (
        (
            "The plan’s confidence less its {accuracy}: {far} on the tenth least like the others, {near} on "
            "the rest."
        ),
        "プランの確信度から{accuracy}を引いた差は、最も似ていない1割で{far}、残りで{near}です。",
    ),
}
