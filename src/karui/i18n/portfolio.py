"""Texts of a portfolio's page and of `karui portfolio`: English, then Japanese."""

from karui.i18n.words import Table

PORTFOLIO: Table = {
    "title": ("Portfolio of proofs of concept", "PoCポートフォリオ"),
    "lead": (
        "{n} proofs of concept, ranked by the low end of their return over {months} months. {date}.",
        "PoC {n}件を、{months}か月のROIの下限が高い順に並べています。{date}現在。",
    ),
    "certified_value": (
        "What is certified returns {range} over {months} months, all costs subtracted.",
        "保証済みのプランの{months}か月の収支は、費用をすべて差し引いて{range}です。",
    ),
    "nothing_certified": ("Nothing is certified yet.", "保証されたプランはまだありません。"),
    "ranking": ("Ranking", "順位"),
    "roi_picture": (
        (
            "ROI over {months} months: the bar is the range, the line is break-even (0%). The scale is "
            "logarithmic away from it."
        ),
        "{months}か月のROI。帯は範囲、縦線は損益分岐（0%）です。目盛りは0%から離れると対数です。",
    ),
    "team": ("Team", "担当"),
    "plan": ("Plan", "プラン"),
    "full": ("full thinking", "全思考"),
    "verdict": ("Verdict", "判定"),
    "certified": ("certified", "保証済み"),
    "promising": ("promising, not certified", "有望（未保証）"),
    "not supported": ("not supported", "支持されない"),
    "baseline": ("full thinking stays", "全思考のまま"),
    "withdrawn": ("contradicted by the live run", "実地確認で否定"),
    "open": ("not known yet", "未確定"),
    "failing": ("full thinking itself fails", "全思考そのものが不調"),
    "accuracy": ("Accuracy", "正答率"),
    "accuracy_value": ("{full} → {plan}; loses at most {high}", "{full} → {plan}、低下は最大{high}"),
    "accuracy_full": ("{full} with full thinking", "全思考で{full}"),
    "tokens": ("Tokens saved", "トークン削減"),
    "saving": ("Saved a month", "月間削減額"),
    "net": ("Net a month", "月間純額"),
    "invested": ("Invested", "投資額"),
    "roi": ("ROI", "ROI"),
    "payback": ("Earned back after", "回収期間"),
    "break_even": ("Breaks even from", "損益分岐の件数"),
    "break_even_value": ("{n} questions a month", "月{n}問"),
    "took": ("took {spent}", "所要{spent}"),
    "took_value": ("{tokens} tokens, {hours}", "{tokens}トークン、{hours}"),
    "took_money": ("{took}, {money}", "{took}、{money}"),
    "hours_value": ("{n} hours", "{n}時間"),
    "minutes_value": ("{n} minutes", "{n}分"),
    "expected": ("Will take at most", "今後の所要（最大）"),
    "report": ("Report", "レポート"),
    "scale": ("Scale", "展開する"),
    "hold": ("Decide", "判断が必要"),
    "more": ("More questions", "問題を追加"),
    "label": ("Label answers", "ラベル付け"),
    "resume": ("Resume", "再開する"),
    "begin": ("Begin", "開始する"),
    "fix": ("Fix", "修正する"),
    "stop": ("Stop", "中止する"),
    "why_gains": (
        "The plan is certified, and even the low end of its return is a gain.",
        "プランは保証済みで、収支の下限でも利益になります。",
    ),
    "why_may gain": (
        "The plan is certified, but whether it pays depends on the volume and the costs assumed.",
        "プランは保証済みですが、採算は想定した件数と費用によります。",
    ),
    "why_unpriced": (
        (
            "The plan is certified. Its return is not known: the file states no prices that fit, or no "
            "questions a month."
        ),
        "プランは保証済みです。価格か月間の問題数がファイルにないため、収支は計算できません。",
    ),
    "why_loses": (
        "At the assumed volume it costs more than it can save.",
        "想定した件数では、削減できる額より費用のほうが大きくなります。",
    ),
    "why_no plan": (
        "No plan gains anything on these questions.",
        "この問題群で得になるプランはありません。",
    ),
    "why_withdrawn": (
        "The live run on other questions contradicted the choice.",
        "別の問題での実地確認が、この選択を否定しました。",
    ),
    "why_baseline": (
        "Full thinking itself fails on these questions: mend that first (see its report).",
        "この問題群では全思考そのものがうまくいっていません。先に直してください（レポート参照）。",
    ),
    "why_error": ("It could not be run: {failure}", "実行できませんでした：{failure}"),
    "why_not proven": (
        "The plan is promising. About {n} more questions certify it four times in five.",
        "プランは有望です。あと約{n}問あれば、5回に4回は保証できます。",
    ),
    "why_too few": (
        "Too few questions to certify anything at this margin: {n} more are needed at least.",
        "この許容幅で保証するには問題が足りません。少なくともあと{n}問必要です。",
    ),
    "why_hopeless": (
        "The plan is not certified, and no number of questions is expected to change that.",
        "プランは保証されず、問題を増やしても変わる見込みがありません。",
    ),
    "why_labels": (
        "A judge judged the answers: some have to be labelled by hand first (`karui label`).",
        "回答は判定モデルが評価しました。先に一部を人手でラベル付けしてください（`karui label`）。",
    ),
    "why_unfinished": (
        "It was interrupted; the same command goes on where it stood.",
        "中断しています。同じコマンドで続きから再開します。",
    ),
    "why_budget": (
        "The budget of {limit} does not hold it: it takes up to {needs}, and {left} are left.",
        "{limit}の予算に収まりません。最大{needs}かかり、残りは{left}です。",
    ),
    "why_its turn": ("Its turn has not come.", "まだ順番が来ていません。"),
    "next": ("The next month", "翌月の計画"),
    "next_lead": (
        "What pays first, then what may, as far as the budget holds ({budget}).",
        "確実に得になるものから順に、予算（{budget}）の範囲で並べています。",
    ),
    "no_limit": ("no limit was stated", "上限の指定なし"),
    "what": ("What", "内容"),
    "poc": ("Proof of concept", "PoC"),
    "further": ("Questions", "追加の問題数"),
    "takes": ("Takes at most", "所要（最大）"),
    "may_return": ("May return", "見込み収支"),
    "in_budget": ("In the budget", "予算内"),
    "yes": ("yes", "はい"),
    "no": ("no", "いいえ"),
    "nothing_left": ("Nothing is left to do.", "残っている作業はありません。"),
    "to_stop": ("Stopped, and not in the plan: {names}.", "中止（計画に含めないもの）：{names}。"),
    "budget": ("Budget", "予算"),
    "limit": ("Limit", "上限"),
    "spent": ("Spent", "使用"),
    "left": ("Left", "残り"),
    "unit_tokens": ("tokens", "トークン"),
    "unit_hours": ("hours", "時間"),
    "unit_money": ("money", "金額"),
    "unlimited": ("none", "なし"),
    "assumed": ("Assumed, not measured", "仮定（測定値ではないもの）"),
    "shared": ("Shared by all: {values}.", "共通：{values}。"),
    "no_prices": ("no prices were stated", "価格の指定なし"),
    "volume": ("Questions a month", "月間問題数"),
    "one_off": ("One-off", "一時費用"),
    "operating": ("Operating a month", "月間運用費"),
    "per_error": ("One more error costs", "誤り1件の費用"),
    "unstated": ("not stated", "未指定"),
    "how": ("How it is reckoned", "計算方法"),
    "how_text": (
        (
            "ROI = ({months} × net a month − invested) / invested. Net a month is what fewer tokens save, "
            "less operating and the cost of more errors; invested is the cost of the study and what is paid "
            "once. Tokens, accuracy and what the study took are measured; volumes, prices and other costs "
            "are stated in the file. A range takes both ends of the measured intervals at once, so it is "
            "wider than 95%. A plan that is not certified has the loss of what its study took as its low end."
        ),
        (
            "ROI =（{months} × 月間純額 − 投資額）÷ 投資額。月間純額は、トークン削減額から運用費と誤りの増加"
            "による費用を引いた額です。投資額は、検証にかかった費用と一時費用の合計です。トークン、正答率、"
            "検証の所要は測定値で、件数、価格、その他の費用はファイルで指定した値です。範囲は測定区間の両端を"
            "同時にとるため、95%より広くなります。未保証のプランでは、検証費用を失う場合を下限とします。"
        ),
    ),
    "machine": ("Machine: {machine}.", "実行環境：{machine}。"),
    "written": ("Written by karui {version}.", "karui {version}で作成。"),
    "price_prompt": ("prompt tokens {price} a million", "プロンプト100万トークン{price}"),
    "price_cached": ("cached tokens {price} a million", "キャッシュ100万トークン{price}"),
    "price_output": ("generated tokens {price} a million", "生成100万トークン{price}"),
    "machine_price_per_hour": ("a machine's hour {price}", "マシン1時間{price}"),
    "peak_questions_per_second": ("{n} questions a second at the peak", "ピーク毎秒{n}問"),
    "hours": ("{n} machine hours a month", "月{n}マシン時間"),
}
