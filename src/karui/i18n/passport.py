"""Texts of `karui passport`: English, then Japanese."""

from karui.i18n.words import Table

PASSPORT: Table = {
    "signed by another key": (
        "The passport is not signed by the key {key}…: it is not this issuer's.",
        "このパスポートは鍵{key}…で署名されていません。この発行者のものではありません。",
    ),
    "changed after it was signed": (
        (
            "The passport was changed after it was signed: a figure, a digest or a date in it is not the "
            "issuer's."
        ),
        (
            "このパスポートは署名後に書き換えられています。数値・ダイジェスト・日付のいずれかが発行者の記載"
            "と異なります。"
        ),
    ),
    "not valid yet": (
        "The passport is not valid before {issued}.",
        "このパスポートは{issued}より前は有効ではありません。",
    ),
    "expired": (
        "The passport expired on {expires}: nothing is promised any more.",
        "このパスポートは{expires}に有効期限が切れています。以後は何も保証されません。",
    ),
    "other weights": (
        "The model has other weights, configuration or tokenizer than the promise is about ({what}).",
        "モデルの重み・設定・トークナイザーが、保証の対象と異なります（{what}）。",
    ),
    "another template": (
        "The model is asked by another chat template than the promise is about ({what}).",
        "チャットテンプレートが、保証の対象と異なります（{what}）。",
    ),
    "another engine": (
        "The model runs on another engine: promised on {before}, now {now}.",
        "推論エンジンが異なります。保証は{before}、現在は{now}です。",
    ),
    "another server": (
        "The server is another one, or another version of it: {what} was {before}, now {now}.",
        "サーバー、またはそのバージョンが異なります。{what}は{before}でしたが、現在は{now}です。",
    ),
    "another sampling": (
        "The sampling is another one: {what} was {before}, now {now}.",
        "サンプリング条件が異なります。{what}は{before}でしたが、現在は{now}です。",
    ),
    "other traffic": (
        (
            "The traffic has drifted: {unlike} of {asked} different questions are unlike the study's; of "
            "questions like them at most {most}% would be. The promise does not speak of such questions."
        ),
        (
            "質問の傾向が変化しています：異なる{asked}問のうち{unlike}問がスタディの問題と似ていません（似た問題"
            "なら多くて{most}%）。このような質問は約束の対象外です。"
        ),
    ),
    "another expectation": (
        "The expectation.json is not that of the study: what questions are compared by has another digest.",
        "expectation.jsonがスタディのものと一致しません（質問の比較に使うデータのダイジェストが異なります）。",
    ),
    "questions not known": (
        "The study had too few questions to tell others from them: the traffic was not compared.",
        "スタディの問題が少なく、質問の傾向の変化は判定できません。",
    ),
    "traffic as it was": (
        (
            "The traffic is not shown to have drifted: {unlike} of {asked} different questions are unlike "
            "the study's; of questions like them up to {most}% would be."
        ),
        (
            "質問の傾向の変化は認められません：異なる{asked}問のうち{unlike}問がスタディの問題と似ていません"
            "（似た問題でも{most}%まではありえます）。"
        ),
    ),
    "another study": (
        "The study is not the one that the passport was made of.",
        "指定されたスタディは、このパスポートの元になったものではありません。",
    ),
    "model not seen": (
        "No model was given: only signature and time were checked. --model FOLDER checks the model.",
        "モデルが指定されていないため、署名と期限だけを確認しました。--model でモデルも確認できます。",
    ),
    "other versions": (
        (
            "Libraries have other versions than when it was measured: {what}. An acceptance shows whether "
            "that matters."
        ),
        "測定時とライブラリのバージョンが異なります：{what}。影響の有無は検収で確認できます。",
    ),
    "server says nothing": (
        "The server says nothing that tells its model from another: only an acceptance can show it.",
        "サーバーからモデルを識別できる情報が得られません。検収によってのみ確認できます。",
    ),
    "model not known": (
        (
            "The passport holds no digest of the model's files, as the model was measured behind a server: "
            "the files given were not compared. Only an acceptance can show whether they are the model."
        ),
        (
            "モデルはサーバー経由で測定されたため、このパスポートにはモデルファイルのダイジェストがありません。"
            "指定されたファイルは照合していません。検収によってのみ確認できます。"
        ),
    ),
    "holds": (
        (
            "The passport holds: {label} on {model}, a loss of accuracy of at most {margin} at "
            "{confidence} confidence, until {expires}."
        ),
        (
            "このパスポートは有効です：{model}、プラン{label}、正答率の低下は{margin}以内（信頼水準"
            "{confidence}）、有効期限{expires}。"
        ),
    ),
    "holds_uncertified": (
        "The passport is genuine, and certifies no plan ({verdict}): {label} on {model}, until {expires}.",
        (
            "このパスポートは真正ですが、プランを保証するものではありません（{verdict}）：{model}、プラン"
            "{label}、有効期限{expires}。"
        ),
    ),
    "judged": (
        ("Answers were judged by a language model ({model}), not checked; people labelled {labels} of them."),
        ("回答は照合ではなく言語モデル（{model}）が判定したものです。うち人が判定したものは{labels}件です。"),
    ),
    "updated": (
        (
            "What the passport is about was updated: the acceptance says whether the promise holds all the "
            "same. Issue a passport of what is served now."
        ),
        (
            "保証の対象が更新されています。約束がなお守られるかどうかを検収で判定します。現在運用しているもの"
            "のパスポートを発行し直してください。"
        ),
    ),
    "refused": ("The passport does not hold.", "このパスポートは有効と認められません。"),
    "planned": (
        (
            "Acceptance by {questions} questions, replies to each: {samples}. A plan that keeps its "
            "promise is contradicted with a chance of at most {alpha}; one that loses {worse} or more is "
            "accepted with at most {beta}. Simulated: it is accepted in {accepted} of worlds where it "
            "loses what the study estimated, and contradicted in {contradicted} of those where it loses "
            "{worse}."
        ),
        (
            "検収：{questions}問、各{samples}回答。約束を守っているプランを不合格とする確率は{alpha}以下、"
            "{worse}以上低下するプランを合格とする確率は{beta}以下です。シミュレーションでは、推定どおりの"
            "低下なら{accepted}で合格、{worse}低下する場合は{contradicted}で不合格になります。"
        ),
    ),
    "figures_too": (
        (
            "When all questions were asked, the study's figures are tested as well (replies compared of "
            "each: {replies}): figures that are true are called not reproduced with a chance of at most "
            "{alpha}, so a passport that is true is refused with at most {both} in all. Simulated: a plan "
            "that loses {tolerance} more than the study estimated is contradicted or not reproduced in "
            "{above} of worlds, one that loses {worse} in {beyond}, and one that loses what was estimated in "
            "{true}."
        ),
        (
            "全問の終了時に、スタディの測定値が再現するかも検定します（各{replies}回答で比較）。測定値が正しい"
            "のに再現せずとする確率は{alpha}以下で、正しいパスポートを退ける確率は合わせて{both}以下です。"
            "シミュレーションで不合格または再現せずとなる割合は、推定より{tolerance}多く低下する場合{above}、"
            "{worse}低下する場合{beyond}、推定どおりの場合{true}です。"
        ),
    ),
    "margin_alone": (
        (
            "The passport does not hold what the study measured reply by reply: only the margin is tested, "
            "and not whether the study's figures are reproduced."
        ),
        (
            "このパスポートには回答ごとの測定値が含まれていないため、許容幅だけを検定します。スタディの測定値"
            "の再現は検定できません。"
        ),
    ),
    "not_comparable": (
        (
            "The server does not draw a trace again by its seed, and the study has too few replies to each "
            "question to be compared without that: the margin alone was tested."
        ),
        (
            "サーバーが同じシードで同じトレースを生成しないうえ、スタディの1問あたりの回答数が比較には足りないた"
            "め、許容幅だけを検定しました。"
        ),
    ),
    "needed": (
        (
            "To decide nine times in ten: {accept} questions to accept a plan that loses what was estimated, "
            "{refuse} to refuse one that loses {worse}."
        ),
        (
            "10回に9回判定できる問題数：推定どおりのプランの合格に{accept}問、{worse}低下するプランを退けるに"
            "は{refuse}問。"
        ),
    ),
    "apart": (
        (
            "Behind a server that does not draw a trace again by its seed, plan and full thinking have no "
            "trace in common and differ more often. Simulated for that: accepted in {accepted} of worlds "
            "where the plan loses what was estimated, refused in {refused} of those where it loses {worse}. "
            "To decide nine times in ten: {accept} questions to accept, {refuse} to refuse."
        ),
        (
            "サーバーが同じシードで同じトレースを生成しない場合、プランと全思考に共通のトレースがなく、結果が異なる"
            "回答が増えます。その場合のシミュレーションでは、推定どおりの低下なら{accepted}で合格、{worse}低下する"
            "場合は{refused}で不合格または再現せずとなり、10回に9回の判定に合格は{accept}問、退けるには{refuse}問"
            "が必要です。"
        ),
    ),
    "apart_alone": (
        "The study has too few replies to each question to be compared there: the margin alone is tested.",
        "この場合、スタディの1問あたりの回答数が比較に足りないため、許容幅だけを検定します。",
    ),
    "never": ("over 20,000", "2万超"),
    "accepted": (
        "Accepted after {asked} questions: loss {loss}, at most {high}.",
        "合格（{asked}問で判定）：低下{loss}、最大{high}。",
    ),
    "contradicted": (
        ("Contradicted after {asked} questions: loss {loss}, at least {low}; at most {margin} was promised."),
        "不合格（{asked}問で判定）：低下{loss}、最小{low}。約束は{margin}以内でした。",
    ),
    "not reproduced": (
        (
            "Not reproduced after {asked} questions: the plan loses {compared} on them and lost {study} in "
            "the study (p = {p}). Either it is not what was measured, or these questions are unlike the "
            "study's. That does not say that the margin of {margin} is broken."
        ),
        (
            "再現せず（{asked}問で判定）：低下はこの{asked}問で{compared}、スタディでは{study}でした"
            "（p = {p}）。測定されたものと異なるか、問題がスタディのものと異なります。許容幅{margin}が"
            "破られたことを意味するものではありません。"
        ),
    ),
    "reproduced": (
        "The study's figures are not contradicted: loss {compared}, in the study {study} (p = {p}).",
        "スタディの測定値とは矛盾しません：低下{compared}、スタディでは{study}（p = {p}）。",
    ),
    "undecided": (
        (
            "Undecided after {asked} questions: loss {loss}, between {low} and {high}. More questions are "
            "needed."
        ),
        "判定不能（{asked}問）：低下{loss}、{low}から{high}の間。さらに問題が必要です。",
    ),
    "sealed_checked": (
        "{count} opened questions are those that were sealed and that the seed draws.",
        "開示された{count}問は、封印時のものであり、指定のシードで抽出されたものと一致しました。",
    ),
    "part_weights": ("other weights", "重みの変更"),
    "part_format": ("another number format of the model", "モデルの数値形式の変更（量子化など）"),
    "part_template": ("another chat template", "チャットテンプレートの変更"),
    "part_engine": ("another engine", "推論エンジンの変更"),
    "part_server": ("another server, or another version of it", "サーバーまたはそのバージョンの変更"),
    "part_versions": ("other versions of libraries", "ライブラリのバージョンの変更"),
    "part_sampling": ("another sampling or limit", "サンプリング・上限の変更"),
    "part_style": ("another prompt", "プロンプトの変更"),
    "part_plan": ("another plan", "プランの変更"),
    "part_margin": ("another margin", "許容幅の変更"),
    "part_questions": ("other questions", "問題の変更"),
    "part_expiry": ("another date of expiry", "有効期限の変更"),
    "effort_sign": (
        "nothing is measured: issue the passport anew",
        "測定は不要です。パスポートを再発行してください",
    ),
    "effort_replay": (
        "replay over the recording: karui choose RECORDING",
        "記録の再生だけで足ります：karui choose RECORDING",
    ),
    "effort_accept": (
        (
            "an acceptance by sampling: karui passport verify --updated --reproduce N; where it does not "
            "accept, record"
        ),
        (
            "抜取検収で足ります：karui passport verify --updated --reproduce N。合格しない場合は記録し直して"
            "ください"
        ),
    ),
    "effort_record": ("record and choose anew: karui poc", "記録と選択をやり直してください：karui poc"),
    "diff_none": ("Nothing that the promise rests on has changed.", "保証の前提に変更はありません。"),
    "diff_line": ("{part}: {effort}", "{part}：{effort}"),
    "diff_total": (
        (
            "The cheapest re-evaluation: {effort}. About {questions} questions and {tokens} tokens; all "
            "anew would take {full}."
        ),
        "最小の再評価：{effort}。約{questions}問、{tokens}トークン（すべてやり直すと{full}トークン）。",
    ),
}
