"""What users say, on the page: the rule's verdict, and nothing where nothing is compared."""

import re

import pytest

from karui.gateway.arms.rule import ArmStatus, Verdict
from karui.gateway.monitor.page import figures, shown
from karui.gateway.records.request_store import RequestStore
from karui.gateway.status import FeedbackStatus
from karui.i18n.monitor import LANGUAGES, MonitorTranslator
from tests.helpers.gateway_records import now, served


def said(verdict, *, on=True, **given):
    arm = ArmStatus("c0ffee", 0.9, verdict, 130, 0.92, 15, 0.93, 3.2, 14.0)
    values = {
        "given": 170,
        "margin": 0.05,
        "alpha": 0.01,
        "worse_needed": 100.0,
        "fine_needed": 20.0,
        **given,
    }
    return FeedbackStatus(on=on, arms=(arm,), names={"c0ffee": "trial <b>"}, **values)


def of(status, lang):
    history = RequestStore(None)
    history.see(served(0, at=1990.0))
    return shown(now(feedback=status), history.totals(0), (), lang)["said"], figures(
        now(feedback=status), history.totals(0), ()
    )


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("verdict", Verdict)
def test_the_panel_says_what_was_found(verdict, lang):
    words, (panel, told) = MonitorTranslator(lang), of(said(verdict), lang)
    assert "trial &lt;b&gt;" in panel
    assert (words(f"said_{verdict}") in panel.partition("</h2>")[0]) == (verdict is not Verdict.OPEN)
    assert words("said_mean", n="130", mean="92%") in panel
    assert words("guard_evidence", value="14", needed="20") in panel
    assert told["now"]["feedback"]["arms"][0]["verdict"] == verdict.value
    assert told["now"]["feedback"]["given"] == 170


@pytest.mark.parametrize("lang", LANGUAGES)
def test_where_nothing_is_compared_nothing_is_claimed(lang):
    panel, told = of(said(Verdict.FINE, on=False), lang)
    assert MonitorTranslator(lang)("said_off", n="170") in re.sub("<[^>]+>", "", panel)
    assert 'class="why"' in panel
    assert 'class="why"' not in of(said(Verdict.OPEN, on=False, given=0), lang)[0]  # nothing is lost yet
    assert "92" not in panel
    assert told["light"]["state"] != "liked"
