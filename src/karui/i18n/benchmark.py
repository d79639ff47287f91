"""Texts of the benchmark's page and table: English, then Japanese."""

from karui.i18n.words import Table

BENCHMARK: Table = {
    "lead": (
        (
            "Methods that make reasoning cheaper, each measured against full thinking and against controls "
            "that cost as much. Figures are compared within one question set only, never across two."
        ),
        (
            "推論を軽くする手法を、全思考と、同じコストの対照とに対して測った結果です。比較は同じ問題セット"
            "の中だけで行い、異なる問題セットの値は比べません。"
        ),
    ),
    "counts": (
        "{cells} cells: {methods} methods, {models} models, {sets} question sets.",
        "{cells}セル：{methods}手法、{models}モデル、{sets}問題セット。",
    ),
    "made": ("Suite {suite}, version {version}; {date}", "スイート {suite}、バージョン {version}；{date}"),
    "language": ("Language", "言語"),
    "show": ("What is shown", "表示の設定"),
    "set": ("Question set", "問題セット"),
    "axis": ("Compare at equal", "揃えるコスト"),
    "axis_tokens": ("tokens", "トークン"),
    "axis_flops": ("FLOPs", "FLOPs"),
    "axis_latency": ("latency", "レイテンシー"),
    "model": ("Model", "モデル"),
    "all_models": ("all models", "すべてのモデル"),
    "search": ("Method contains", "手法名で絞り込む"),
    "families": ("Families", "系統"),
    "family_baseline": ("full thinking", "全思考"),
    "family_shorter": ("shorter", "思考を短く"),
    "family_smaller": ("smaller", "モデルを小さく"),
    "family_faster": ("faster", "思考を賢く使う"),
    "family_control": ("control", "対照"),
    "only": ("Only", "限定"),
    "only_frontier": ("the frontier", "フロンティア上のみ"),
    "only_better": ("better than {control}", "{control}より良いもの"),
    "shown": ("{n} of {total} rows", "{total}行中{n}行"),
    "questions": ("Questions", "問題数"),
    "licence": ("Licence of the questions", "問題のライセンス"),
    "source": ("Source", "出典"),
    "digest": ("Digest", "ダイジェスト"),
    "n_questions": ("{n} questions", "{n}問"),
    "caption": (
        "{set}: every setting of every method, {n} questions. Press a heading to sort.",
        "{set}：全手法の全設定、{n}問。見出しを押すと並べ替えます。",
    ),
    "method": ("Method", "手法"),
    "accuracy": ("Accuracy", "正答率"),
    "interval": ("95% interval", "95%区間"),
    "tokens": ("Tokens", "トークン"),
    "words": ("Words", "語数"),
    "of_full": ("of full thinking", "全思考比"),
    "flops": ("FLOPs", "FLOPs"),
    "latency": ("Latency", "レイテンシー"),
    "steps": ("{n} in a row", "逐次{n}"),
    "against_full": ("Against full thinking", "全思考との差"),
    "points": ("points", "ポイント"),
    "against": ("Against {control}", "{control}との差"),
    "at_equal_tokens": ("at equal tokens, points", "同トークン、ポイント"),
    "at_equal_flops": ("at equal FLOPs, points", "同FLOPs、ポイント"),
    "at_equal_latency": ("at equal latency, points", "同レイテンシー、ポイント"),
    "truncated": ("Cut", "打ち切り"),
    "unanswered": ("No answer", "回答なし"),
    "looped": ("Loops", "ループ"),
    "aes": ("AES", "AES"),
    "ock": ("OckScore", "OckScore"),
    "evidence": ("Evidence", "根拠"),
    "engine_not stated": ("not stated", "記載なし"),
    "measured_live": ("live", "実測"),
    "measured_replayed": ("replayed", "再生"),
    "measured_imported": ("imported", "取り込み"),
    "samples": ("{n} replies each", "各{n}回答"),
    "by": ("by {who}", "測定：{who}"),
    "better": ("better", "良い"),
    "worse": ("worse", "悪い"),
    "undecided": ("no difference shown", "差は示されない"),
    "method_full-thinking": ("full thinking", "全思考"),
    "method_chosen-plan": ("chosen plan", "選ばれたプラン"),
    "method_plain-control": ("plain control", "単純な対照"),
    "method_random-exit": ("random exit", "ランダム終了"),
    "levels": ("Accuracy at equal cost", "同じコストでの正答率"),
    "levels_note": (
        (
            "Each method's settings, mixed with each other and with full thinking so that the mean cost is "
            "this share of full thinking's. Below it, the difference to the plain control at the same cost."
        ),
        (
            "各手法の設定どうし、および全思考とを混ぜ、平均コストを全思考に対するこの割合に揃えたときの正答"
            "率です。下段は、同じコストの単純な対照との差です。"
        ),
    ),
    "level": ("{share} of full thinking", "全思考の{share}"),
    "frontier": ("Frontier", "フロンティア"),
    "frontier_alt": (
        "Accuracy against {axis} per reply on {set}. {n} settings; the table below holds every figure.",
        "{set}における正答率と1回答あたりの{axis}。設定は{n}件、数値はすべて下の表にあります。",
    ),
    "x_tokens": ("tokens per reply (logarithmic)", "1回答あたりトークン数（対数）"),
    "x_words": ("words per reply (logarithmic)", "1回答あたり語数（対数）"),
    "x_flops": ("FLOPs per reply (logarithmic)", "1回答あたりFLOPs（対数）"),
    "x_latency": ("tokens one after the other per reply (logarithmic)", "1回答あたり逐次トークン数（対数）"),
    "y": ("accuracy", "正答率"),
    "no_picture": (
        "No cell of this set knows its {axis}; the table says why.",
        "この問題セットには{axis}の分かるセルがありません。理由は表にあります。",
    ),
    "tally": ("Method by method", "手法ごとのまとめ"),
    "tally_note": (
        (
            "How many settings, on all question sets and models, came out better or worse than the "
            "{control} that costs as much. These are verdicts counted, no figures compared. What smaller "
            "models save in memory and in time per token is not in it."
        ),
        (
            "全問題セット・全モデルを通じて、同じコストの{control}より良かった設定、悪かった設定の数です。"
            "判定を数えたもので、値を比べたものではありません。小さくしたモデルが節約するメモリと1トークン"
            "の時間は含みません。"
        ),
    ),
    "pairs": ("Models × sets", "モデル×問題セット"),
    "shares": ("Shares", "割合"),
    "equal_tokens": ("at equal tokens", "同トークン"),
    "equal_flops": ("at equal FLOPs", "同FLOPs"),
    "equal_latency": ("at equal latency", "同レイテンシー"),
    "missing": ("Not measured", "測っていないもの"),
    "missing_note": (
        "{n} cells of the suite are missing: what they would need, and the command that makes it.",
        "スイートのうち{n}セルは未測定です。必要なものと、それを作るコマンドを示します。",
    ),
    "why": ("Why", "理由"),
    "command": ("Command", "コマンド"),
    "refused": ("Settings that could not be measured", "測れなかった設定"),
    "how": ("How to read this", "読み方"),
    "how_intervals": (
        (
            "Every figure is a mean over questions, every interval a 95% t-interval over questions; "
            "several replies to a question count once. Many rows are compared here: one of twenty "
            "differences without substance looks real. An interval certifies nothing."
        ),
        (
            "値はすべて問題についての平均、区間は問題についての95% t区間です。1問に複数の回答があっても1件"
            "と数えます。多数の行を比べるため、実体のない差も20件に1件は本物に見えます。区間は保証ではあり"
            "ません。"
        ),
    ),
    "how_controls": (
        (
            "The plain control cuts full thinking at a fixed length, and above full thinking's cost takes "
            "a majority vote; the random one stops at each checkpoint by lot. A method is compared with "
            "both at its own mean cost, two neighbouring settings of the control mixed to cost as much. A "
            "method that does not beat the plain control at equal tokens saves nothing that a fixed limit "
            "would not."
        ),
        (
            "単純な対照は、全思考を決まった長さで打ち切り、全思考より高いコストでは多数決をとります。ランダ"
            "ム終了は、チェックポイントごとにくじで止めます。各手法は、自身の平均コストに合うように対照の隣"
            "り合う2つの設定を混ぜたものと比べます。同じトークン数で単純な対照に勝てない手法は、固定の上限"
            "以上の節約にはなりません。"
        ),
    ),
    "how_latency": (
        (
            "Seconds are measured where an engine ran, and estimated at the recording's own pace "
            "elsewhere. Equal latency means as many tokens one after the other; it is left out where a "
            "token takes another time (other weights, two models)."
        ),
        (
            "秒数は、エンジンが動いた場合は実測、それ以外は記録時の速度による推定です。「同レイテンシー」は"
            "逐次に生成するトークン数が同じという意味で、1トークンの時間が異なる場合（別の重み、2モデル）は"
            "比べません。"
        ),
    ),
    "how_ended": (
        (
            "Cut: traces that met the model's token limit. A trace that a method ends itself is not cut. "
            "Where it then gives no answer, as under a cap, the reply stands under No answer; so do replies "
            "whose trace was cut, and abstentions."
        ),
        (
            "打ち切り：モデルのトークン上限に達したトレースの割合です。手法自身が止めたトレースは含みません。"
            "手法の上限などで答えないまま止めた回答は「回答なし」に数えます。打ち切られた回答と棄権も同様で"
            "す。"
        ),
    ),
    "how_measured": (
        (
            "Replayed: decided over a recording of the model, no token generated anew. Imported: the same "
            "over a log that others published. Live: an engine ran the method. The digest names the very "
            "files."
        ),
        (
            "再生：モデルの記録の上で手法を動かした値で、新たな生成はしていません。取り込み：他者が公開した"
            "ログに対して同じことをした値です。実測：エンジンで手法を実行した値です。ダイジェストは元のファ"
            "イルを特定します。"
        ),
    ),
    "how_scores": (
        (
            "AES (O1-Pruner, arXiv 2501.12570): saved length, plus 3 times the relative gain or less 5 "
            "times the relative loss of accuracy. OckScore (OckBench, arXiv 2511.05722): accuracy − 10·"
            "log10(tokens/10,000 + 1)."
        ),
        (
            "AES（O1-Pruner、arXiv 2501.12570）：短縮率に、正答率の相対的な向上の3倍を加えるか、低下の5倍を"
            "引いた値です。OckScore（OckBench、arXiv 2511.05722）：正答率 − 10·log10（トークン数/10,000 + 1"
            "）。"
        ),
    ),
    "how_add": (
        "Cells of yours: a line in results.json that fits benchmark.schema.json, which lie beside this page.",
        (
            "独自のセルは、このページと同じ場所にあるresults.jsonに、benchmark.schema.jsonに適合する1行とし"
            "て追加できます。"
        ),
    ),
    "why_no-timings": ("no timings recorded", "時間の記録なし"),
    "why_no-shape": ("the model's shape is not known", "モデル構成が不明"),
    "why_no-text": ("the log has no text", "本文の記録なし"),
    "why_not-stated": ("the log does not say", "ログに記載なし"),
    "why_in-words": ("counted in words", "語数で計数"),
    "why_other-weights": ("a token takes another time", "1トークンの時間が異なる"),
    "why_two-models": ("two models", "2つのモデル"),
    "why_medians-only": ("only medians are known", "中央値のみ"),
    "why_sums-only": ("only sums are known", "合計のみ"),
    "why_control-dearer": ("no setting of the control is as cheap", "これほど安い対照の設定がない"),
    "why_control-cheaper": ("no setting of the control costs as much", "これほど高い対照の設定がない"),
    "why_zero-accuracy": ("full thinking solves nothing", "全思考の正答がない"),
    "caveat_trials of another model": (
        "early answers come from another model than the texts",
        "途中の回答は別のモデルによるものです",
    ),
    "caveat_lengths in words": ("lengths are in words, not tokens", "長さはトークンではなく語数です"),
    "caveat_split by characters": (
        "thinking and answer were divided by characters",
        "思考と回答は文字数で分けています",
    ),
    "caveat_cost of trials assumed": (
        "a forced answer is taken to cost 10 tokens: the log does not say",
        "途中の回答1回のコストは記録にないため10トークンと仮定しています",
    ),
    "caveat_stops at shares of a finished trace": (
        "stops lie at shares of the finished trace, which no live run knows: early exits look too good",
        "停止位置は完成した思考に対する割合で、実行時には分からないため、早期終了の値は良く出すぎます",
    ),
    "caveat_questions picked by their outcome": (
        "questions were picked by how the model fared on them",
        "問題はモデルの解答結果を見て選ばれています",
    ),
    "caveat_plan chosen on these questions": (
        "a plan was chosen on these very questions, which flatters it",
        "プランはこの問題群で選ばれたため、値は実力より良く見えます",
    ),
    "caveats": ("Take care", "注意"),
    "sort": ("Sorted by {column}, {order}", "{column}で並べ替え（{order}）"),
    "ascending": ("ascending", "昇順"),
    "descending": ("descending", "降順"),
    "skip": ("Skip to the table", "表へ移動"),
}
