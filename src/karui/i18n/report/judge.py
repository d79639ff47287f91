"""Strings about a judge: another model says which answers are good, and people say it of a few."""

JUDGE: dict[str, tuple[str, str]] = {
    "seen": (
        "share of good answers, as this judge sees it,",
        "判定モデルから見た良い回答の割合",
    ),
    "seen_good": (
        "good, as this judge sees it",
        "判定モデルから見て良い",
    ),
    "seen_bad": (
        "not good, as this judge sees it",
        "判定モデルから見て良くない",
    ),
    "judge_alone": (
        (
            "As this judge sees it, and not more: {model} judged the answers, and nobody has labelled "
            "one. Its word certifies nothing."
        ),
        "判定モデル「{model}」から見た結果です。人が付けた評価はまだ1件もないため、何も保証しません。",
    ),
    "judge_labelled": (
        (
            "People labelled {labels} of {units} pairs of answers; {model} judged all of them. What is "
            "said of the plan’s loss rests on the labels, whatever the judge does; everything else is as "
            "this judge sees it."
        ),
        (
            "回答の組{units}件のすべてを判定モデル「{model}」が、うち{labels}件を人が評価しました。対象プ"
            "ランの低下は人の評価にもとづき、判定モデルの誤りがあっても成り立ちます。それ以外の数値は判定"
            "モデルから見たものです。"
        ),
    ),
    "judge_missing": (
        "By what is known, about {missing} more labels would settle it ({labels} are there): karui label.",
        (
            "今の見込みでは、あと約{missing}件の評価で結論が出ます（現在{labels}件）。「karui label」で評"
            "価できます。"
        ),
    ),
    "judge_too_few": (
        (
            "By what is known, about {wanted} labels would be needed, and these questions yield "
            "{planned}: add questions."
        ),
        (
            "今の見込みでは約{wanted}件の評価が必要ですが、この問題数で評価できるのは{planned}件です。問"
            "題を追加してください。"
        ),
    ),
    "judge_never": (
        "By what is known, no number of labels would certify this plan.",
        "今の見込みでは、評価を増やしてもこのプランは保証できません。",
    ),
    "judge_agreement": (
        "Judge and people agree on {agreement} of the labelled pairs that differ.",
        "回答が異なる評価済みの組のうち、判定モデルと人の評価が一致したのは{agreement}です。",
    ),
    "judge_position": (
        (
            "Of the judge’s single verdicts {first} are for the answer that stands first (50% would be "
            "fair); asked in both orders it contradicts itself on {flips} of the pairs, which then count "
            "as the same."
        ),
        (
            "判定モデルの個々の判定のうち、先に示した回答を選んだ割合は{first}です（公平なら50%）。順番を"
            "入れ替えると{flips}の組で判定が逆になり、これらは「同じ」と数えました。"
        ),
    ),
    "judge_length": (
        "{longer} of its verdicts are for the longer answer.",
        "長いほうの回答を選んだ割合は{longer}です。",
    ),
    "judge_length_people": (
        "{longer} of its verdicts are for the longer answer, and {people} of people’s.",
        "長いほうの回答を選んだ割合は、判定モデルが{longer}、人が{people}です。",
    ),
    "judge_unjudged": (
        "It gave no verdict on {unjudged} of {all} answers; they count as not good.",
        "{all}件の回答のうち{unjudged}件は判定が得られず、「良くない」と数えました。",
    ),
    "judge_bill": (
        "Judging took {requests} requests: {read} tokens read, {written} generated.",
        "判定に使ったリクエストは{requests}回（入力{read}トークン、生成{written}トークン）です。",
    ),
    "judge_prompt": (
        "judge’s prompt",
        "判定の指示文",
    ),
    "label": (
        "Label answers by hand",
        "人による評価が必要です",
    ),
    "lead_label": (
        (
            "Whether a plan with {ratio} of the tokens is good enough, only people can say: the judge alone "
            "certifies nothing."
        ),
        (
            "トークン量を現状の{ratio}に減らすプランで十分かどうかは、人の評価で確かめます。"
            "判定モデルだけでは何も保証しません。"
        ),
    ),
    "lead_label_none": (
        "Whether a plan is good enough, only people can say.",
        "十分な質かどうかは、人の評価で確かめます。",
    ),
    "next_label": (
        (
            "Label pairs of answers with “karui label”, in the order in which it shows them, and run the "
            "same command again."
        ),
        "「karui label」を実行し、表示される順に回答を評価してから、同じコマンドを再実行してください。",
    ),
    "rule_seen": (
        (
            "Estimated loss {loss}, as this judge sees it, on {n} test questions; nothing bounds it "
            "without labels."
        ),
        (
            "検証用の{n}問での低下の推定値は、判定モデルから見て{loss}です。人の評価がないため、上限は示"
            "せません。"
        ),
    ),
    "rule_found_judged": (
        (
            "Estimated loss {loss}, one-sided {level} bounds {bounds}, by people’s labels with the "
            "judge’s verdicts on {n} test questions ({space} plans were considered; one was tested)."
        ),
        (
            "検証用の{n}問について人の評価と判定を組み合わせた結果、低下の推定値は{loss}、片側{level}限界"
            "は{bounds}です（候補{space}プランのうち1プランを検定）。"
        ),
    ),
    "lead_adopt_judged": (
        (
            "The same work with {ratio} of the tokens: by people’s labels, its answers are worse than "
            "full thinking’s no more often than agreed."
        ),
        "トークン量を現状の{ratio}に減らしても、人の評価で見た回答の質の低下は許容範囲に収まります。",
    ),
    "not_confirmed_judged": (
        "There is no live confirmation where a judge judges.",
        "判定モデルを使う評価には、別の問題での実測確認はありません。",
    ),
    "next_adopt_unconfirmed_judged": (
        "Put it into service in stages, and let people look at a sample of its answers.",
        "段階的に導入し、回答の一部を人が確認してください。",
    ),
    "loss_picture_judged": (
        "Loss by people’s labels against the limit",
        "人の評価で見た質の低下と許容範囲",
    ),
    "lost_questions_judged": (
        "Questions lost, as this judge sees it",
        "判定モデルから見て悪くなった問題",
    ),
    "lost_value_judged": (
        "{lost} of {n}; {won} won",
        "{n}問中{lost}問（逆に良くなった問題：{won}問）",
    ),
    "confident_wrong_fact_judged": (
        "Confident, and not good as this judge sees it",
        "自信があるのに、判定モデルから見て良くない回答",
    ),
}
