"""Strings of the evidence for engineers, and of what other parts of karui write in English."""

EVIDENCE: dict[str, tuple[str, str]] = {
    # For engineers
    "for_engineers": ("The evidence", "技術者向けの根拠データ"),
    "for_engineers_note": (
        (
            "Figures are means over {n} test questions with {level} t-intervals clustered by question. "
            "Intervals are shown and certify nothing; the certificate rests on the betting test above."
        ),
        (
            "数値は評価用{n}問の平均、括弧内は問題単位の{level}区間（t区間）です。区間は参考表示であり"
            "、保証の根拠は上記のベッティング検定です。"
        ),
    ),
    "contents": ("Contents", "目次"),
    "baseline": ("Full thinking (baseline)", "最後まで思考（現状）"),
    "baseline_short": ("Full thinking", "現状"),
    "chosen": ("Chosen", "採用プラン"),
    "candidate": ("Best uncertified", "有望プラン（未保証）"),
    "reference_plan": ("Reference", "参考"),
    "family_baseline": ("Baseline", "現状"),
    "family_shorter": ("Shorter", "短く考える"),
    "family_smaller": ("Smaller", "小さくする"),
    "family_faster": ("Faster", "速く解く"),
    "family_combined": ("Combined", "組み合わせ"),
    "family_control": ("Control", "対照（単純な方法）"),
    "table": ("Baseline, plan and the best of each family", "現状・対象プラン・各系統の上位プラン"),
    "table_note": (
        (
            "For every family the two plans with the fewest tokens whose estimated loss is within the "
            "limit, and the one with the highest {accuracy}; for every control the one nearest in "
            "tokens. Picked on the test questions, so their estimates are a little too good; the plan "
            "tested in order is not."
        ),
        (
            "系統ごとに「低下の推定値が許容範囲内でトークンが最少の2件」と「最も{accuracy}が高い1件」を"
            "、対照は対象プランとトークン数が最も近い1件を載せています。評価用の問題で選んでいるため推"
            "定値はやや良く出ます（順に検定したプランは除く）。"
        ),
    ),
    "plan": ("Plan", "プラン"),
    "loss": ("Loss", "低下"),
    "tokens": ("Tokens", "トークン"),
    "against_baseline": ("× baseline", "現状比"),
    "flops": ("FLOPs", "演算量（FLOPs）"),
    "memory": ("Memory", "メモリ"),
    "memory_value": ("weights {weights}", "重み{weights}"),
    "memory_kv": ("KV cache, peak", "KVキャッシュ最大"),
    "latency": ("Latency", "応答時間"),
    "latency_value": ("p95 {p95}", "95%点{p95}"),
    "latency_head": ("p50, estimated", "中央値・推定"),
    "latency_live": ("measured live", "実測"),
    "token_time": ("tokens along the longest path", "最長経路のトークン数"),
    "cost": ("Cost", "費用"),
    "cost_per_thousand": ("per 1,000 questions", "1,000問あたり"),
    "truncated": ("Cut by the limit", "上限打ち切り"),
    "confident_wrong": ("Confidently {wrong}", "自信をもった{wrong}"),
    "ece": ("ECE", "確信度の誤差（ECE）"),
    "aes": ("AES", "AES"),
    "bill": ("Tokens by kind", "トークンの内訳"),
    "bill_prompt": ("prompt", "入力"),
    "bill_cached": ("cached", "キャッシュ"),
    "bill_thinking": ("thinking", "思考"),
    "bill_answer": ("answer", "解答"),
    "bill_trial": ("trial", "試し解答"),
    "bill_dropped": ("dropped", "破棄"),
    "does_not_beat": ("does not beat the control {control}", "対照「{control}」に勝っていません"),
    "control_unbeaten": ("the plan does not beat this control", "対象プランはこの対照に勝っていません"),
    "control_beaten": ("beaten by the plan", "対象プランが上回る"),
    "all_plans": ("All {n} plans", "全{n}プランの一覧"),
    "families": ("Family", "系統"),
    # The picture
    "picture": ("{Accuracy} and cost of every plan", "全プランの{accuracy}とコスト"),
    "picture_note": (
        (
            "Up and left is better. The stepped line joins the plans that no other beats, by their "
            "estimates. Choose a plan to see its figures; with the arrow keys go from one to the next."
        ),
        (
            "左上ほど優れています。階段状の線は、推定値で他のどのプランにも劣らないプランを結んだもので"
            "す。点を選ぶと詳細が表示されます（矢印キーで移動可）。"
        ),
    ),
    "picture_none": ("There are no plans to draw.", "表示できるプランがありません。"),
    "axis": ("Across", "横軸"),
    "axis_tokens": ("Tokens", "トークン"),
    "axis_flops": ("FLOPs", "演算量"),
    "axis_latency": ("Latency", "応答時間"),
    "axis_memory": ("Memory", "メモリ"),
    "axis_cost": ("Cost", "費用"),
    "axis_tokens_long": ("Tokens generated per question", "1問あたりの生成トークン数"),
    "axis_flops_long": ("FLOPs per question", "1問あたりの演算量（FLOPs）"),
    "axis_latency_long": (
        "Latency per question, median, estimated (seconds)",
        "1問あたりの応答時間（中央値・推定、秒）",
    ),
    "axis_latency_token_time": (
        "Latency per question, median, in tokens along the longest path",
        "1問あたりの応答時間（中央値、最長経路のトークン数）",
    ),
    "axis_memory_long": ("Weights and KV cache for one question (MiB)", "重みと1問分のKVキャッシュ（MiB）"),
    "axis_cost_long": ("Cost per 1,000 questions ({currency})", "1,000問あたりの費用（{currency}）"),
    "zoom": ("Near the limit only", "許容範囲付近のみ"),
    "frontier": ("frontier", "効率フロンティア"),
    "limit_line": ("baseline − {margin}", "現状 − {margin}"),
    "families_shown": ("Families", "系統の表示"),
    "no_script": (
        "The picture needs JavaScript; the table of all plans holds the same figures.",
        "図の表示にはJavaScriptが必要です。同じ数値は全プランの一覧にあります。",
    ),
    # Kinds
    "kinds": ("By kind of question", "問題の種類別"),
    "kinds_note": (
        (
            "Ring: full thinking; dot: the plan; lines: {level} intervals. Figures by kind rest on few "
            "questions and are not certified one by one."
        ),
        (
            "白抜きの丸：現状　塗りつぶしの丸：対象プラン　線：{level}区間。種類別の数値は問題数が少な"
            "く、個別に保証されたものではありません。"
        ),
    ),
    "kinds_none": (
        "The questions carry no kinds, or there is no plan to compare.",
        "問題に種類の区分がないか、比較するプランがありません。",
    ),
    "kind": ("Kind", "種類"),
    "questions": ("Questions", "問題数"),
    "before": ("Full", "現状"),
    "after": ("Plan", "対象プラン"),
    "change": ("Change", "変化"),
    "loses_more": ("loses more than the limit", "許容限度を超える低下"),
    "loses": ("loses", "低下"),
    # Live
    "live": ("Live run", "実測による確認"),
    "live_note": (
        (
            "Both were run on an engine, {at_once} streams side by side, on questions the plan was not "
            "chosen on. These latencies are measured."
        ),
        "選定に使っていない問題を使い、{at_once}並列で実際に動かしました。応答時間は実測値です。",
    ),
    "live_none": (
        (
            "There was no live run: every figure here comes from replaying the recording, and "
            "latencies are estimates."
        ),
        (
            "実測は行っていません。本レポートの数値はすべて記録データの再生によるもので、応答時間は推定"
            "値です。"
        ),
    ),
    "first_answer": ("To the first answer token", "解答開始まで"),
    "failed": ("Failed on the engine", "実行エラー"),
    # Traces
    "traces": ("Traces side by side", "思考過程の比較"),
    "traces_note": (
        (
            "Left, what the full model thought; the part that the plan left out is dimmed. Cases where "
            "the plan is {wrong} are shown too."
        ),
        (
            "左は現状の思考全文で、プランが省いた部分は薄く表示しています。プランが{wrong}となった例も"
            "載せています。"
        ),
    ),
    "traces_none": ("There are no traces to show.", "表示できる例がありません。"),
    "question": ("Question", "問題"),
    "cut_here": ("the plan stopped here", "プランはここで思考を終了"),
    "not_cut": ("The plan did not cut this thinking.", "この思考はプランによって打ち切られていません。"),
    "no_text": ("The recording holds no text.", "記録データに本文がありません。"),
    "left_out": ("… {n} characters left out …", "… {n}文字省略 …"),
    "answer": ("Answer", "解答"),
    "no_answer": ("no answer", "解答なし"),
    "tokens_count": ("{n} tokens", "{n}トークン"),
    "moves": ("What the plan did", "プランの動作"),
    "full_right_plan_right": ("both {right}", "両方{right}"),
    "full_right_plan_wrong": ("lost: the plan is {wrong}", "プランのみ{wrong}"),
    "full_wrong_plan_right": ("won: only the plan is {right}", "プランのみ{right}"),
    "full_wrong_plan_wrong": ("both {wrong}", "両方{wrong}"),
    # Tests and rejections
    "tested": ("What was tested, in order", "検定の順序と結果"),
    "tested_note": (
        (
            "The order was fixed on {pilot}. Each plan was tested at the level of its line, and a line ended "
            "with the first that failed."
        ),
        (
            "検定の順序は{pilot}であらかじめ決めました。各プランを系列ごとの水準で検定し、最初に不合格とな"
            "った時点でその系列を終了しています。"
        ),
    ),
    "pilot_questions": ("{n} pilot questions that no test used", "検定に使わない予備の{n}問"),
    "pilot_shipped": ("the pilot recording that ships with karui", "karui付属の予備記録"),
    "tested_none": ("No plan was tested.", "検定したプランはありません。"),
    "place": ("No.", "順"),
    "p_value": ("p-value", "p値"),
    "bounds": ("one-sided {level} bounds", "片側{level}限界"),
    "saving": ("Saving on {axis}", "{axis}の削減率"),
    "verdict": ("Verdict", "結果"),
    "reason": ("Reason", "理由"),
    "questions_wanted": ("Questions wanted", "必要な問題数"),
    "certified": ("certified", "統計的に保証"),
    "promising": ("promising", "有望"),
    "not supported": ("not supported", "基準を満たさず"),
    "not tested": ("not tested", "未検定"),
    "never": ("none would do", "問題を増やしても不可"),
    "rejected": ("What was rejected, and why", "見送ったプランとその理由"),
    "rejected_none": ("Nothing was rejected.", "見送ったプランはありません。"),
    "rejected_count": ("{n} plans", "{n}プラン"),
    "rejected_one": ("1 plan", "1プラン"),
    "rejected_estimate": (
        "loss {loss}, saving {saving} on the pilot",
        "予備データで低下{loss}、削減{saving}",
    ),
    "and_more": ("and {n} more, in the JSON report", "ほか{n}件（JSON版に全件）"),
    # Shipped recording
    "shipped": (
        "From karui’s shipped recording, not from your questions",
        "参考：karui付属の記録データによる結果（貴社の問題ではありません）",
    ),
    "shipped_note": (
        (
            "These figures come from replaying “{title}” ({model}, {n} questions). They show what the "
            "techniques do where there is much evidence. Nothing above rests on them."
        ),
        (
            "以下は「{title}」（{model}、{n}問）の再生結果です。十分なデータがある場合の各手法の傾向を"
            "示すもので、上記の判定には使っていません。"
        ),
    ),
    "from_shipped": ("shipped recording", "付属の記録データ"),
    # Reproduction
    "reproduce": ("How to make this report again", "本レポートの再現方法"),
    "commands": ("Commands", "コマンド"),
    "digests": ("Digests", "ダイジェスト"),
    "versions": ("Versions", "バージョン"),
    "recording_made_with": ("Recording", "記録の条件"),
    "engine": ("Engine", "エンジン"),
    "machine": ("Machine", "実行環境"),
    "sampling": ("Sampling", "サンプリング"),
    "sampling_value": (
        "temperature {temperature}, top-p {top_p}, top-k {top_k}, at most {max_tokens} tokens",
        "温度{temperature}、top-p {top_p}、top-k {top_k}、最大{max_tokens}トークン",
    ),
    "samples": ("Traces per question", "1問あたりの生成数"),
    "seed": ("Seed", "乱数シード"),
    "checkpoints": ("Checkpoints", "チェックポイント"),
    "checkpoints_value": (
        "at least every {every} tokens, {least} apart",
        "最大{every}トークンごと（最短{least}）",
    ),
    "suffix": ("Trial suffix", "試し解答の誘導文"),
    "parameters": ("Parameters", "パラメータ数"),
    "dtype": ("Number format", "数値形式"),
    "throughput": ("Throughput while recording", "記録時の処理速度"),
    "energy": ("Energy per question", "1問あたりの消費電力量"),
    "energy_rapl": (
        "full thinking {joules} J (processor packages, RAPL)",
        "現状{joules} J（プロセッサ、RAPLカウンター）",
    ),
    "energy_nvml": (
        "full thinking {joules} J (GPU boards, NVML)",
        "現状{joules} J（GPUボード、NVMLカウンター）",
    ),
    "energy_plan": ("the plan {joules} J", "対象プラン{joules} J"),
    "energy_note": (
        "estimated from the joules per generated token while recording; everything on the machine counts",
        "記録時の生成1トークンあたりの電力量からの推定。機器上の他の処理も含む",
    ),
    "timeouts": ("Answers out of time", "判定の時間切れ"),
    "timeouts_value": (
        "{count} could not be read or compared within the time limit and count as wrong",
        "{count}件は制限時間内に読み取りまたは比較ができず、不正解として数えています",
    ),
    "model": ("Model", "モデル"),
    "task": ("Task", "課題"),
    "plan_spec": ("The plan", "対象プランの定義"),
    "what_is_what": ("Measured and estimated", "実測値と推定値"),
    "what_is_what_note": (
        (
            "Tokens, {accuracy} and truncation are replayed from what the model really generated. "
            "FLOPs and KV memory are calculated from the model’s configuration. Latencies are "
            "estimated from token times unless they say measured live. Money follows from stated "
            "prices."
        ),
        (
            "トークン数・{accuracy}・打ち切りは、モデルが実際に生成した記録の再生による値です。演算量と"
            "KVメモリはモデルの構成からの計算値、応答時間は「実測」とあるもの以外はトークン時間からの推"
            "定値、金額は入力された単価による計算値です。"
        ),
    ),
    "made_by": (
        "Made by karui {version}. This page fetches nothing from the network.",
        "karui {version} で作成。このページは外部との通信を行いません。",
    ),
    # Reasons and actions, by the values of their enums
    "reason_confidently_wrong": (
        "{wrong} with confidence {points} more often than full thinking",
        "自信をもった{wrong}が現状より{points}多い",
    ),
    "reason_confidently_wrong_group": (
        "{wrong} with confidence more often than full thinking",
        "自信をもった{wrong}が現状より多い",
    ),
    "reason_certified_saves_more": (
        "a certified plan saves more",
        "保証されたプランの中に、より削減できるものがある",
    ),
    "reason_limit_not_kept": (
        "a limit on time or cost is not shown to be kept",
        "時間またはコストの上限を満たすと示せなかった",
    ),
    "reason_test_not_passed": ("its test did not pass", "検定に合格しなかった"),
    "reason_loss_exceeds_margin": ("its loss exceeds the margin", "低下が許容範囲を超えた"),
    "reason_not_tested": (
        "not tested: testing stops at the first failure",
        "未検定（最初の不合格で検定を終了するため）",
    ),
    "reason_not_replayable": (
        "cannot be replayed: it asks for what was not recorded",
        "記録にない情報が必要なため再生できない",
    ),
    "reason_saves_nothing": ("saves nothing", "削減効果がない"),
    "reason_control": (
        "a control: plans are compared with it, and it is never chosen",
        "比較用の対照であり、採用の対象外",
    ),
    "reason_pilot_loss": ("loses more than the margin on the pilot", "予備の問題で低下が許容範囲を超えた"),
    "reason_less_promising": (
        "another plan in the order of testing promises more",
        "検定対象のプランの方が有望",
    ),
    "action": ("trace {n}: {end} after {tokens} thinking tokens", "生成{n}：思考{tokens}トークンで{end}"),
    "action_of": (
        "trace {n} of {model}: {end} after {tokens} thinking tokens",
        "{model}の生成{n}：思考{tokens}トークンで{end}",
    ),
    "action_finished": ("finished by itself", "自然に終了"),
    "action_truncated": ("cut by the token limit", "上限で打ち切り"),
    "action_answered": ("answered", "解答"),
    "action_dropped": ("dropped", "破棄"),
    "action_stopped": ("stopped", "停止"),
}
