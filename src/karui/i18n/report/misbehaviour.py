"""Strings about thinking that goes wrong: loops, right answers that were lost, questions given up."""

MISBEHAVIOUR: dict[str, tuple[str, str]] = {
    "misbehaviour": ("Where thinking goes wrong", "思考がうまくいかなかった割合"),
    "misbehaviour_lead": (
        (
            "“Right earlier, and lost it” means that the model had found the {right} answer while it was "
            "thinking, and gave another one, or none, in the end: stopped in time it would have been cheaper "
            "and better."
        ),
        (
            "「途中で{right}、最後に逃した」とは、思考の途中で{right}の答えに達していたのに、最後は別の答えを出し"
            "たか、答えずに終わった場合です。適切な時点で止めていれば、費用も結果も改善していました。"
        ),
    ),
    "misbehaviour_lead_agreement": (
        (
            "“Agreed earlier, and lost it” means that the model would have given its usual answer at some "
            "point of its thinking, and gave another one, or none, in the end."
        ),
        (
            "「途中で一致、最後に逃した」とは、思考の途中ではいつもの答えに達していたのに、最後は別の答えを出した"
            "か、答えずに終わった場合です。"
        ),
    ),
    "misbehaviour_note": (
        (
            "Full thinking of every model and format on the same questions; differences to the first row are "
            "paired by question, ranges are {level} intervals. A loop is the same passage again and "
            "again: what lies in it counts nowhere as thinking that was needed. Quantized models have been "
            "reported to lose right answers more often (arXiv 2606.00206)."
        ),
        (
            "各モデルに同じ問題を最後まで思考させた結果です。差は先頭行との比較（問題ごとの対応あり）、範囲は{level}"
            "信頼区間です。ループは同じ文章の繰り返しで、その部分は必要な思考として数えません。量子化"
            "したモデルは途中の答えを逃しやすいと報告されています（arXiv 2606.00206）。"
        ),
    ),
    "looped": ("In a loop", "ループ"),
    "looped_note": ("in a loop {share}", "ループ{share}"),
    "loop_tokens": ("Tokens in loops", "ループ中のトークン"),
    "loops_unknown": ("n/a: no text", "該当なし（本文なし）"),
    "lost": ("Right earlier, and lost it", "途中で正解、最後に逃した"),
    "lost_agreement": ("Agreed earlier, and lost it", "途中で一致、最後に逃した"),
    "lost_rise": ("More lost than by the first", "逃した割合の差（先頭行比）"),
    "lost_of_wrong": ("Of those {wrong} in the end", "最後に{wrong}となった中での割合"),
    "lost_unknown": ("n/a: no trials", "該当なし（試し解答なし）"),
    "abstains": ("no answer {share}", "解答なし{share}"),
}
