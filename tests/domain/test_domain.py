"""The domain keeps the false-alarm rate it states, finds what is unlike, and holds no text."""

import json
from random import Random

import numpy as np
import pytest

from karui.core.prompt import Prompt
from karui.core.study.domain import DomainSummary
from karui.domain.domain import Asked, Domain, Unlike, distances, fewest, fitted, most_above
from karui.domain.reference import MOST

NAMES = "Anna Ben Carla David Emil Fiona Gustav Hanna".split()
THINGS = "apples pens books coins stamps shells cups hats boxes keys".split()
VERBS = "buys sells finds loses packs carries paints counts".split()
PLACES = "shop market harbour school garden station".split()


def question(rng):
    """One of many similar word problems."""
    a, b = rng.sample(NAMES, 2)
    one, two = rng.sample(THINGS, 2)
    said = [
        f"{a} {rng.choice(VERBS)} {rng.randrange(2, 99)} {one} at the {rng.choice(PLACES)}.",
        f"{b} {rng.choice(VERBS)} {rng.randrange(2, 99)} {two} for {a}.",
        f"Each of the {one} costs {rng.randrange(2, 9)} dollars.",
        f"The {rng.choice(PLACES)} is {rng.randrange(2, 30)} km away.",
    ]
    return " ".join(rng.sample(said, rng.randrange(2, 5))) + f" How many {one} does {a} have?"


def asked(seed, count):
    rng = Random(seed)
    return [Asked(Prompt(text), str(n)) for n, text in enumerate(question(rng) for _ in range(count))]


LONG = " ".join(question(Random(n)) for n in range(60))
OTHERS = {
    "small talk": "Why do penguins never freeze their toes, and could you write me a poem about it?",
    "Japanese": "太郎さんはりんごを3個、花子さんはみかんを5個持っています。全部で何個ですか？",
}


@pytest.fixture(scope="module")
def domain():
    found = fitted(asked(1, 400))[1]
    assert found is not None
    return found


def test_no_recorded_question_is_unlike_itself(domain):
    assert not any(domain.compare(one.prompt).unlike for one in asked(1, 400))


def test_like_questions_are_seldom_sent_away_and_unlike_ones_are(domain):
    """The threshold of one calibration may be unlucky; over some of them the rate is well below 5%."""
    away = []
    for seed in range(1000, 1006):
        one = fitted(asked(seed, 400))[1]
        away += [one.compare(live.prompt).unlike for live in asked(4000 + seed, 200)]
    assert 0 < np.mean(away) <= 0.04
    assert all(domain.compare(Prompt(text)).unlike for text in OTHERS.values())


@pytest.mark.parametrize(
    ("by", "text"),
    [(Unlike.WORDS, OTHERS["small talk"]), (Unlike.WORDS, OTHERS["Japanese"]), (Unlike.SHAPE, LONG)],
    ids=["words", "script", "length"],
)
def test_it_says_in_what_a_question_is_unlike(domain, by, text):
    assert domain.compare(Prompt(text)).by is by


def test_a_system_message_that_nobody_recorded_is_unlike(domain):
    one = asked(1, 1)[0].prompt
    found = domain.compare(Prompt(one.user, system="You are a pirate. Answer in rhymes." * 3))
    assert (found.unlike, found.by) == (True, Unlike.SHAPE)


def test_the_stated_rate_holds_with_the_stated_confidence():
    """Scores are drawn: in at most 5% of calibrations is the true share of like questions above 5%."""
    rng = np.random.default_rng(7)
    for n in (59, 150, 333):
        k = most_above(n, 0.05, 0.95)
        kth = np.sort(rng.random((20_000, n)), axis=1)[:, n - k]
        over = np.mean(1 - kth > 0.05)
        assert over <= 0.053
        assert np.mean(1 - np.sort(rng.random((20_000, n)), axis=1)[:, n - k - 1] > 0.05) > 0.05


def test_too_few_questions_say_nothing():
    summary, domain = fitted(asked(1, 80))
    assert domain is None
    assert (summary.known, summary.above, summary.questions, summary.digest) == (False, 0, 80, "")
    assert summary.calibration < fewest(0.05, 0.95) == 59
    assert fitted([]) == (DomainSummary(0, 0, 0, 0, 0.05, 0.95), None)


def test_a_pilot_is_compared_with_and_all_others_calibrate():
    summary, domain = fitted(asked(1, 80), asked(6, 200))
    assert domain is not None
    assert (summary.questions, summary.reference, summary.calibration, summary.above) == (280, 200, 80, 1)


def test_questions_of_one_unit_calibrate_once():
    many = [Asked(one.prompt, f"customer {n % 90}") for n, one in enumerate(asked(1, 400))]
    summary = fitted(many)[0]
    assert summary.reference + summary.calibration == 90


def test_it_comes_back_from_its_file_without_a_word(domain):
    written = json.dumps(domain.as_dict())
    back = Domain.from_dict(json.loads(written), domain.summary)
    assert back.digest == domain.digest == domain.summary.digest
    for text in (*OTHERS.values(), asked(9, 1)[0].prompt.user):
        assert back.compare(Prompt(text)) == domain.compare(Prompt(text))
    assert not any(word.casefold() in written.casefold() for word in (*NAMES, *THINGS, "dollars"))


def test_what_is_kept_is_bounded():
    domain = fitted(asked(1, 3 * MOST))[1]
    assert len(domain.reference.vectors) == MOST
    assert len(json.dumps(domain.as_dict())) < 400_000


def test_a_broken_file_is_an_error(domain):
    values = domain.as_dict()
    values["reference"] = {**values["reference"], "seen": values["reference"]["vectors"]}
    with pytest.raises(ValueError, match="another size"):
        Domain.from_dict(values, domain.summary)


def test_the_summary_names_the_questions():
    summary = fitted(asked(1, 300), kinds=["b", "a", "b", ""])[0]
    assert summary.kinds == ("a", "b")
    assert summary.scripts[0][0] == "latin"
    assert 20 < summary.length[0] < summary.length[1] < 400


def test_a_template_that_was_recorded_short_is_unlike_when_long():
    """Among many templates whose questions are all alike, one asked at another size stands out."""
    rng = Random(5)

    def added(terms):
        return "Add these numbers: " + " + ".join(str(rng.randrange(99)) for _ in range(terms))

    def spelt():
        return "Spell this word: " + "".join(rng.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(9))

    texts = [added(rng.randrange(3, 6)) if n % 2 else spelt() for n in range(400)]
    domain = fitted([Asked(Prompt(text), text) for text in texts])[1]
    assert not domain.compare(Prompt(added(4))).unlike
    long = domain.compare(Prompt(added(20)))
    assert (long.unlike, long.by) == (True, Unlike.SHAPE)


def test_distances_put_a_stranger_last():
    questions = [*asked(1, 100), Asked(Prompt(OTHERS["small talk"]), "stranger")]
    assert int(np.argmax(distances(questions))) == 100


def test_the_share_allowed_covers_what_calibration_leaves_open(domain):
    assert domain.allowed(0.05) <= 0.05 < domain.allowed(0.001) < 0.15
