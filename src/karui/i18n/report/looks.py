"""Strings about looks at the test questions: which one it is, and how many independent ones there are."""

_ENGLISH = ("First", "Second", "Third", "Fourth", "Fifth", "Sixth", "Seventh", "Eighth", "Ninth", "Tenth")

LOOKS: dict[str, tuple[str, str]] = {
    "looks": (
        (
            "{which} look at these questions; together at most {alpha}: the chance that any certificate of "
            "any look is false, later looks included ({spent} spent so far)."
        ),
        (
            "この問題群の検証は{which}です。これまでと今後の検証をすべて合わせて、誤った保証を出す確率は{alpha}"
            "以下です（うち{spent}を使用済み）。"
        ),
    ),
    "looks_units": (
        (
            "The {n} test questions are {units} independent ones: {grouped} of them say nearly the same as "
            "another one or are of its group, and count together."
        ),
        (
            "検証用の{n}問は、独立した証拠としては{units}件です。{grouped}問は、ほぼ同じ内容か同じグループの問題"
            "があるため、まとめて1件と数えました。"
        ),
    ),
    "looks_unwritten": (
        (
            "This look could not be noted in the ledger everywhere: a later study of these questions may not "
            "count it, and the chance of a false certificate would then hold for each study alone."
        ),
        (
            "今回の検証を台帳に記録できませんでした。今後の検証でこの回が数えられない場合、誤った保証の確率は"
            "検証ごとの値になります。"
        ),
    ),
    "look_n": ("Number {n}: one more", "{n}回目"),
    **{f"look_{n}": (name, f"{n}回目") for n, name in enumerate(_ENGLISH, 1)},
}
