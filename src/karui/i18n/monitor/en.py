"""The monitor in English."""

TEXT: dict[str, str] = {
    "title": "karui monitor: {model}",
    "monitor": "monitor",
    "language": "Language",
    "contact_lost": "No contact with the gateway since {time}. The figures below are old.",
    "estimate": "estimate",
    "last": "last {span}",
    "none_yet": "none yet",
    "no_figure": "–",
    # Facts under the name
    "fact_plan": "Plan",
    "fact_model": "Model",
    "fact_upstream": "Server",
    "fact_in_process": "in this process",
    "fact_up": "Running for",
    # The light: a headline, and what to do
    "colour_green": "Green",
    "colour_yellow": "Yellow",
    "colour_red": "Red",
    "do": "What to do",
    "key_refused": "A server does not accept the gateway’s key",
    "key_refused_do": (
        "{server} answers 401 or 403: set its key anew and restart the gateway. Clients are told 502."
    ),
    "well": "All is well",
    "well_do": "Nothing. The plan answers as it did in the recording.",
    "ready": "Ready, waiting for the first request",
    "ready_do": "Point any OpenAI client at this server. Figures appear here as requests come in.",
    "shadow": "All is well: silent trial",
    "shadow_do": "Nothing. Users get full thinking; the plan runs unseen beside it and is compared.",
    "partly": "All is well at {percent} of the requests",
    "partly_do": "Nothing. karui moves on by itself or at your command; its rule is under “Roll-out”.",
    "tripped": "Fallen back to full thinking",
    "tripped_do": (
        "Users are still answered, at full cost. {reason} The plan is tried again from {time}. If this "
        "happens again, record today’s questions and choose a plan anew."
    ),
    "tripped_held_do": (
        "Users are still answered, at full cost. {reason} No probe can tell what users would say: look into "
        "it, then bring the plan back with `karui rollout reset`, or record today’s questions and choose a "
        "plan anew."
    ),
    "liked": "All is well, and users find the plan no worse",
    "liked_do": "Nothing. What users say shows a loss of less than {margin} against full thinking.",
    "probing": "Checking whether the plan may come back",
    "probing_do": (
        "Nothing for now. Full thinking answers; {done} of {wanted} silent runs of the plan are done. "
        "It fell back because: {reason}"
    ),
    "stale": "The model behind the gateway has changed",
    "stale_do": (
        "Full thinking answers everything. Was the change intended? Then record the new model and choose "
        "again. If not, put the old model back. Found: {reason}"
    ),
    "breaker": "The model server does not answer",
    "breaker_do": (
        "Check the server {upstream} and its log. karui keeps trying by itself. Last failure: {reason}"
    ),
    "breaker_elsewhere_do": (
        "Check the server {upstream} and its log. Until it is back, {fallback} answers. Last "
        "failure: {reason}"
    ),
    "half_open": "Trying the model server again",
    "half_open_do": "Nothing for now. A few requests go through; if they succeed, all do.",
    "failing": "{share} of the requests fail",
    "failing_do": "Look at the last requests below and at the model server’s log.",
    "degraded": "Serving, but one thing is broken",
    "degraded_do": "Mend this; it clears by itself: {reason}",
    "signs": "First signs of drift",
    "signs_do": (
        "Nothing is switched yet. {test}: the evidence is at {evidence}, and {needed} trips the guard. "
        "Ask whether other questions than usual are coming in."
    ),
    "shaky": "The model server is shaky",
    "shaky_do": "{share} of the requests met an error or a time-out. Check the server’s load.",
    "busy": "Requests are waiting",
    "busy_do": "{queued} wait while all {places} places are taken. Add capacity, or allow more at once.",
    "costing": "The plan costs more than it saves",
    "costing_do": "Go back to full thinking, then look at which plan suits these questions.",
    "uncertified": "This plan is not certified",
    "uncertified_do": "Keep it at 5% or below. More questions with answers can certify it.",
    # Tiles
    "tile_requests": "Requests",
    "tile_requests_note": "{rate} a minute; {now} being answered",
    "tile_waiting_note": "{rate} a minute; {now} being answered, {queued} waiting",
    "tile_saved": "Tokens saved",
    "tile_saved_note": "{before} → {after} tokens a request, where the plan answered",
    "tile_saved_nothing": "the plan has answered nothing yet",
    "tile_would": "Tokens it would save",
    "tile_would_note": "in {n} silent runs; {agreed} gave the same answer",
    "tile_would_plain": "in {n} silent runs",
    "tile_wait": "Wait for the answer",
    "tile_wait_note": "half get it sooner; 95% within {p95}",
    "tile_money": "Saved so far",
    "tile_money_note": "now {hour} an hour saved; price as stated",
    "tile_room": "Room gained",
    "tile_room_note": "requests on the same machine; it costs {hour} an hour as stated",
    "tile_tokens": "Saved so far",
    "tile_tokens_unit": "{n} tokens",
    "tile_tokens_note": "no price is stated, so no money is shown",
    # Thinking
    "thinking_head": "Tokens: used and saved",
    "used": "used",
    "saved": "saved",
    "chart_alt": "Tokens used and saved over the last {span}; the tallest bar is {most}.",
    "ago": "{span} ago",
    "just_now": "now",
    "row_thinking": "Thinking",
    "row_answers": "Answers",
    "row_extra": "Trials and waste of cuts",
    "row_own": "Silent runs and canaries",
    "row_saved": "Saved against full thinking",
    "saved_note": "Against {full} tokens, what full thinking (nothing cut) took on average in the recording.",
    # Waiting
    "waiting_head": "How long users wait",
    "row_first_token": "First token",
    "row_first_answer": "First answer token",
    "row_end": "End to end",
    "half": "p50",
    "most": "p95",
    "waiting_note": (
        "From the request’s arrival at the gateway. The first answer token comes after the thinking."
    ),
    # Like the recording?
    "alike_head": "As in the recording?",
    "alike_note": "Band: the recording. Line and dot: now (5th to 95th percentile, median).",
    # Questions like the study's?
    "likeness_head": "Questions like the study’s?",
    "row_unlike": "Unlike the recorded ones",
    "unlike_value": "{share} ({n} of {of})",
    "unlike_examples": "The last of them, and how far they are beyond the limit",
    "unlike_ratio": "{ratio}×",
    "unlike_note": (
        "Full thinking answers these: the certificate does not speak of them, and a high confidence is no "
        "sign that they are right. Of questions like the recorded ones at most {rate} are taken for unlike "
        "({confidence} confidence)."
    ),
    "unlike_note_any": (
        "By the operator’s setting the plan answers these too: the certificate does not speak of them, and a "
        "high confidence is no sign that they are right. Of questions like the recorded ones at most {rate} "
        "are taken for unlike ({confidence} confidence)."
    ),
    "domain_none": (
        "This choice does not say which questions it was made with, so none is found unlike them. Choose "
        "again with this version of karui."
    ),
    "domain_few": (
        "The {n} recorded questions are too few to say which are unlike them: none is sent to full thinking "
        "for that."
    ),
    "unlike words": "words that were never recorded",
    "unlike shape": "length, script, digits, earlier turns or system message",
    "unlike whole": "no recorded question is near",
    "row_confidence": "Confidence",
    "row_length": "Thinking length",
    "row_truncated": "Cut by the limit",
    "truncated_value": "{now} (recording {then})",
    "range_value": "{low} to {high}",
    "no_confidence": "this plan gives none",
    # Guard
    "said_head": "What users say",
    "said_open": "open",
    "said_worse": "worse",
    "said_fine": "no worse",
    "said_off": (
        "{n} feedbacks so far; nothing is compared, as no share of the requests goes to full thinking: "
        "--full-share 0.1."
    ),
    "said_share": "drawn for {share}",
    "said_full": "Full thinking, drawn at random",
    "said_mean": "{mean} of {n}",
    "said_evidence_worse": "Evidence that the plan is worse",
    "said_evidence_fine": "Evidence that it is no worse",
    "said_note": (
        "{given} feedbacks. Full thinking is drawn at random for some callers, so that like is compared with "
        "like; a loss of {margin} is accepted. The evidence decides, not the means. One caller counts once a "
        "draw."
    ),
    "guard_head": "Drift guard",
    "guard_watching": "watching",
    "guard_tripped": "tripped",
    "guard_probing": "probing",
    "guard_note": (
        "Each bar is the evidence against “all is well”. At the right end the guard trips. The chance of a "
        "false alarm is at most {alpha}, however long it runs."
    ),
    "guard_seen": "{n} requests",
    "guard_evidence": "{value} of {needed}",
    "canaries_value": "{right} of {n} right",
    "test thinking": "Thinking length",
    "test confidence": "Confidence",
    "test agreement": "Agreement of trials",
    "test truncated": "Cut by the limit",
    "test errors": "Errors",
    "test unsure": "Unsure answers",
    "test canaries": "Canaries",
    "test first_answer": "Wait as promised",
    "test cost": "Cost as promised",
    "test unlike": "Unlike questions",
    "cause test thinking": "Thinking is no longer as long as in the recording.",
    "cause test confidence": "Confidence is no longer as in the recording.",
    "cause test agreement": "Trials no longer agree as in the recording.",
    "cause test truncated": "More answers are cut by the token limit than in the recording.",
    "cause test errors": "Too many requests failed.",
    "cause test unsure": "More answers are unsure than in the recording.",
    "cause test canaries": "Test questions are answered worse than was certified.",
    "cause test first_answer": "More users wait longer for the first answer token than was promised.",
    "cause test cost": "Requests cost more than was promised.",
    "cause test unlike": "More questions are unlike the recorded ones than like questions would make.",
    "cause probes": "While it was tried again: {reason}",
    "cause probes_few": "Only {good} of {probes} silent runs were as in the recording.",
    # Who answered
    "answered_head": "Who answered",
    "by_plan": "Plan",
    "by_full": "Full thinking",
    "by_nobody": "Failed",
    "by_design": "as arranged",
    "by_fallback": "fallback",
    "answered_none": "No request yet.",
    "fallback_none": "No fallback in the last {span}.",
    "why upstream error": "Error of the model server",
    "why time-out": "Time-out",
    "why circuit open": "Server known to be down",
    "why not covered by the certificate": "Tools or a format the study lacks",
    "why low confidence": "Plan was unsure",
    "why guard tripped": "Guard has tripped",
    "why upstream changed": "Model has changed",
    "why not for a plan": "Not for a plan (such as images)",
    "why unlike the recorded questions": "Unlike the study’s questions",
    "why asked for": "Client asked for full thinking",
    "why compared": "Full thinking drawn, to compare",
    "why stage": "Not in the stage’s share",
    "decided_head": "Decided beforehand",
    # Roll-out
    "rollout_head": "Roll-out",
    "stage_shadow": "Silent",
    "stage_percent": "{n}%",
    "stage_since": "since {time}",
    "stage_next": "Until the next stage: {next}.",
    "stage_ready": "The rule holds: the next stage may begin.",
    "left_out": "Silent runs left out because enough were under way: {n}.",
    "stage_last": "All requests go to the plan.",
    "log_head": "Log",
    "log_none": "Nothing has changed yet.",
    "log_more": "Earlier entries",
    # What other parts say
    "waits_join": "; ",
    "cause needs_guard": "the guard finds all well",
    "cause needs_runs": "{count} more silent runs",
    "cause needs_requests": "{count} more requests answered by the plan",
    "cause needs_hours": "{hours:.1f} more hours",
    "cause needs_agreement": "{share:.0%} of the silent runs agree with full thinking, {wanted:.0%} needed",
    "event stage_shadow": "Silent trial",
    "event stage_set": "Stage {stage}%",
    "event guard_watching": "Plan is back",
    "event guard_tripped": "Fallen back",
    "event guard_probing": "Checking the plan",
    "event breaker_open": "Server cut off",
    "event breaker_half_open": "Trying the server",
    "event breaker_closed": "Server is back",
    "event model_changed": "Model has changed",
    "event model_back": "Model is back",
    "event arm_dropped": "Plan dropped",
    "event arm_found": "Plan no worse",
    "event shares_set": "Traffic shared anew",
    "event users_fine": "Users find the plan no worse",
    "event history": "History",
    "actor rule": "by the rule",
    "actor guard": "by the guard",
    "actor breaker": "by the circuit breaker",
    "actor upstream": "seen at the server",
    "actor users": "by users’ feedback",
    "actor operator": "by {name}",
    "actor option": "by option",
    "cause set_at_start": "Set when the gateway was started.",
    "cause other_choice": "This choice has not been served before: it starts in shadow.",
    "cause rule_holds": "The rule holds after {requests} requests.",
    "cause arm_worse": "Users find {plan} worse than full thinking ({count} feedbacks compared).",
    "cause arm_fine": "{plan}: {count} feedbacks compared show no loss beyond the margin.",
    "cause arms_lost": "Every one of the {count} plans was dropped.",
    "cause arm_drift": "{plan}: {reason}",
    "cause shares": "Now {shares}.",
    "cause users_worse": "Users find it worse than full thinking ({count} feedbacks compared).",
    "cause users_fine": "{count} feedbacks compared show no loss beyond the margin.",
    "cause rest_over": "The rest after the fall is over.",
    "cause probes_passed": "{good} of {probes} silent runs were as in the recording.",
    "cause model_back": "It is the model chosen for again.",
    "cause model_gone": "{model} is no longer served",
    "cause model_changed": "{field} was {before} and is {now}",
    "action full": "Full thinking of the same model",
    "action server": "Full thinking on the fallback server",
    "action refuse": "Refused: status 503, with the time to ask again",
    "hours": "{hours} h",
    "cause unwritable": "{file} cannot be written ({error}); {waiting} rows wait, {lost} are lost.",
    "cause writable_again": "{file} is written again; {lost} rows were lost.",
    "cause unreadable": "{file} could not be read at the start: {error}.",
    "cause writer_ended": "{file} is no longer written, and nothing old is deleted: restart the gateway.",
    "cause upkeep": "Canaries and the look at the upstream fail ({error}); the log has more.",
    "cause closed_unwritten": "{file} was closed with {rows} rows unwritten.",
    # Costs
    "costs_head": "Costs",
    "row_cost_hour": "An hour, now",
    "row_cost_full": "An hour, with full thinking",
    "row_saved_hour": "Saved an hour",
    "row_saved_ever": "Saved since {time}",
    "row_machine": "The machine, an hour",
    "row_thousand": "1,000 requests, now",
    "row_room": "Requests on the same machine",
    "room_value": "{ratio}× as many",
    "price_token": "Price as stated: {price} per million generated tokens. Prompts are not counted.",
    "price_machine": (
        "Price as stated: {price} per machine-hour. A machine costs the same whether busy or idle."
    ),
    "energy_rapl": "{joules} J of the processors (RAPL)",
    "energy_nvml": "{joules} J of the GPUs (NVML)",
    "energy_and": " and ",
    "energy_note": (
        "Energy of one request, measured over {n} requests since the start: {each}. All that this machine "
        "did meanwhile counts, idle time too."
    ),
    "price_none": "No price is stated. To see money here: karui serve --price-output 1.2 --currency EUR",
    "estimate_note": (
        "An estimate: what full thinking would have taken is its mean in the recording. Silent runs "
        "and canaries "
        "are subtracted."
    ),
    # Last requests
    "latest_head": "Last requests",
    "latest_none": "No request yet.",
    "col_time": "Time",
    "col_answered": "Answered by",
    "col_tokens": "Tokens",
    "col_saved": "Saved",
    "col_seconds": "Time taken",
    "col_confidence": "Confidence",
    "col_id": "Request",
    "mark_shadow": "silent",
    "mark_canary": "canary",
    "mark_truncated": "cut by the limit",
    "mark_error": "error {status}",
    "mark_gone": "client left",
    "explain": "explain",
    "keeping_on": "Conversations are kept for {span} so that short answers can be explained.",
    "keeping_off": "Prompts and answers are not kept.",
    "footer": (
        "karui {version}. History: figures only. Metrics: /metrics. The figures of this page: /api/state."
    ),
    # Spans of time
    "span_seconds": "{n} s",
    "span_minutes": "{n} min",
    "span_hours": "{n} h",
    "span_days": "{n} d {h} h",
    # Explaining one answer
    "explain_title": "Explain {id}",
    "explain_head": "Why this short answer?",
    "explain_lead": "The same question thought through in full, beside what was answered.",
    "explain_back": "Monitor",
    "explain_asked": "Asked",
    "explain_role_user": "User",
    "explain_role_system": "System",
    "explain_role_assistant": "Assistant",
    "explain_short": "As answered",
    "explain_full": "Thought through in full",
    "explain_answer": "Answer",
    "explain_tokens": "{n} thinking tokens",
    "explain_cut": "the plan ended the thinking here, after {n} tokens",
    "explain_same_cut": "here the plan ended the thinking; what follows was saved",
    "explain_uncut": "The plan let this thinking run to its own end.",
    "explain_anew": (
        "Sampled anew, so the two thoughts part where their words differ; the mark is at the same length."
    ),
    "explain_thinking": "Thinking it through in full. This takes as long as full thinking takes.",
    "explain_failed": "It could not be thought through: {reason}",
    "explain_agree": "Both say the same.",
    "explain_differ": "The two answers differ. Look at which is right, and tell whoever owns the plan.",
    "explain_redacted": "Masked before this was kept: {n}. The full thinking sees the masks too.",
    "login_title": "Log in to karui",
    "login_lead": "This gateway shows its monitor and what it keeps to its operator only.",
    "login_none": (
        "This gateway has a key for clients and none for an operator, so its monitor is shown on its own "
        "machine only. Set KARUI_OPERATOR_KEY to see it from here."
    ),
    "login_key": "Operator's key",
    "login_do": "Log in",
    "login_wrong": "The key is wrong.",
    "explain_unlike": "This question is unlike the study’s ({by}): the certificate does not speak of it.",
    "explain_missing": "Nothing is kept under {id}.",
    "explain_missing_why": (
        "Conversations are kept only where the operator turned keeping on, and only for the stated time."
    ),
    "explain_again": "Try again",
    "explain_full_itself": "This was already answered by full thinking.",
}
