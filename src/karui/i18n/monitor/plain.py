"""The gateway's causes, changes and actors in short plain English: for headers, records, logs and JSON.

The keys are the values of the gateway's enums; the monitor has full sentences for the same keys in `en` and
`ja`.
"""

CAUSES: dict[str, str] = {
    "stated": "{text}",
    "set_at_start": "set at the start",
    "other_choice": "this choice has not been served before",
    "rule_holds": "the rule holds after {requests} requests",
    "test": "{test}",
    "probes_test": "probes: {test}",
    "probes_few": "probes: only {good} of {probes} probes were as recorded",
    "probes_passed": "{good} of {probes} probes were as recorded",
    "rest_over": "the rest is over",
    "arm_worse": "users find {plan} worse, by {count} feedbacks",
    "arm_fine": "users find {plan} no worse than the margin, by {count} feedbacks",
    "arms_lost": "every one of the {count} plans was dropped",
    "arm_drift": "{plan}: {test}",
    "shares": "{shares}",
    "users_worse": "users find it worse than full thinking, by {count} feedbacks",
    "users_fine": "users find it no worse than the margin, by {count} feedbacks",
    "model_gone": "{model} is no longer served",
    "model_changed": "{field} was {before} and is {now}",
    "model_back": "the model is back",
    "unwritable": "{file} cannot be written: {error} ({waiting} rows wait, {lost} are lost)",
    "writable_again": "{file} is written again; {lost} rows were lost",
    "unreadable": "{file} could not be read at the start: {error}",
    "closed_unwritten": "{file}: closed with {rows} rows that could not be written",
    "writer_ended": "{file} is no longer written, nor tidied: its thread has ended",
    "upkeep": "canaries and the look at the upstream fail: {error}",
    "needs_guard": "the guard finds all well",
    "needs_runs": "{count} more runs compared with full thinking",
    "needs_requests": "{count} more requests answered",
    "needs_hours": "{hours:.1f} more hours",
    "needs_agreement": "{share:.0%} of the runs say what full thinking says, {wanted:.0%} wanted",
}
WAITS = "Waits for: {needs}."
"""What the next stage waits for; several needs are joined by semicolons."""

EVENTS: dict[str, str] = {
    "stage_set": "stage {stage}",
    "guard_watching": "guard watching",
    "guard_tripped": "guard tripped",
    "guard_probing": "guard probing",
    "breaker_closed": "breaker closed",
    "breaker_open": "breaker open",
    "breaker_half_open": "breaker half-open",
    "model_changed": "stale",
    "model_back": "not stale",
    "arm_dropped": "plan dropped",
    "arm_found": "plan found",
    "shares_set": "shares",
    "users_fine": "users find the plan no worse",
    "history": "history",
    "started": "gateway started",
    "stopped": "gateway stopped",
    "logged_in": "logged in",
    "login_refused": "log-in refused",
    "logged_out": "logged out",
    "command_refused": "command refused",
    "explained": "conversation read",
    "reloaded": "settings read anew",
    "reload_refused": "settings not read anew",
    "other": "{text}",
}
ACTORS: dict[str, str] = {
    "rule": "rule",
    "guard": "guard",
    "breaker": "breaker",
    "upstream": "upstream",
    "users": "users",
    "operator": "operator {name}",
    "somebody": "somebody",
    "option": "operator, by option",
    "karui": "karui",
}
ACTIONS: dict[str, str] = {
    "full": "full thinking of the served model",
    "server": "full thinking on the fallback server",
    "refuse": "refused with status 503 and Retry-After",
}
"""What is done instead of the plan."""
