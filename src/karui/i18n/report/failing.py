"""Strings of a baseline that fails, and of full thinking without thinking."""

FAILING: dict[str, tuple[str, str]] = {
    "fix": (
        "Fix the baseline",
        "まずベースラインの見直しが必要です",
    ),
    "lead_fix": (
        "Full thinking itself fails, so no plan can be judged by it, and none is offered.",
        ("最後まで思考しても正解できていないため、どのプランも評価できません。プランの提案は行いません。"),
    ),
    "fails_none right": (
        "None of its {replies} replies to {n} questions is right ({share}; 95% interval {bounds}).",
        "{n}問に対する{replies}件の回答のうち、正解は0件でした（{share}、95%区間{bounds}）。",
    ),
    "fails_none right_agreement": (
        "None of its {replies} replies to {n} questions holds an answer that can be compared.",
        "{n}問に対する{replies}件の回答から、比較できる答えを1件も読み取れませんでした。",
    ),
    "fails_below floor": (
        ("{hits} of its {replies} replies to {n} questions are {right} ({share}; 95% interval {bounds})."),
        "{n}問に対する{replies}件の回答のうち、{right}は{hits}件でした（{share}、95%区間{bounds}）。",
    ),
    "fails_near chance": (
        (
            "{hits} of its {replies} replies to {n} questions are right ({share}; 95% interval "
            "{bounds}); guessing would get {chance}."
        ),
        (
            "{n}問に対する{replies}件の回答のうち、正解は{hits}件でした（{share}、95%区間{bounds}）。当"
            "て推量でも{chance}は正解します。"
        ),
    ),
    "rule_fix": (
        (
            "Rule: a baseline fails if none of its replies is right, if under {floor} are (and under "
            "{plausible} at 95% confidence), or if it cannot be told from guessing. Intervals are Wilson's, "
            "with questions counted, not replies."
        ),
        (
            "判定基準：正解が1件もない場合、正答率が{floor}未満の場合（信頼度95%で{plausible}未満）、また"
            "は当て推量と区別できない場合に、ベースラインの見直しが必要と判定します。区間は回答ではなく問"
            "題を単位としたWilson区間です。"
        ),
    ),
    "likely": (
        "Likely reasons, the one with the most evidence first",
        "考えられる原因（根拠の多い順）",
    ),
    "because_embedded": (
        (
            "{detail} ships with karui as a demonstration: it was only taught the questions of the task "
            "mini, not these."
        ),
        (
            "{detail}はkaruiに付属するデモ用モデルです。課題「mini」の問題だけを学習しており、今回のよ"
            "うな問題は解けません。"
        ),
    ),
    "cure_embedded": (
        "Name your own model: --model with a folder, a Hub name, or http://HOST:PORT/v1#NAME.",
        (
            "--modelでお使いのモデルを指定してください（フォルダー、Hub上の名前、またはhttp://HOST:PORT"
            "/v1#NAME）。"
        ),
    ),
    "because_unread": (
        "No answer could be read in {count} of {of} replies (verifier: {detail}).",
        "{of}件中{count}件の回答から答えを読み取れませんでした（判定方式：{detail}）。",
    ),
    "cure_unread": (
        (
            "Ask for the answer in a form that the verifier reads, such as \\boxed{{…}}, in the "
            "question or in the column system; or name another verifier in the column verifier."
        ),
        (
            "判定方式が読み取れる形（例：\\boxed{{…}}）で答えるよう、質問文またはsystem列で指示してくだ"
            "さい。または、verifier列で別の判定方式を指定してください。"
        ),
    ),
    "because_empty": (
        "{count} of {of} replies are empty.",
        "{of}件中{count}件の回答が空でした。",
    ),
    "cure_empty": (
        "Look at what the model is asked and what its server sends: karui probe MODEL.",
        "モデルへの問い合わせ方とサーバーの応答を確認してください：karui probe MODEL",
    ),
    "because_unmatched": (
        "The reference occurs in {count} of {of} replies that count as wrong (verifier: {detail}).",
        (
            "不正解とされた回答のうち、{of}件中{count}件には正解例の文字列が含まれています（判定方式：{"
            "detail}）。"
        ),
    ),
    "cure_unmatched": (
        ("Name a verifier that reads it in the column verifier, or give the bare answer as the reference."),
        "verifier列で適切な判定方式を指定するか、正解例を答えだけの短い形に直してください。",
    ),
    "because_partial": (
        "What was read is only a part of the reference in {count} of {of} replies (verifier: {detail}).",
        "{of}件中{count}件では、読み取った答えが正解例の一部にとどまっています（判定方式：{detail}）。",
    ),
    "cure_partial": (
        (
            "Give the bare answer as the reference, without units or sentences around it, or name a verifier "
            "that reads both, such as numeric, in the column verifier."
        ),
        (
            "正解例を、単位や文を除いた答えだけの形に直すか、両方を読み取れる判定方式（例：numeric）を"
            "verifier列で指定してください。"
        ),
    ),
    "because_truncated": (
        "The limit of {detail} tokens cut {count} of {of} replies: they never came to an answer.",
        "{of}件中{count}件の回答が、上限の{detail}トークンで打ち切られ、答えに到達しませんでした。",
    ),
    "cure_truncated": (
        "Record again, into a new folder, with a larger --max-tokens.",
        "--max-tokensを大きくして、新しいフォルダーに記録し直してください。",
    ),
    "because_loops": (
        "{count} of {of} replies loop: they say the same passage again and again.",
        "{of}件中{count}件の回答が、同じ文章を繰り返すループに陥っています。",
    ),
    "cure_loops": (
        (
            "Sample as the model's card recommends (--temperature, --top-p), never greedily; check its "
            "weights and its chat template."
        ),
        (
            "モデルの推奨値に合わせてサンプリングを設定し（--temperature、--top-p。greedyは不可）、重みと"
            "チャットテンプレートを確認してください。"
        ),
    ),
    "because_timeouts": (
        "The comparison of {count} answers ran into its time limit (verifier: {detail}).",
        "{count}件の答えの照合が制限時間を超えました（判定方式：{detail}）。",
    ),
    "cure_timeouts": (
        "Name a simpler verifier in the column verifier, such as numeric or exact.",
        "verifier列で、numericやexactなどのより単純な判定方式を指定してください。",
    ),
    "because_alike": (
        "{count} of {of} answers are the same, {detail}, although the questions differ.",
        "質問が異なるのに、{of}件中{count}件の答えが同じ「{detail}」です。",
    ),
    "cure_alike": (
        "Check that this is the model you mean, and that its chat template shows it the question.",
        ("意図したモデルかどうか、チャットテンプレートで質問が正しく渡されているかを確認してください。"),
    ),
    "because_unthought": (
        "{count} of {of} replies hold no thinking.",
        "{of}件中{count}件の回答に思考が含まれていません。",
    ),
    "cure_unthought": (
        "Switch its thinking on; karui probe MODEL shows how the model is asked.",
        "モデルの思考を有効にしてください。問い合わせ方はkarui probe MODELで確認できます。",
    ),
    "because_guessing": (
        ("Answers were read in {count} of {of} replies, and they are right no more often than guesses."),
        "{of}件中{count}件の回答から答えを読み取れましたが、正答率は当て推量と変わりません。",
    ),
    "cure_guessing": (
        (
            "Check below whether the options are read as the model means them; if they are, these "
            "questions are too hard for this model, or the references belong to other questions."
        ),
        (
            "選択肢がモデルの意図どおりに読み取られているかを下の回答例で確認してください。正しければ、"
            "モデルにとって難しすぎるか、正解例が別の質問のものです。"
        ),
    ),
    "because_wrong": (
        "An answer was read in {count} of {of} replies, and it is another one than the reference.",
        "{of}件中{count}件の回答から答えを読み取れましたが、正解例と異なります。",
    ),
    "cure_wrong": (
        (
            "Check some references by hand; if they are right, this model cannot do these questions: "
            "try another."
        ),
        (
            "正解例をいくつか手作業で確認してください。正解例が正しければ、このモデルでは解けない問題で"
            "す。別のモデルを試してください。"
        ),
    ),
    "next_fix": (
        (
            "Fix the first reason and record again into a new folder. If the questions are meant to be "
            "this hard, --min-accuracy 0 goes on."
        ),
        (
            "最初の原因に対処し、新しいフォルダーに記録し直してください。もともと難しい問題であれば、--"
            "min-accuracy 0で続行できます。"
        ),
    ),
    "its_replies": (
        "Its replies, and what was read from them",
        "回答例と読み取り結果",
    ),
    "its_replies_note": (
        "Wrong replies to different questions, for different reasons where there are several.",
        "異なる質問に対する不正解の回答です。原因が複数ある場合は、原因ごとに選んでいます。",
    ),
    "reply": (
        "Reply",
        "回答",
    ),
    "reply_thinking": (
        "No reply; its thinking ends",
        "回答なし。思考の末尾",
    ),
    "read_from_it": (
        "Read",
        "読み取った答え",
    ),
    "read_nothing": (
        "nothing",
        "なし",
    ),
    "no_thinking_accepted": (
        (
            "No thinking: the full thinking of this study is empty (--accept-no-thinking). Its savings "
            "are not savings of thinking."
        ),
        (
            "思考なし：この評価の「最後まで思考」には思考が含まれていません（--accept-no-thinkingを指定"
            "）。削減率は思考の削減を示すものではありません。"
        ),
    ),
}
