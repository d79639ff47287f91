"""Kinds of chat templates that released models brought: what `bench/models.py` met, in small templates."""

import pytest

from karui.core.errors import ModelError
from karui.engines.chat.discovery.words import hear
from karui.engines.chat.markers import Start
from tests.helpers.chat_templates import EACH, SWITCH_ON, THINK, found, opening, turn_with


def effort_of(*known, usual="none"):
    """A template that takes some levels only, and writes the one asked for before everything else."""
    return (
        f"{{% set effort = reasoning_effort | default('{usual}') %}}"
        f"{{% if effort not in {list(known)} %}}{{{{ raise_exception('no such effort') }}}}{{% endif %}}"
        "[SETTINGS]{{ effort }}[/SETTINGS]"
    )


@pytest.mark.parametrize("word", ["none", "off", "no_think"])
def test_a_level_that_means_no_thinking_is_a_switch_and_never_a_level(word):
    thinking = found(effort_of(word, "high", usual=word) + turn_with(THINK) + opening(""), table=False)
    assert thinking.off.arguments == {"reasoning_effort": word}
    assert thinking.on.arguments == {"reasoning_effort": "high"}
    assert list(thinking.efforts) == ["high"]
    assert "does not think by itself" in thinking.notes[0]


def test_where_a_template_takes_any_word_none_is_no_switch():
    told = "<|system|>Effort: {{ reasoning_effort | default('medium') }}<|end|>"
    thinking = found(told + turn_with(THINK) + opening(""), table=False)
    assert thinking.off is None
    assert list(thinking.efforts) == ["low", "medium", "high"]


def test_words_that_ask_for_the_same_are_one_level():
    told = (
        "{% set level = {'minimal': 'low', 'low': 'low', 'medium': 'low', 'max': 'max'} %}"
        "<|system|>Effort: {{ level.get(reasoning_effort | default('x'), 'high') }}<|end|>"
    )
    hidden = found(told + turn_with(THINK) + opening("<think>"), hidden=True)
    assert list(hidden.efforts) == ["low", "max"]


@pytest.mark.parametrize("level", ["low", "fast", "faster"])
def test_a_level_that_thinks_between_other_markers_is_not_offered(level):
    end = f"{{% if reasoning_effort == '{level}' %}}<think_{level}>{{% else %}}<think>{{% endif %}}"
    told = "<|system|>Effort: {{ reasoning_effort | default('high') }}<|end|>"
    thinking = found(told + turn_with(THINK) + opening(end), table=False)
    assert level not in thinking.efforts
    assert "high" in thinking.efforts


@pytest.mark.parametrize(
    ("told", "open_", "answer"),
    [
        ("Write your thoughts between <think> and </think>.", "<think>", ""),
        ("Use <reasoning>…</reasoning>, then <answer>…</answer>.", "<reasoning>", "<answer>"),
        ("First [THOUGHTS] and [/THOUGHTS], then the answer.", "[THOUGHTS]", ""),
    ],
)
def test_tags_that_a_prompt_tells_the_model_to_write_need_no_table(told, open_, answer):
    thinking = found(f"<|system|>{told}<|end|>" + turn_with("") + opening(""), table=False)
    assert (thinking.markers.open, thinking.markers.answer) == (open_, answer)


def test_tags_that_are_spoken_of_behind_the_question_open_and_close_nothing():
    asked = (
        EACH
        + "<|{{ m.role }}|>{% if m.role == 'assistant' and m.reasoning_content %}"
        + THINK
        + "{% endif %}{{ m.content }}"
        + "{% if m.role == 'user' %} Think in <think></think> first.{% endif %}<|end|>"
        + "{% endfor %}"
    )
    assert found(asked + opening(""), table=False).start is Start.UNDECIDED
    assert found(asked + opening("<think>\n"), table=False).start is Start.THINKING
    assert found(asked + opening("<think>\n\n</think>\n\n"), table=False).start is Start.ANSWERING


def test_messages_of_thinking_whose_header_is_a_single_tag_end_behind_all_of_the_answers_header():
    template = (
        EACH
        + "{% if m.role == 'assistant' %}{% if m.reasoning %}<|model|><|thinking|>{{ m.reasoning }}<|done|>"
        + "{% endif %}<|model|><|text|>{{ m.content }}<|done|><|stop|>"
        + "{% else %}<|{{ m.role }}|><|text|>{{ m.content }}<|done|>{% endif %}{% endfor %}"
        + "{% if add_generation_prompt %}<|model|>{% endif %}"
    )
    thinking = found(template, table=False)
    assert thinking.markers.close == "<|done|><|model|><|text|>"
    assert thinking.start is Start.UNDECIDED
    assert thinking.off is None


def test_a_word_that_turns_thinking_on():
    word = (
        "{% set loud = namespace(on=false) %}"
        + EACH
        + "{% if '/think' in m.content %}{% set loud.on = true %}{% endif %}{% endfor %}"
    )
    end = "{% if loud.on %}<think>\n{% else %}<think>\n\n</think>\n\n{% endif %}"
    thinking = found(word + turn_with(THINK) + opening(end), table=False)
    assert thinking.on.word == "/think"
    assert thinking.start is Start.THINKING
    assert thinking.by_default is Start.ANSWERING


def test_a_template_that_leaves_the_choice_to_the_model_is_told_and_the_note_says_so():
    end = (
        "{% if enable_thinking is defined %}{% if enable_thinking %}<think>\n"
        "{% else %}<think>\n\n</think>\n\n{% endif %}{% endif %}"
    )
    thinking = found(turn_with(THINK) + opening(end), table=False)
    assert thinking.on.arguments == {"enable_thinking": True}
    assert "as it likes" in thinking.notes[0]


def test_the_end_of_a_turn_that_is_written_with_the_next_one_is_found_and_the_users_opening_is_none():
    ended = EACH + "{% if not loop.first %}<|over|>{% endif %}<|{{ m.role }}|>{{ m.content }}{% endfor %}"
    assert found(ended + opening("")).turn_end == "<|over|>"
    begun = EACH + "<|{{ m.role }}|>{{ m.content }}{% endfor %}"
    assert found(begun + opening("")).turn_end == ""


def test_what_closes_an_answer_is_found_by_what_opens_it():
    shown = "<|START_THINKING|>{{ m.reasoning_content }}<|END_THINKING|><|START_TEXT|>"
    template = turn_with(shown, "<|START_TEXT|>").replace(
        "<|end|>{% else %}", "<|END_TEXT|><|end|>{% else %}"
    )
    assert found(template + opening(""), table=False).markers.answer_close == "<|END_TEXT|>"


def test_a_template_that_takes_only_parts_is_refused_and_says_so():
    parts = EACH + "{% for p in m.content if p.type == 'text' %}{{ p.text }}{% endfor %}{% endfor %}"
    with pytest.raises(ModelError) as refused:
        found("<|user|>" + parts)
    assert "lists of parts" in refused.value.why


@pytest.mark.parametrize("ends", ["<think>\n", "[THINK]", "<|begin_of_thought|>"])
def test_behind_a_server_that_hides_its_template_an_open_tag_is_closed_as_such_tags_are(ends):
    turns = EACH + "<|{{ m.role }}|>{{ m.content }}<|end|>{% endfor %}"
    thinking = found(turns + opening(ends), table=False, hidden=True)
    assert thinking.start is Start.THINKING
    assert thinking.markers.close in {"</think>", "[/THINK]", "<|end_of_thought|>"}


def test_no_template_is_asked_for_more_than_sixty_renderings():
    many = "".join(f"{{{{ option_{n} }}}}" for n in range(40))
    asked = []
    for template in (many + turn_with("") + opening(""), turn_with(THINK) + opening(SWITCH_ON)):
        for hidden in (False, True):
            asked.clear()
            found(template, hidden=hidden, asked=asked)
            assert 0 < len(asked) <= 60


# -- the model's own words ---------------------------------------------------------------------------------

SILENT = EACH + "<|{{ m.role }}|>{{ m.content.split('</think>')[-1] }}<|end|>{% endfor %}" + opening("")


@pytest.mark.parametrize("table", [True, False])
@pytest.mark.parametrize(
    ("reply", "close"),
    [("<think>\nSo", "</think>"), (" <think>So", "</think>"), ("[THINK]Three weeks", "[/THINK]")],
)
def test_a_reply_that_begins_by_opening_its_thinking_shows_how_a_model_thinks(reply, close, table):
    thinking = hear(found(SILENT), reply, table=table)
    assert thinking.markers.close == close
    assert thinking.start is Start.UNDECIDED
    assert "the model wrote" in thinking.findings[0].how


@pytest.mark.parametrize("reply", ["21 days.", "I use <think> tags.", "", "<b>21</b>", "`<think>`"])
def test_a_reply_that_begins_otherwise_shows_nothing(reply):
    assert hear(found(SILENT), reply).markers.plain
