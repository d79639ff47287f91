"""Strings about several models: artifacts, what they take and give, and what techniques save together."""

MODELS: dict[str, tuple[str, str]] = {
    "models": (
        "Models: what each takes, and what it can still do",
        "モデル別の比較：必要な資源と保たれた能力",
    ),
    "models_note": (
        (
            "Every version of the model, measured on this machine: {machine}. Ratios are to the first row. "
            "Loss is against the first row on the same questions; negative is a gain. A lighter model that "
            "thinks longer pays for it under thinking tokens."
        ),
        (
            "各モデルを本環境（{machine}）で実測した値です。倍率は先頭行に対する比です。低下は同じ問題での"
            "先頭行との差で、マイナスは改善を表します。軽いモデルの思考が長くなれば、その分は思考トークン"
            "数に表れます。"
        ),
    ),
    "on_disk": ("On disk", "ディスク上"),
    "loaded": ("Weights loaded", "読み込み後の重み"),
    "process": ("Process", "プロセス全体"),
    "kv_token": ("KV cache a token", "KVキャッシュ（1トークン）"),
    "flops_token": ("FLOPs a token", "演算量（1トークン）"),
    "tokens_per_second": ("Tokens per second", "毎秒トークン数"),
    "side_by_side": ("{n} side by side", "同時{n}件"),
    "thinking_tokens": ("Thinking tokens", "思考トークン数"),
    "made_in": ("Made in", "作成に要した資源"),
    "as_it_came": ("as it came", "元のモデル"),
    "not_recorded": ("not recorded", "記録なし"),
    "no_saving_loaded": (
        "no smaller once loaded: this engine unpacks the format",
        "この実行環境では展開されるため、読み込み後は小さくならない",
    ),
    "no_faster": ("not faster here", "この環境では速くならない"),
    "models_kinds": ("{Accuracy} by kind, for every model", "モデル別・種類別の{Accuracy}"),
    "fastest": (
        "Fastest on this machine with {n} at once: {model} on {engine}, {rate} tokens per second.",
        "本環境で最速（同時{n}件）：{model}（{engine}）、毎秒{rate}トークン。",
    ),
    "screening": (
        (
            "{n} versions were screened on up to {questions} questions by successive halving; {kept} went "
            "on to a full recording. Screening took {asked} traces and spared {spared}."
        ),
        (
            "{n}種類のモデルを最大{questions}問の逐次半減法で絞り込み、{kept}種類を本記録に進めました。絞り"
            "込みに使った生成は{asked}件、節約できた生成は{spared}件です。"
        ),
    ),
    "screened_out": ("screened out after {n} questions", "{n}問で除外"),
    "interaction": ("What each saves alone, and both together", "単独での効果と組み合わせの効果"),
    "interaction_note": (
        (
            "Ratios to full thinking of the model as it came. “If independent” is the product of the two; "
            "where both together is larger, they save the same thing twice."
        ),
        (
            "元のモデルで最後まで思考した場合に対する比です。「独立なら」は両者の積で、実際の値がこれより"
            "大きければ、同じ部分を重複して削っていることを意味します。"
        ),
    ),
    "alone": ("{plan} alone", "{plan}のみ"),
    "together": ("Both together", "両方"),
    "if_independent": ("If independent", "独立なら"),
    "learning": ("What was trained, and how it learned", "学習した内容と学習曲線"),
    "learning_note": (
        (
            "Accuracy and tokens are those of answers to questions held back from the training itself, drawn "
            "as in the recording; they are few, so that a curve shows the direction and the table of plans "
            "the result."
        ),
        (
            "正答率とトークン数は、学習から除いた少数の問題に回答させた値です（生成条件は記録時と同じ）。"
            "曲線は傾向を見るためのもので、結果は評価対象の一覧をご覧ください。"
        ),
    ),
    "parts": (
        (
            "{train} of the questions were trained on. The versions were screened on {pilot} others, "
            "certified on {test} others, and {confirm} were kept for the live confirmation: no question "
            "served twice."
        ),
        (
            "問題のうち{train}問を学習に使い、別の{pilot}問で絞り込み、別の{test}問で検証しました。さらに"
            "{confirm}問を実機確認用に残しています。複数の用途に使った問題はありません。"
        ),
    ),
    "parts_brought": (
        (
            "{train} questions of another recording were trained on. The versions were screened on {pilot} "
            "of the user's questions, certified on {test} others, and {confirm} were kept for the live "
            "confirmation: no question served twice."
        ),
        (
            "学習には別の記録の{train}問を使い、利用者の問題のうち{pilot}問で絞り込み、別の{test}問で検証しま"
            "した。さらに{confirm}問を実機確認用に残しています。複数の用途に使った問題はありません。"
        ),
    ),
    "version": ("Version", "モデル"),
    "learned_from": ("Learned from", "学習に使った例"),
    "training_steps": ("Steps", "学習ステップ数"),
    "training_took": ("Took", "作成時間"),
    "training_memory": ("Memory at most", "最大メモリ"),
    "ended_steps": ("all", "完了"),
    "ended_minutes": ("time was up", "時間切れ"),
    "ended_accuracy": ("accuracy fell", "正答率の低下で終了"),
    "curve_accuracy": ("{Accuracy}, held back", "{Accuracy}（学習外）"),
    "curve_tokens": ("Tokens an answer", "回答あたりトークン数"),
    "curve_truncated": ("Truncated", "打ち切りの割合"),
    "curve_reward": ("Reward", "報酬"),
    "curve_loss": ("Loss, nats a token", "損失（トークンあたり）"),
    "curve_steps": ("{n} steps", "{n}ステップ"),
    "curve_held": ("questions held back", "学習から除いた問題"),
    "curve_learned": ("while training", "学習中"),
    "curve_kept": ("weights kept", "採用した重み"),
    "curve_least": ("limit at which training ends (reinforcement)", "学習を打ち切る限度（強化学習）"),
    "kept_step": ("The weights of step {n} were kept.", "{n}ステップ目の重みを採用しました。"),
    "skipped_steps": (
        "{n} steps moved nothing: their gradient was no number.",
        "{n}ステップは勾配が数値でなかったため、重みを更新しませんでした。",
    ),
    "resumed_step": ("Resumed at step {n}.", "{n}ステップ目から再開しました。"),
    "unwatched": ("{Accuracy} was not watched: {why}", "{Accuracy}は測定していません：{why}"),
}
