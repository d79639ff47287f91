"""What an acceptance is and comes to, in sentences of both languages."""

from dataclasses import replace

import pytest

from karui.core.study import DifferenceCount
from karui.passport.acceptance import Acceptance, AcceptancePlan, Accepted, Chances, Outlook, Reproduction
from karui.passport.words import PassportWords

LANGUAGES = ["en", "ja"]
PLAN = AcceptancePlan(100, margin=0.02, study=(DifferenceCount(0, 0, 0, 4, 400),), samples=9)
FOUND = Accepted(Acceptance.ACCEPTED, 100, 0.05, 0.01, 0.09, Reproduction(0.0123, 0.051, 0.002, 4))


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_verdict_has_its_sentence(lang):
    words = PassportWords(lang)
    told = [list(words.accepted(replace(FOUND, verdict=verdict), PLAN)) for verdict in Acceptance]
    assert len({lines[0] for lines in told}) == len(Acceptance)
    assert all("100" in lines[0] for lines in told)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_not_reproduced_says_what_it_means_and_what_it_does_not(lang):
    (line,) = PassportWords(lang).accepted(replace(FOUND, verdict=Acceptance.NOT_REPRODUCED), PLAN)
    for part in ("0.0123", "5.1", "0.2", "2.0"):  # p, the loss here, that of the study, the margin
        assert part in line
    assert {"en": "unlike", "ja": "異なります"}[lang] in line
    assert {"en": "does not say that the margin", "ja": "破られたことを意味するものではありません"}[
        lang
    ] in line


@pytest.mark.parametrize("lang", LANGUAGES)
def test_reproduced_figures_are_told_beside_another_verdict(lang):
    told = list(PassportWords(lang).accepted(FOUND, PLAN))
    assert len(told) == 2
    assert "0.0123" in told[1]
    untested = replace(FOUND, reproduction=None)
    told = list(PassportWords(lang).accepted(untested, PLAN))
    assert {"en": "margin alone was tested", "ja": "許容幅だけを検定しました"}[lang] in told[1]
    assert len(list(PassportWords(lang).accepted(untested, replace(PLAN, study=())))) == 1


@pytest.mark.parametrize("lang", LANGUAGES)
def test_what_is_tested_is_told_beforehand(lang):
    words, chance = PassportWords(lang), Chances(0.8, 0.4, 0.5)
    line = words.tested(PLAN, Chances(0.9, 0.0, 0.02), chance, chance)
    for part in ("5.0%", "10.0%", "90%", "2%", "4"):  # one error, both, chances, replies compared
        assert part in line
    alone = words.tested(replace(PLAN, study=()), chance, chance, chance)
    assert {"en": "only the margin is tested", "ja": "許容幅だけを検定"}[lang] in alone


@pytest.mark.parametrize("lang", LANGUAGES)
def test_what_a_server_changes_is_told(lang):
    words = PassportWords(lang)
    alone = Outlook(replace(PLAN, study=(), samples=1), 0.0, 0.2, paired=False)
    told = list(words.apart(PLAN, alone))
    assert {"en": "no trace in common", "ja": "共通のトレースがなく"}[lang] in told[0]
    assert {"en": "margin alone is tested", "ja": "許容幅だけを検定します"}[lang] in told[1]
    assert len(list(words.apart(replace(PLAN, study=()), alone))) == 1


@pytest.mark.parametrize("lang", LANGUAGES)
def test_how_many_questions_it_takes_is_told(lang):
    line = PassportWords(lang).needed(PLAN, 159, None)
    assert "159" in line
    assert {"en": "over 20,000", "ja": "2万超"}[lang] in line
