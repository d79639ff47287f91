"""Strings of the first screen: decision, facts for the manager, savings."""

FIRST: dict[str, tuple[str, str]] = {
    # The nouns that change when there are no references
    "accuracy": ("accuracy", "正答率"),
    "agreement": ("agreement with the full model", "フルモデルとの一致率"),
    "right": ("right", "正解"),
    "wrong": ("wrong", "不正解"),
    "agrees": ("same as the full model", "一致"),
    "differs": ("different from the full model", "不一致"),
    "reference": ("Reference", "正解例"),
    "majority": ("Full model’s majority", "フルモデルの多数決"),
    # Head and decision
    "title": ("{model} on {task}: karui report", "{model}（{task}）軽量化の評価レポート"),
    "kicker": ("Evaluation of a lighter reasoning model", "推論モデル軽量化の評価レポート"),
    "about_model": ("Model {model}", "モデル：{model}"),
    "about_task": ("task {task}", "業務・課題：{task}"),
    "about_date": ("{date}", "作成日：{date}"),
    "agreement_note": (
        (
            "There were no reference answers. Everything here says how often a plan agrees with the "
            "full model’s majority answer, not how often it is right."
        ),
        (
            "正解データがないため、本レポートの数値は「フルモデルの多数決の答えと一致した割合」です。答"
            "えが正しいかどうかを示すものではありません。"
        ),
    ),
    "decision": ("Decision", "判定"),
    "adopt": ("Adopt", "採用を推奨します"),
    "pilot": ("Pilot", "限定的な試験導入を推奨します"),
    "collect": ("Collect {more} more test questions", "検証用の問題があと{more}問必要です"),
    "collect_unknown": ("Collect more questions", "問題の追加が必要です"),
    "nothing": ("Nothing to gain", "現状維持を推奨します"),
    "withdrawn": ("Withdrawn", "採用を取り消します"),
    "lead_adopt": (
        ("The same work with {ratio} of the tokens: the loss of {accuracy} stays within the agreed limit."),
        "トークン量を現状の{ratio}に減らしても、{accuracy}の低下は許容範囲に収まります。",
    ),
    "lead_pilot": (
        (
            "Promising, not proven: with {ratio} of the tokens the estimated loss of {accuracy} is "
            "within the limit, but these questions cannot rule out a larger one."
        ),
        (
            "トークン量は現状の{ratio}で、{accuracy}の低下も推定では許容範囲内です。ただし今回の問題数"
            "では、それ以上の低下がないとまでは言い切れません。"
        ),
    ),
    "lead_collect": (
        ("A plan with {ratio} of the tokens looks good, but there are too few test questions to prove it."),
        "トークン量を現状の{ratio}に減らせる有望なプランがありますが、証明には問題数が足りません。",
    ),
    "lead_collect_none": (
        "There are too few test questions to prove anything at this limit.",
        "問題数が少ないため、この許容範囲ではまだ何も証明できません。",
    ),
    "lead_nothing": (
        (
            "No plan was found that thinks less and keeps the loss of {accuracy} within the agreed "
            "limit. Full thinking stays."
        ),
        (
            "思考を減らしつつ{accuracy}の低下を許容範囲に収めるプランは見つかりませんでした。現状の設定"
            "のまま運用してください。"
        ),
    ),
    "lead_withdrawn": (
        (
            "Run live on other questions, the plan lost more {accuracy} than agreed. Full thinking "
            "stays in place."
        ),
        (
            "別の問題で実際に動かしたところ、{accuracy}の低下が許容範囲を超えました。現状の設定のまま運"
            "用してください。"
        ),
    ),
    "rule": (
        "Rule: a loss of at most {margin}, at {level} confidence.",
        "判定基準：低下は{margin}以内（信頼度{level}）。",
    ),
    "rule_found": (
        (
            "Estimated loss {loss}, one-sided {level} bounds {bounds}, on {n} test questions ({tested} "
            "of {space} plans were tested, in an order fixed beforehand)."
        ),
        (
            "{n}問で検証した結果、低下の推定値は{loss}、片側{level}限界は{bounds}です（候補{space}プラ"
            "ンのうち{tested}プランを、あらかじめ決めた順に検定）。"
        ),
    ),
    "rule_none": (
        "{space} plans were considered on {n} test questions; none passed.",
        "{n}問を使って{space}プランを検討し、基準を満たすものはありませんでした。",
    ),
    "negative_is_gain": ("A negative loss is a gain.", "マイナスの値は改善を表します。"),
    "confirmed": (
        "Confirmed live on {n} other questions: loss {loss} ({bounds}), {ratio} of the tokens.",
        "別の{n}問で実際に動かして確認済み：低下{loss}（{bounds}）、トークン量{ratio}。",
    ),
    "contradicted": (
        "But live, on {n} other questions: loss {loss} ({bounds}), {ratio} of the tokens.",
        "別の{n}問での実測では、低下{loss}（{bounds}）、トークン量{ratio}でした。",
    ),
    "sight": (
        "So many questions would have shown a loss of {double} with a chance of {chance}.",
        "この問題数で{double}の低下があれば、{chance}の確率で検出できました。",
    ),
    "not_confirmed": ("Not yet run live on other questions.", "別の問題での実測確認はまだ行っていません。"),
    "plan_in_question": ("The plan", "対象プラン"),
    "tokens_now": ("Full thinking", "現状（最後まで思考）"),
    "tokens_then": ("This plan", "このプラン"),
    "tokens_per_question": ("Tokens generated per question", "1問あたりの生成トークン数"),
    "loss_picture": ("Loss of {accuracy} against the limit", "{accuracy}の低下と許容範囲"),
    "loss_picture_note": (
        "bar: one-sided {level} bounds; dot: estimate",
        "帯：片側{level}限界　点：推定値",
    ),
    "limit": ("limit", "許容限度"),
    "gain_side": ("gain", "改善"),
    "loss_side": ("loss", "低下"),
    # Facts for the manager
    "facts": ("What it means in practice", "実務への影響と対応"),
    "worst_kind": ("Worst affected kind", "最も影響を受ける種類"),
    "worst_kind_value": ("{kind}: loses {loss} on {n} questions", "{kind}：{n}問で{loss}低下"),
    "worst_kind_none": (
        "No kind loses (least gain: {kind})",
        "低下した種類はありません（改善が最小：{kind}）",
    ),
    "lost_questions": ("Questions lost", "新たに間違える問題"),
    "lost_value": ("{lost} of {n}; {won} won", "{n}問中{lost}問（逆に正解になる問題：{won}問）"),
    "lost_value_agreement": (
        "{lost} of {n} no longer agree; {won} newly agree",
        "{n}問中{lost}問で不一致に（逆に一致する問題：{won}問）",
    ),
    "confident_wrong_fact": ("{Wrong} with confidence", "自信をもった{wrong}"),
    "from_to": ("{before} before, {after} with the plan", "{before} → {after}"),
    "fallback": ("Fallback", "切り戻し先"),
    "full thinking": ("full thinking", "最後まで思考（現状の設定）"),
    "next_step": ("Next step", "今後の対応"),
    "next_adopt": (
        (
            "Introduce it for part of the traffic, keep the fallback ready, and repeat this study when "
            "the model or the questions change."
        ),
        (
            "まず一部の利用から切り替え、いつでも切り戻せる状態にしておきます。モデルや問題の傾向が変わ"
            "ったら再評価してください。"
        ),
    ),
    "next_adopt_unconfirmed": (
        "Run it live on questions it was not chosen on before it goes into service.",
        "本番投入の前に、選定に使っていない問題で実際に動かして確認してください。",
    ),
    "next_pilot": (
        "Try it on a small part of the traffic and check its answers.",
        "利用範囲を絞って試し、答えを人が確認してください。",
    ),
    "next_pilot_more": (
        (
            "Try it on a small part of the traffic and check its answers; {more} more test questions "
            "would probably settle it."
        ),
        (
            "利用範囲を絞って試し、答えを人が確認してください。検証用の問題があと{more}問あれば、結論が"
            "出る見込みです。"
        ),
    ),
    "next_collect": (
        (
            "Add more questions with answers to the file and run the same command again: what was recorded "
            "is kept, and the test goes on. Of four recorded questions about three test plans, and one "
            "chooses their order."
        ),
        (
            "答えのわかる問題をファイルに追加し、同じコマンドを再実行してください。記録済みの分はそのまま使わ"
            "れ、検定は続きから進みます。記録した問題の約4分の3が検証に、約4分の1が検定順の決定に使われます。"
        ),
    ),
    "next_nothing": (
        "Leave the settings as they are. Repeat the study when the model or the questions change.",
        "設定は変えずに運用を続けてください。モデルや問題の傾向が変わったら再評価してください。",
    ),
    "next_nothing_more": (
        (
            "Leave the settings as they are. These questions are too few to certify any plan: {more} more "
            "are the least that could."
        ),
        (
            "設定は変えずに運用を続けてください。問題数が少なく、どのプランも保証できません。保証には少なく"
            "ともあと{more}問が必要です。"
        ),
    ),
    "next_withdrawn": (
        (
            "Stay with full thinking. Try no other plan on the same questions: collect new ones and "
            "repeat the study."
        ),
        (
            "現状の設定を続けてください。同じ問題で別のプランを試すと結果が甘くなるため、新しい問題を集"
            "めて再評価してください。"
        ),
    ),
    "unknown": ("not measured", "未測定"),
    "no_kinds": ("questions have no kinds", "問題に種類の区分なし"),
    # Savings
    "savings": ("Money saved", "削減できる費用"),
    "savings_would": ("Money it would save, if it holds", "効果が確認できた場合に削減できる費用"),
    "mode": ("Calculation", "計算方法"),
    "mode_token": ("Paid per token (API)", "トークン課金（API利用）"),
    "mode_machine": ("Own or rented machines", "自社・レンタルのサーバー"),
    "per_month": ("per month", "1か月あたり"),
    "payback": ("Payback", "投資回収"),
    "payback_at_once": ("at once (no one-off cost)", "即時（初期費用なし）"),
    "earned_back": ("Making is earned back after", "モデル作成費の回収まで"),
    "first_year": ("First year, less one-off costs", "初年度（初期費用を差引）"),
    "machines_needed": ("Machines at the peak", "ピーク時のサーバー台数"),
    "machines_value": ("{before} today, {after} with the plan", "現状{before}台 → {after}台"),
    "enter_missing": ("Enter the missing figures to see it.", "未入力の項目を入れると計算されます。"),
    "impossible": (
        "Some figures are unusable: numbers of at least 0, throughput above 0.",
        "使えない値があります。0以上（処理能力は0より大）の数値を入れてください。",
    ),
    "no_savings": (
        "None: the settings stay as they are.",
        "なし：現状の設定を続けるため、削減は見込みません。",
    ),
    "savings_withdrawn": (
        "None: the live run contradicted the plan, so no saving is claimed.",
        "なし：実測で許容範囲を超えたため、削減は見込みません。",
    ),
    "why_nothing": ("Why", "理由"),
    "why_value": ("{reason} ({count})", "{reason}（{count}）"),
    "no_ratio": (
        "Too few questions for a range of savings.",
        "問題数が少なく、削減額の範囲を計算できません。",
    ),
    "assumptions": ("Assumptions", "前提条件"),
    "assumption": ("assumption, edit me", "仮定値（要変更）"),
    "stated": ("stated", "入力値"),
    "measured": ("measured", "実測値"),
    "edited": ("edited", "変更済み"),
    "range_note_token": (
        ("The range is the {level} interval of the token ratio, {ratios}, replayed on {n} test questions."),
        "金額の幅は、{n}問の検証で得たトークン比率の{level}信頼区間（{ratios}）に基づきます。",
    ),
    "range_note_machine": (
        (
            "Whole machines at the stated peak. Throughput with the plan: the measured tokens per "
            "second over its tokens per question ({ratios} of today’s)."
        ),
        (
            "ピーク時に必要な台数を切り上げて計算。導入後の処理能力は、実測の毎秒トークン数と1問あたり"
            "のトークン数（現状の{ratios}）から求めた値です。"
        ),
    ),
    "currency": ("Currency", "通貨"),
    "price_prompt": ("Price of prompt tokens", "入力トークン単価"),
    "price_cached": ("Price of cached prompt tokens", "キャッシュ済み入力の単価"),
    "price_output": ("Price of generated tokens", "生成トークン単価"),
    "questions_per_month": ("Questions", "質問数"),
    "one_off": ("One-off cost", "初期費用"),
    "machine_price_per_hour": ("Price of a machine", "サーバー単価"),
    "peak_questions_per_second": ("Peak", "ピーク時の質問数"),
    "machine_tokens_per_second": ("Throughput of a machine", "サーバー1台の処理能力"),
    "hours": ("Hours paid for", "課金時間"),
    "making_hours": ("Making the versions", "モデルの作成"),
    "unit_hours": ("machine hours", "サーバー時間"),
    "unit_per_million": ("per million", "100万トークン"),
    "unit_per_month": ("per month", "／月"),
    "unit_once": ("once", "1回のみ"),
    "unit_per_hour": ("per hour", "／時間"),
    "unit_per_second": ("per second", "／秒"),
    "unit_tokens_per_second": ("tokens per second", "トークン／秒"),
    "unit_hours_per_month": ("hours a month", "時間／月"),
    "reset": ("Reset", "元に戻す"),
}
