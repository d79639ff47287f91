"""The last requests in memory; sums and percentiles of a window, computed from the rows themselves."""

from collections import deque
from dataclasses import replace
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from karui.gateway.records.aggregates import Bar, Spread, Sums, Totals
from karui.gateway.records.record import FallbackReason, RequestRecord

_WHY = tuple(FallbackReason)
_COLUMNS = (
    "at plan shadow canary status why correct agrees prompt thinking answer extra full saved "
    "first_token first_answer seconds confidence truncated unlikeness"
).split()
_AT = {name: place for place, name in enumerate(_COLUMNS)}
_LATEST = 20
_UNLIKE = 5
_BARS = 60
_SHORTEST = 60.0
"""Seconds that a window is at least."""
_GONE = 499
"""The client had gone before its reply: neither served nor failed."""

Rows = NDArray[np.float64]


class Ring:
    """The last requests in memory, as one matrix: a look at an hour of them takes a few milliseconds."""

    def __init__(self, size: int = 20_000) -> None:
        """Takes how many are remembered."""
        self._rows: Rows = np.full((size, len(_COLUMNS)), np.nan)
        self._seen = 0
        self._latest: deque[RequestRecord] = deque(maxlen=_LATEST)
        self._unlike: deque[RequestRecord] = deque(maxlen=_UNLIKE)
        self._ever = Sums()
        self._lock = Lock()

    def begin(self, ever: Sums) -> None:
        """Sets the sums of what came before this process."""
        with self._lock:
            self._ever = ever

    def add(self, served: RequestRecord, *, counted: bool = True) -> None:
        """Remembers a record; `counted` is False where the sums have it already."""
        row = _row(served)
        with self._lock:
            self._rows[self._seen % len(self._rows)] = row
            self._seen += 1
            self._latest.append(served)
            if served.unlike:
                self._unlike.append(served)
            if counted:
                self._ever = self._ever.plus(served)

    def totals(self, since: float, until: float) -> Totals:
        """Returns what came between two times."""
        with self._lock:
            rows = self._rows[: self._seen].copy()
            overflown = self._seen > len(self._rows)
            ever, latest = self._ever, tuple(reversed(self._latest))
            unlike = tuple(reversed(self._unlike))
        if overflown:  # what is no longer remembered cannot be part of the window
            since = max(since, float(rows[:, 0].min()))
        if ever.began:  # an hour of which there were five minutes is shown as five minutes
            since = max(since, min(ever.began, until - _SHORTEST))
        at = rows[:, 0]
        found = _totals(rows[(at >= since) & (at <= until)], since, until, ever, latest)
        return replace(found, unlike_latest=unlike)


def _row(s: RequestRecord) -> tuple[float, ...]:
    nan = float("nan")
    return (
        s.at,
        s.ran == "plan",
        s.shadow,
        s.canary,
        s.status,
        _WHY.index(s.why),
        nan if s.correct is None else s.correct,
        nan if s.agrees is None else s.agrees,
        s.prompt_tokens,
        s.thinking_tokens,
        s.answer_tokens,
        s.extra_tokens,
        s.full_tokens,
        s.saved,
        s.first_token_seconds,
        s.first_answer_seconds,
        s.seconds,
        nan if s.confidence is None else s.confidence,
        s.truncated,
        nan if s.unlikeness is None else s.unlikeness,
    )


def _totals(rows: Rows, since: float, until: float, ever: Sums, latest: tuple[RequestRecord, ...]) -> Totals:
    def column(name: str, of: Rows = rows) -> NDArray[np.float64]:
        return of[:, _AT[name]]

    shadow, canary = column("shadow") == 1, column("canary") == 1
    asked, status = ~shadow & ~canary, column("status")
    plan = column("plan") == 1
    well = status < 400
    client, planned = rows[asked], rows[asked & plan]
    generated = column("thinking") + column("answer") + column("extra")
    window = Sums(
        requests=len(client),
        planned=int((asked & plan & well).sum()),
        failed=int((asked & (status >= 500)).sum()),
        prompt_tokens=int(column("prompt").sum()),
        generated_tokens=int(generated.sum()),
        own_tokens=int(generated[~asked].sum()),
        full_tokens=float(column("full", planned).sum()),
        saved_tokens=float(column("saved").sum()),
        began=float(column("at").min()) if len(rows) else 0.0,
    )
    runs, shadows = rows[plan & well], rows[shadow & plan & well]
    spent = column("thinking", shadows) + column("answer", shadows) + column("extra", shadows)
    reasons = np.bincount(column("why", client).astype(int), minlength=len(_WHY))
    served = rows[asked & well]
    return Totals(
        since=since,
        until=until,
        window=window,
        ever=ever,
        full=int((asked & ~plan & well).sum()),
        gone=int((asked & (status == _GONE)).sum()),
        refused=int((asked & (status >= 400) & (status < _GONE)).sum()),
        shadows=int(shadow.sum()),
        canaries=int(canary.sum()),
        canaries_right=int((column("correct")[canary] == 1).sum()),
        runs=len(runs),
        truncated=int(column("truncated", runs).sum()),
        compared=int((~np.isnan(column("agrees", shadows))).sum()),
        agreed=int((column("agrees", shadows) == 1).sum()),
        planned_saved=float(column("saved", planned).sum()),
        would_full=float(column("full", shadows).sum()),
        would_save=float((column("full", shadows) - spent).sum()),
        thinking_tokens=int(column("thinking", client).sum()),
        answer_tokens=int(column("answer", client).sum()),
        extra_tokens=int(column("extra", client).sum()),
        why={
            why: int(n) for why, n in zip(_WHY, reasons, strict=True) if why is not FallbackReason.NONE and n
        },
        first_token=_spread(column("first_token", served)),
        first_answer=_spread(column("first_answer", served)),
        end_to_end=_spread(column("seconds", served)),
        thinking=_spread(column("thinking", runs)),
        confidence=_spread(column("confidence", runs)),
        bars=_bars(rows, asked, generated, since, until),
        latest=latest,
        looked=int((~np.isnan(column("unlikeness", client))).sum()),
        unlike=int((column("unlikeness", client) > 1.0).sum()),
    )


def _spread(values: NDArray[np.float64]) -> Spread | None:
    values = values[~np.isnan(values)]
    if not len(values):
        return None
    low, middle, high = np.percentile(values, (5, 50, 95))
    return Spread(len(values), float(low), float(middle), float(high))


def _bars(
    rows: Rows, asked: NDArray[np.bool_], generated: NDArray[np.float64], since: float, until: float
) -> tuple[Bar, ...]:
    width = max(until - since, 1e-9) / _BARS
    place = np.clip((rows[:, 0] - since) // width, 0, _BARS - 1).astype(int)

    def summed(values: NDArray[np.float64]) -> list[float]:
        return [float(v) for v in np.bincount(place, values, _BARS)]

    columns = (summed(asked.astype(float)), summed(generated), summed(rows[:, _AT["saved"]]))
    return tuple(Bar(int(n), float(g), float(s)) for n, g, s in zip(*columns, strict=True))
