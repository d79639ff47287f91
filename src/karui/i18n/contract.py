"""Texts of the contract sheet: English, then Japanese."""

from karui.i18n.words import Table

CONTRACT: Table = {
    "title": ("Contract sheet: {label} on {model}", "契約シート：{model}（プラン {label}）"),
    "made_of": (
        (
            "Made of passport {id}, issued by {issuer} on {issued}, whose signature was checked. Figures "
            "are the passport's; what karui does not know is marked, and left to the parties. This sheet "
            "is no legal advice."
        ),
        (
            "{issuer}が{issued}に発行したパスポート{id}（署名確認済み）から作成しました。数値はパスポートの"
            "値です。karuiが答えられない項目はその旨を示し、当事者の記入欄としています。本書は法的助言では"
            "ありません。"
        ),
    ),
    "nobody": ("an issuer who is not named", "発行者名の記載なし"),
    "item": ("Item", "項目"),
    "value": ("Value", "内容"),
    "guarantee": ("1. Guarantee", "1. 保証"),
    "conditions": ("2. Conditions", "2. 条件"),
    "monitoring": ("3. Monitoring", "3. 監視"),
    "fallback": ("4. Fallback", "4. フォールバック"),
    "reevaluation": ("5. Acceptance and re-evaluation", "5. 検収と再評価"),
    "responsibilities": ("6. Responsibilities", "6. 責任分担"),
    "clauses": ("7. Clause by clause", "7. 条項との対応"),
    "to_agree": ("To be agreed by the parties: ______", "当事者間で合意：＿＿＿＿＿＿"),
    "plan": ("Plan", "プラン"),
    "verdict": ("Verdict of the study", "スタディの判定"),
    "verdict_certified": ("certified", "保証済み"),
    "verdict_promising": ("promising, not certified", "有望（保証なし）"),
    "verdict_not supported": ("not supported", "支持されない"),
    "verdict_baseline": ("full thinking itself", "全思考そのもの"),
    "promised": ("Promised", "約束の内容"),
    "promised_value": (
        "a loss of {about} of at most {margin} against full thinking, at {confidence} confidence",
        "全思考に対する{about}の低下が{margin}以内（信頼水準{confidence}）",
    ),
    "not_promised": ("nothing: the study certified no plan", "なし（スタディはプランを保証していません）"),
    "accuracy_word": ("accuracy", "正答率"),
    "agreement_word": ("agreement with full thinking", "全思考との一致率"),
    "loss": ("Estimated loss, with its one-sided bounds", "低下の推定値と片側限界"),
    "loss_value": ("{loss} ({range})", "{loss}（{range}）"),
    "accuracy": ("Level reached, 95% interval", "達成値（95%区間）"),
    "accuracy_value": ("{value} ({range})", "{value}（{range}）"),
    "questions": ("Questions it rests on", "根拠となる問題"),
    "questions_value": (
        "{name}: {tested} tested, {units} independent",
        "{name}：検証{tested}問（独立{units}件）",
    ),
    "judge": ("Answers judged by", "回答の判定"),
    "judge_value": (
        "a language model, {model}; {labels} labelled by people",
        "言語モデル{model}、うち人による判定{labels}件",
    ),
    "checked": ("the verifier {verifier}", "検証器 {verifier}"),
    "live": ("Confirmed live", "実地確認"),
    "live_value": (
        "{questions} other questions: loss {loss} ({low} to {high})",
        "別の{questions}問：低下{loss}（{low}〜{high}）",
    ),
    "none": ("none", "なし"),
    "unknown": ("not known", "不明"),
    "tokens": ("Tokens per question", "1問あたりトークン数"),
    "seconds": ("Seconds per reply, p50 and p95", "1回答の秒数（p50、p95）"),
    "measured": ("measured live", "実測"),
    "estimated": ("estimated from the recording", "記録からの推定"),
    "memory": ("Memory", "メモリ"),
    "energy": ("Energy per question", "1問あたりエネルギー"),
    "energy_value": (
        "{joules} J ({source}; from the joules per token of the whole machine while recording)",
        "{joules} J（{source}、記録時のマシン全体のトークンあたりの値から推定）",
    ),
    "energy_none": (
        "not measured: the machine has no counter that could be read",
        "未測定（読み取れるカウンターなし）",
    ),
    "cost": ("Cost of 1,000 questions", "1,000問あたり費用"),
    "model": ("Model", "モデル"),
    "files": ("SHA-256 over the model's files", "モデルのファイル全体のSHA-256"),
    "engine": ("Engine, server", "推論エンジン・サーバー"),
    "sampling": ("Sampling and limits", "サンプリングと上限"),
    "versions": ("Versions", "バージョン"),
    "machine": ("Measured on", "測定環境"),
    "kinds": ("Kinds of question", "問題の種類"),
    "valid": ("Valid", "有効期間"),
    "valid_value": ("{issued} to {expires}", "{issued}〜{expires}"),
    "voids": ("Ended by", "失効事由"),
    "void_WEIGHTS": ("other weights, configuration or tokenizer", "重み・設定・トークナイザーの変更"),
    "void_TEMPLATE": ("another chat template", "チャットテンプレートの変更"),
    "void_ENGINE": ("another engine", "推論エンジンの変更"),
    "void_SERVER": ("another server or version of it", "サーバーまたはそのバージョンの変更"),
    "void_SAMPLING": ("another sampling or limit", "サンプリング・上限の変更"),
    "void_PLAN": ("another plan", "プランの変更"),
    "void_TRAFFIC": ("other questions than those it was measured on", "測定した問題と異なる質問"),
    "void_EXPIRY": ("the end of its time", "有効期限"),
    "watch": ("What is watched", "監視の対象"),
    "watch_value": (
        (
            "Behind karui's gateway: thinking length, confidence, agreement of trials, truncation, errors "
            "and canary questions against the study, with a bounded chance of a false alarm. Without it, "
            "karui watches nothing."
        ),
        (
            "karuiのゲートウェイ経由の場合：思考の長さ、確信度、試答の一致、打ち切り、エラー、カナリア問題"
            "をスタディと比較し、誤警報の確率を抑えて検知します。ゲートウェイを使わない場合、karuiは監視し"
            "ません。"
        ),
    ),
    "limits": ("Limits on time and cost", "時間と費用の上限"),
    "limit_first_answer": (
        "first answer token within {limit} in 95% of requests (bound {bound})",
        "95%のリクエストで回答の最初のトークンまで{limit}以内（限界{bound}）",
    ),
    "limit_cost": (
        "at most {limit} for 1,000 questions (bound {bound})",
        "1,000問あたり{limit}以内（限界{bound}）",
    ),
    "and": ("; ", "、"),
    "who_watches": ("Who watches, how often, who is told", "監視の担当・頻度・連絡先"),
    "what_fallback": ("When it goes wrong", "異常時の動作"),
    "fallback_full": ("full thinking", "全思考に戻す"),
    "how_fast": ("How fast, and who decides", "切り替えの時間と判断者"),
    "acceptance": (
        "Acceptance by sampling (5 points beyond the margin, both errors 5%)",
        "抜取検収（許容幅を5ポイント超える悪化を検出、両誤り5%）",
    ),
    "acceptance_value": (
        (
            "{accept} questions to accept, {refuse} to refuse, nine times in ten: karui passport "
            "verify --reproduce N"
        ),
        ("10回に9回の判定に、合格は{accept}問、退けるには{refuse}問（karui passport verify --reproduce N）"),
    ),
    "acceptance_apart": (
        "; behind a server that does not draw a trace again by its seed, {accept} and {refuse}",
        "。サーバーが同じシードで同じトレースを生成しない場合は、それぞれ{accept}問、{refuse}問",
    ),
    "over": ("over 20,000", "2万超"),
    "sealed": ("Sealed questions", "封印された問題"),
    "sealed_value": ("{count}, root {root}…", "{count}問（ルート {root}…）"),
    "when": ("Measured again when", "再評価の時期"),
    "when_value": ("any of the reasons above ends the promise", "上記の失効事由のいずれかが生じたとき"),
    "supplier": ("Supplier answers for", "提供者の責任"),
    "buyer": ("User answers for", "利用者の責任"),
    "remedy": ("What follows where the promise is broken", "約束が破られた場合の措置"),
    "standard": ("Document", "文書"),
    "clause": ("Clause", "条項"),
    "topic": ("What it asks for", "求められる内容"),
    "answer": ("What answers it", "回答"),
    "not_karui": ("karui does not answer this.", "karuiでは回答できません。"),
    "clause_note": (
        (
            "An answer is evidence for a clause and no conformity with it: every clause asks for more than a "
            "figure. Numbers of AI事業者ガイドライン are those of version 1.1. The text of version 1.2 "
            "(2026-03-31) was not at hand when this table was made: its two rows name themes from reports of "
            "it, and whether its numbers are still the same was not checked. Of METI's checklist only themes "
            "are named. The EU form is that of the General-Purpose AI Code of Practice (July 2025). Of "
            "ISO/IEC 42001:2023 those clauses are listed that a promise of performance touches."
        ),
        (
            "回答は条項の裏付けであり、条項への適合を示すものではありません。どの条項も数値以上のことを求めています。"
            "AI事業者ガイドラインの番号は第1.1版のものです。第1.2版（2026年3月31日）の本文は本表の作成時に参照して"
            "おらず、第1.2版の2行は報道等による主題のみで、番号が第1.1版と同じかどうかも確認していません。経済産業省の"
            "チェックリストも項目の主題のみです。EUの様式は汎用AI行動規範（2025年7月）です。"
            "ISO/IEC 42001:2023は性能の約束に関わる条項だけを挙げています。"
        ),
    ),
    "at_most_certified": ("loss at most {bound}", "低下は最大{bound}"),
    "at_most_none": ("no loss is certified", "保証された低下の上限なし"),
    "at_most_baseline": ("no plan: full thinking itself", "プランなし（全思考そのもの）"),
    "loss_baseline": ("none: this is full thinking itself", "なし（全思考そのもの）"),
}
