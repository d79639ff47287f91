"""What has to be known of figures that rest on an imported recording; a row for each `Caveat`."""

IMPORTS: dict[str, tuple[str, str]] = {
    "caveat_trials_of_another_model": (
        (
            "Early answers come from {trials} reading texts that {model} wrote. What {model} itself would "
            "have answered there was not measured: confirm on {model} before you use a plan that stops early."
        ),
        (
            "途中の回答は、{model}の書いた文章を{trials}に読ませて得たものです。{model}自身がその時点でどう答え"
            "たかは測っていません。途中で止めるプランを使う前に、{model}で確かめてください。"
        ),
    ),
    "caveat_lengths_in_words": (
        (
            "The imported log has no token counts, and no tokenizer was given: lengths are words and signs. "
            "Ratios are near those of tokens, counts and costs are not."
        ),
        (
            "取り込んだログにトークン数がなく、トークナイザの指定もないため、長さは単語と記号の数です。比率はト"
            "ークンの比率に近い値ですが、個数や費用はトークンの値ではありません。"
        ),
    ),
    "caveat_split_by_characters": (
        (
            "The imported log counts thinking and answer together: they were divided by their characters, "
            "not by tokens."
        ),
        ("取り込んだログは思考と回答のトークンを合計でのみ記録しているため、文字数の比で分けています。"),
    ),
    "caveat_cost_of_trials_assumed": (
        "What an early answer cost was not logged: one and the same number of tokens is assumed for each.",
        "途中の回答にかかったトークン数は記録にないため、どれも同じトークン数と仮定しています。",
    ),
    "caveat_stops_at_shares_of_a_finished_trace": (
        (
            "The log stops each trace at shares of its final length. A plan that stops there knows how long "
            "the trace will become, which nothing knows live: figures of early exits are too good."
        ),
        (
            "このログは、完成した思考の長さに対する割合の位置で途中の回答を記録しています。実行時には最終的な長"
            "さは分からないため、早期終了の値は良く出すぎます。"
        ),
    ),
    "caveat_questions_picked_by_their_outcome": (
        (
            "The questions of this log were picked by how the model fared on them: figures do not carry over "
            "to other questions."
        ),
        ("このログの問題は、モデルの解答結果を見て選ばれたものです。値はほかの問題には当てはまりません。"),
    ),
}
