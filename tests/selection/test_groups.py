"""Which recordings are replayed together, which pilot goes with each, and what comes of comparing models."""

from dataclasses import replace
from functools import partial

import pytest

from karui import catalog
from karui.core.errors import RecordingMismatch
from karui.core.plan import Plan
from karui.core.prompt import Prompt
from karui.core.recording import Recording
from karui.core.study.choice import Axis, Rule
from karui.recording.reference import self_reference
from karui.selection.evidence import Group, gather, split
from karui.selection.examples import examples
from karui.selection.groups import Sources, groups_of, pilot_of, same_questions
from karui.selection.interactions import interactions
from karui.selection.search_space import SearchSpace
from karui.selection.select import choose
from karui.testing.synthetic import sibling, synthetic

CONFIG = {
    "model_type": "qwen3",
    "hidden_size": 64,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "intermediate_size": 128,
    "vocab_size": 100,
}
MAIN = synthetic(40, 4, seed=1, tokens=120, truncated=0.0)
SMALL = sibling(MAIN, seed=2, tokens=60)


def carded(recording: Recording, **card: object) -> Recording:
    model = replace(recording.manifest.model, **card)  # type: ignore[arg-type]
    return replace(recording, manifest=replace(recording.manifest, model=model))


def styled(recording: Recording, plan: str) -> Recording:
    """Returns a recording as if it had been made with these techniques."""
    spec = tuple(catalog.parse(plan).spec)
    return replace(recording, manifest=replace(recording.manifest, style=spec))


def artifact(recording: Recording) -> Recording:
    """Returns a recording by other weights: a style that changes no prompt."""
    return carded(styled(recording, "concise-cot"), digest="artifact", name="made")


def elsewhere(recording: Recording) -> Recording:
    """Returns a recording as if it were of other questions."""
    asked = [replace(q, prompt=Prompt(f"Elsewhere: {q.prompt.user}")) for q in recording.questions]
    return replace(recording, questions=tuple(asked))


def few(recordings: object, pilots: object = None, *, between: bool = False) -> SearchSpace:
    """A space of two plans over one model, or of one cascade."""
    style = catalog.plan_from_spec(recordings["main"].manifest.style).techniques  # type: ignore[index]
    words = ["cascade"] if between else ["full thinking", "token-budget:tokens=50"]
    return SearchSpace(tuple(Plan((*style, *catalog.parse(w).techniques)) for w in words), ())


def grouped(sources: Sources) -> tuple[list[Group], Recording]:
    return groups_of(sources, few, partial(few, between=True))


def test_without_pilots_every_group_sets_the_same_questions_aside() -> None:
    groups, test_part = grouped(Sources(MAIN, [artifact(MAIN)], {"small": SMALL}))
    assert [sorted(g.test) for g in groups] == [["main"], ["main", "small"], ["main"], ["main", "small"]]
    pilot, test = split(MAIN)
    assert test_part.questions == test.questions
    for group in groups:
        assert [q.id for q in group.pilot["main"].questions] == [q.id for q in pilot.questions]
        assert [q.id for q in group.test["main"].questions] == [q.id for q in test.questions]
    evidence = gather(groups, runs=2)
    assert len(evidence.pilot) == len(evidence.test) == 6
    assert {len(o.questions) for o in evidence.pilot.values()} == {len(pilot.questions)}
    assert {tuple(o.models) for o in evidence.test.values()} == {("main",), ("main", "small")}


def test_each_group_is_given_its_own_pilot() -> None:
    other = elsewhere(synthetic(20, 4, seed=9, tokens=120))
    pilots = [sibling(other, seed=2), artifact(other), carded(other, digest="synthetic-1")]
    assert pilot_of(MAIN, pilots) is pilots[2]
    sources = Sources(MAIN, [artifact(MAIN)], {"small": SMALL}, pilots)
    groups, test_part = grouped(sources)
    assert test_part is MAIN
    assert [len(g.pilot) for g in groups] == [1, 2, 1, 2]
    assert groups[1].pilot["small"] is pilots[0]
    assert groups[2].pilot["main"] is pilots[1]


def test_a_group_without_a_pilot_is_shown_and_not_chosen_from() -> None:
    other = carded(elsewhere(synthetic(20, 4, seed=9, tokens=120)), digest="synthetic-1")
    groups, _ = grouped(Sources(MAIN, [artifact(MAIN)], {"small": SMALL}, [other]))
    assert [len(g.pilot) for g in groups] == [1, 0, 0, 0]
    evidence = gather(groups, runs=2)
    assert len(evidence.pilot) == 2
    assert len(evidence.test) == 6
    with pytest.raises(RecordingMismatch, match="No pilot"):
        grouped(Sources(MAIN, pilots=[carded(other, digest="another")]))


def test_a_pilot_of_which_questions_are_test_questions_is_refused() -> None:
    other = elsewhere(MAIN)
    grouped(Sources(MAIN, pilots=[other]))
    same = replace(other.questions[0], prompt=Prompt("  SYNTHETIC  question ３."))
    mixed = replace(other, questions=(same, *other.questions[1:]))
    with pytest.raises(RecordingMismatch, match=r"1 questions of the pilot .* are test questions too: q0003"):
        grouped(Sources(MAIN, pilots=[mixed]))


def test_grids_come_from_the_pilot_questions_alone() -> None:
    seen = []

    def space(recordings: dict[str, Recording], pilots: dict[str, Recording]) -> SearchSpace:
        seen.append(({q.id for q in recordings["main"].questions}, {q.id for q in pilots["main"].questions}))
        return few(recordings)

    groups_of(Sources(MAIN), space, partial(few, between=True))
    pilot, test = split(MAIN)
    assert seen == [({q.id for q in test.questions}, {q.id for q in pilot.questions})]


def test_questions_that_are_one_unit_are_on_one_side_and_tested_as_one() -> None:
    asked = [replace(q, group=f"customer {n // 4}") for n, q in enumerate(MAIN.questions)]
    groups, test_part = grouped(Sources(replace(MAIN, questions=tuple(asked))))
    customers = {q.group for q in test_part.questions}
    assert not customers & {q.group for q in groups[0].pilot["main"].questions}
    evidence = gather(groups)
    assert len(evidence.order.keys) == len(customers)
    choice = choose(evidence, test_part, Rule())
    assert choice.looks is not None
    assert (choice.units, choice.looks.grouped) == (len(customers), len(test_part.questions))


def test_two_recordings_of_one_name_are_refused() -> None:
    with pytest.raises(RecordingMismatch, match="one name") as refused:
        grouped(Sources(MAIN, [SMALL]))
    assert "--aux-model" in refused.value.remedy


def test_a_style_of_other_questions_is_refused() -> None:
    for other in (synthetic(39, 4, seed=1), synthetic(40, 4, seed=2)):
        with pytest.raises(RecordingMismatch, match="not of the main recording's questions"):
            grouped(Sources(MAIN, [artifact(other)]))
    turned = replace(MAIN, questions=MAIN.questions[::-1])
    assert same_questions(MAIN, turned).questions == MAIN.questions


def test_a_model_beside_goes_with_the_prompts_it_was_shown() -> None:
    def shorter(recording: Recording) -> Recording:
        questions = tuple(replace(q, prompt=Prompt("Be brief.")) for q in recording.questions)
        return styled(replace(recording, questions=questions), "concise-cot")

    groups, _ = grouped(Sources(MAIN, [shorter(MAIN)], {"small": shorter(SMALL)}))
    assert [sorted(g.test) for g in groups] == [["main"], [], ["main"], ["main", "small"]]
    assert "another prompt" in groups[1].space.refused[0].reason.text
    gather(groups, runs=1)
    with pytest.raises(RecordingMismatch, match="cannot stand beside"):  # nothing it goes with
        grouped(Sources(MAIN, beside={"small": shorter(SMALL)}))


def test_all_are_judged_by_the_full_models_own_answers_where_it_is_the_reference() -> None:
    main, other = self_reference(MAIN), self_reference(artifact(MAIN))
    worse = replace(other, questions=self_reference(SMALL).questions)
    assert any(a.reference != b.reference for a, b in zip(main.questions, worse.questions, strict=True))
    judged = same_questions(main, worse)
    assert [q.reference for q in judged.questions] == [q.reference for q in main.questions]
    for question in judged.questions:
        assert all(right == (answer == question.reference) for answer, right in question.verdicts.items())


def test_models_are_compared_by_flops_and_a_cascade_is_chosen_for_them() -> None:
    """A small model that is as good and many times cheaper: the cascade has to win."""
    main = carded(synthetic(600, 2, seed=4, tokens=120, truncated=0.0), config=CONFIG, weight_bytes=9_000_000)
    little = {**CONFIG, "hidden_size": 16, "num_attention_heads": 2, "num_hidden_layers": 1}
    twin = replace(main, manifest=replace(main.manifest, seed=7))
    small = carded(twin, name="small", digest="small", config=little, weight_bytes=100_000)
    groups, test_part = grouped(Sources(main, beside={"small": small}))
    evidence = gather(groups, runs=2)
    rule = Rule(minimize=Axis.FLOPS)
    choice = choose(evidence, test_part, rule, beside={"small": small.manifest.model})
    assert (choice.decision, [t["technique"] for t in choice.spec]) == ("adopt", ["cascade"])
    assert choice.beside["small"].name == "small"
    by_tokens = choose(evidence, test_part, Rule(minimize=Axis.TOKENS))
    cascade = next(t for t in (*by_tokens.tested, *by_tokens.rejected) if "cascade" in t.label)
    assert cascade.saving < choice.tested[-1].saving
    by_memory = choose(evidence, test_part, Rule(minimize=Axis.MEMORY))
    kept = next(t for t in (*by_memory.tested, *by_memory.rejected) if "cascade" in t.label)
    assert kept.saving < 0.05  # both are kept loaded


def test_examples_of_a_cascade_say_which_model_did_what() -> None:
    plan = catalog.parse("cascade:threshold=0.9")
    found = examples({"main": MAIN, "small": SMALL}, plan, each=2)
    assert found
    for example in found:
        asked = [a.model for a in example.plan.actions]
        assert asked in (["small"], ["small", "main"])
        assert example.plan.thinking_chars is None or "main" in asked


def test_interactions_of_the_plan_in_question_come_first() -> None:
    cheap, dear = "cascade:threshold=0", "cascade:threshold=1"  # the small model alone, and both always
    caps = ["token-cap:tokens=90", "token-cap:tokens=120"]
    plans = ["full thinking", cheap, dear, *caps, *(f"{c} + {cap}" for c in (cheap, dear) for cap in caps)]
    made = SearchSpace(tuple(map(catalog.parse, plans)), ())
    evidence = gather([Group({}, {"main": MAIN, "small": SMALL}, made)], runs=2)
    about = catalog.parse(f"{dear} + {caps[1]}")
    found = interactions(evidence, Rule(margin=0.99), about.id)
    assert found[0].both == about.label
    assert set(found[0].axes) == {Axis.TOKENS, Axis.LATENCY}
    assert found[0].axes[Axis.TOKENS].a > 1  # shown although one part saves nothing: it is the plan's own
    both = [evidence.test[catalog.parse(f"{cheap} + {cap}").id] for cap in caps]
    assert [i.both for i in found[1:]] == [min(both, key=lambda o: o.tokens.mean()).plan.label]
    assert len(interactions(evidence, Rule(margin=-0.99), about.id)) == 1  # all lose too much
