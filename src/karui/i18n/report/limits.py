"""Strings about limits on time and cost: what is promised, on whose machine, and what is not."""

LIMITS: dict[str, tuple[str, str]] = {
    "limit_first_answer": (
        "95% of the questions have their first answer token within {limit}",
        "95%の問題で、最初の回答トークンまで{limit}以内",
    ),
    "limit_cost": ("1,000 questions cost {limit} on average", "1,000問の平均コストが{limit}以内"),
    "limit_kept": (
        ("Promised: {what}. Here it is {estimate}, and at most {bound} ({level} confidence, {n} questions)."),
        "約束：{what}。検証問題では{estimate}、上限は{bound}です（信頼度{level}、{n}問）。",
    ),
    "limit_not_shown": (
        (
            "Not promised: {what}. Here it is {estimate}, and the bound is {bound} ({level} "
            "confidence, {n} questions): more questions may show it."
        ),
        (
            "約束できません：{what}。検証問題では{estimate}ですが、上限は{bound}です（信頼度"
            "{level}、{n}問）。問題を増やせば示せる可能性があります。"
        ),
    ),
    "limit_broken": (
        "Not kept: {what}. Here it is {estimate}.",
        "満たしません：{what}。検証問題では{estimate}です。",
    ),
    "limit_no_pace": (
        "Not promised: {what}. The recording does not say how fast the model generated.",
        "約束できません：{what}。記録に生成速度の情報がありません。",
    ),
    "limit_no_price": (
        "Not promised: {what}. No prices were stated (--assume).",
        "約束できません：{what}。単価が指定されていません（--assume）。",
    ),
    "limit_no_ceiling": (
        "Not promised: {what}. A question cost more than its limit of tokens explains.",
        "約束できません：{what}。トークン上限から想定される額を超えた問題があります。",
    ),
    "limit_of": ("Limits of {plan}, which is certified:", "保証を得た{plan}の上限："),
    "limit_where": (
        (
            "That is the whole reply at the pace of the recording ({machine}; about {streams} traces side by "
            "side), an estimate; the gateway watches what users really wait for."
        ),
        (
            "時間は、記録時の速度（{machine}、同時に約{streams}件）で回答全体が終わるまでの推定値です。実際の"
            "待ち時間はゲートウェイが監視します。"
        ),
    ),
    "limit_unbounded": ("unknown", "不明"),
}
