"""How a model thinks, found out from its chat template: small templates of the kinds that models have."""

import pytest

from karui.core.errors import InputError, ModelError
from karui.core.prompt import Prompt
from karui.engines.chat.discovery.arguments import read_source
from karui.engines.chat.discovery.response_template import described
from karui.engines.chat.markers import Start
from karui.engines.chat.override import Override, read_override
from karui.engines.chat.template import messages_of
from karui.engines.openai.requests.request_builder import chat_body
from tests.helpers.chat_templates import EACH, SWITCH_OFF, SWITCH_ON, THINK, found, opening, turn_with


def test_a_model_that_opens_its_thinking_itself_and_can_be_told_not_to():
    thinking = found(turn_with(THINK) + opening(SWITCH_OFF), table=False)
    assert (thinking.markers.open, thinking.markers.close) == ("<think>", "</think>")
    assert thinking.markers.suffix == "\n</think>\n\n\\boxed{"
    assert thinking.markers.empty == "<think>\n\n</think>\n\n"
    assert not thinking.on.arguments
    assert thinking.off.arguments == {"enable_thinking": False}
    assert thinking.start is thinking.by_default is Start.UNDECIDED
    assert thinking.history == "reasoning_content"
    assert thinking.turn_end == "<|end|>"
    assert not thinking.notes


def test_a_model_that_does_not_think_by_itself_is_switched_on_and_a_note_says_so():
    thinking = found(turn_with(THINK) + opening(SWITCH_ON), table=False)
    assert thinking.by_default is Start.ANSWERING
    assert thinking.on.arguments == {"enable_thinking": True}
    assert thinking.start is Start.THINKING
    assert "enable_thinking=True" in thinking.notes[0]


@pytest.mark.parametrize(
    ("shown", "bare", "markers"),
    [
        # GLM: no blank lines; the empty form is the end alone.
        (
            "<think>{{ m.reasoning_content }}</think>",
            "</think>",
            ("<think>", "</think>", "", "</think>", "</think>"),
        ),
        # Cohere: the answer has an opening of its own.
        (
            "<|START_THINKING|>{{ m.reasoning_content }}<|END_THINKING|><|START_TEXT|>",
            "<|START_TEXT|>",
            (
                "<|START_THINKING|>",
                "<|END_THINKING|>",
                "<|START_TEXT|>",
                "<|END_THINKING|><|START_TEXT|>",
                "<|START_TEXT|>",
            ),
        ),
        # Gemma: a word behind the opening tag.
        (
            "<|channel>thought\n{{ m.reasoning_content }}\n<channel|>",
            "",
            ("<|channel>thought", "<channel|>", "", "\n<channel|>", "<|channel>thought\n<channel|>"),
        ),
        # Kimi: one marker of several tags, and an answer that is opened and closed.
        (
            "<|open|>think<|sep|>{{ m.reasoning_content }}<|close|>think<|sep|><|open|>response<|sep|>",
            "<|open|>think<|sep|><|close|>think<|sep|><|open|>response<|sep|>",
            (
                "<|open|>think<|sep|>",
                "<|close|>think<|sep|>",
                "<|open|>response<|sep|>",
                "<|close|>think<|sep|><|open|>response<|sep|>",
                "<|open|>think<|sep|><|close|>think<|sep|><|open|>response<|sep|>",
            ),
        ),
        # Words nobody has met yet.
        (
            "⟦musing⟧<mull>{{ m.reasoning_content }}</mull>",
            "",
            ("⟦musing⟧<mull>", "</mull>", "", "</mull>", "⟦musing⟧<mull></mull>"),
        ),
    ],
)
def test_what_stands_around_thinking_is_read_off_a_marked_turn(shown, bare, markers):
    m = found(turn_with(shown, bare) + opening(""), table=False).markers
    assert (
        m.open.removeprefix("⟦musing⟧"),
        m.close,
        m.answer,
        m.bridge,
        m.empty.replace("⟦musing⟧", ""),
    ) == tuple(x.replace("⟦musing⟧", "") for x in markers)


def test_answers_that_are_messages_of_their_own_begin_behind_all_of_their_header():
    shown = (
        "<|channel|>analysis<|message|>{{ m.reasoning_content }}<|end|>"
        "<|a|>assistant<|channel|>final<|message|>"
    )
    template = (
        EACH
        + "{% if m.role == 'assistant' %}<|a|>assistant{% if m.reasoning_content %}"
        + shown
        + "{% else %}<|channel|>final<|message|>{% endif %}{{ m.content }}<|return|>"
        + "{% else %}<|a|>{{ m.role }}<|message|>{{ m.content }}<|end|>{% endif %}{% endfor %}"
        + "{% if add_generation_prompt %}<|a|>assistant{% endif %}"
    )
    m = found(template, table=False).markers
    assert m.open == "<|channel|>analysis<|message|>"
    assert m.close == m.bridge == "<|end|><|a|>assistant<|channel|>final<|message|>"
    assert m.empty == m.answer == "<|channel|>final<|message|>"
    # What ends a message of thinking ends no turn.
    assert found(template, table=False).turn_end == "<|return|>"


@pytest.mark.parametrize(
    ("opens", "start"),
    [
        ("<think>\n", Start.THINKING),
        ("{% if thinking %}<think>{% else %}</think>{% endif %}", Start.THINKING),
    ],
)
def test_a_template_that_keeps_no_thinking_shows_it_in_what_prompts_end_with(opens, start):
    turns = (
        EACH
        + "{% if m.role == 'assistant' %}<|a|>{{ m.content.split('</think>')[-1] }}<|end|>"
        + "{% else %}<|u|>{{ m.content }}<|end|>{% endif %}{% endfor %}"
    )
    thinking = found(turns + opening(opens), table=False)
    assert (thinking.markers.open, thinking.markers.close) == ("<think>", "</think>")
    assert thinking.start is start


def test_a_template_that_only_mentions_a_tag_shows_nothing_of_it():
    turns = EACH + "<|{{ m.role }}|>{{ m.content.split('</think>')[-1] }}<|end|>{% endfor %}"
    thinking = found(turns + opening(""), tokens=("<think>", "</think>"))
    assert thinking.markers.plain
    assert "</think> is known here" in thinking.markers.found_how


def test_what_a_question_says_does_not_decide_where_its_prompt_ends():
    thinking = found(turn_with(THINK) + opening("<think>\n"), table=False)
    for user in ("n", "</think>", "<think>", "a</think>b"):
        assert thinking.start_of(f"<|user|>{user}<|end|><|a|><think>\n") is Start.THINKING


def test_levels_of_effort_that_raise_are_not_offered_and_end_nothing():
    effort = (
        "{% if reasoning_effort is defined and reasoning_effort not in ['xhigh', 'medium', 'low'] %}"
        "{{ raise_exception('no such effort') }}{% endif %}"
        "{% if reasoning_effort is defined %}<|system|>Effort: {{ reasoning_effort }}<|end|>{% endif %}"
    )
    thinking = found(effort + turn_with(THINK) + opening("<think>\n"), table=False)
    assert list(thinking.efforts) == ["low", "medium", "xhigh"]
    raised = next(f for f in thinking.findings if f.what == "raises")
    assert "reasoning_effort='high'" in raised.value


def test_a_level_that_leaves_the_thinking_out_is_the_switch_and_the_highest_usual_one_turns_it_on():
    effort = (
        "{% set effort = reasoning_effort | default('no_think') %}"
        "{% if effort not in ['no_think', 'low', 'high'] %}{{ raise_exception('no') }}{% endif %}"
    )
    end = "{% if effort == 'no_think' %}<think:x></think:x>{% else %}<think:x>{% endif %}"
    thinking = found(
        effort + turn_with("<think:x>{{ m.reasoning_content }}</think:x>") + opening(end), table=False
    )
    assert thinking.markers.close == "</think:x>"
    assert thinking.on.arguments == {"reasoning_effort": "high"}
    assert thinking.off.arguments == {"reasoning_effort": "no_think"}
    assert list(thinking.efforts) == ["low", "high"]


def test_an_effort_that_counts_only_where_thinking_is_on_is_asked_for_with_it():
    effort = "{% if thinking and reasoning_effort == 'max' %}<|system|>Think hard<|end|>{% endif %}"
    end = "{% if thinking %}<think>{% else %}</think>{% endif %}"
    thinking = found(effort + turn_with(THINK) + opening(end), table=False)
    assert thinking.efforts == {"max": {"thinking": True, "reasoning_effort": "max"}}


def test_a_word_in_the_system_message_that_leaves_the_thinking_out():
    word = (
        "{% set quiet = namespace(on=false) %}"
        + EACH
        + "{% if '/no_think' in m.content %}{% set quiet.on = true %}{% endif %}{% endfor %}"
    )
    end = "{% if quiet.on %}<think></think>{% else %}<think>\n{% endif %}"
    thinking = found(word + turn_with(THINK) + opening(end), table=False)
    assert thinking.off.word == "/no_think"
    assert not thinking.off.arguments


def test_a_budget_that_the_template_takes():
    told = "{% if thinking_budget is defined %}<|system|>Budget: {{ thinking_budget }}<|end|>{% endif %}"
    end = "{% if thinking_budget == 0 %}<think></think>{% endif %}"
    thinking = found(told + turn_with(THINK) + opening(end), table=False)
    assert thinking.budget == "thinking_budget"
    assert thinking.off.arguments == {"thinking_budget": 0}


def test_thinking_that_is_only_shown_beside_a_tool_call_is_found_too():
    turns = (
        EACH
        + "<|{{ m.role }}|>{% if m.tool_calls %}<mull>{{ m.reasoning }}</mull>"
        + "<call>{{ m.tool_calls[0].function.name }}</call>"
        + "{% endif %}{{ m.content }}<|end|>{% endfor %}"
    )
    markers = found(turns + opening(""), table=False).markers
    assert (markers.open, markers.close) == ("<mull>", "</mull>")


def test_earlier_thinking_goes_back_as_blocks_where_the_template_takes_these():
    shown = (
        EACH
        + "<|{{ m.role }}|>{% if m.content is mapping %}{% for b in m.content.blocks %}"
        + "{% if b.type == 'thoughts' %}<|inner_prefix|>{{ b.text }}<|inner_suffix|>{% endif %}"
        + "{% if b.type == 'response' %}{{ b.text }}{% endif %}{% endfor %}"
        + "{% else %}{{ m.content }}{% endif %}<|end|>{% endfor %}"
    )
    thinking = found(shown + opening(""))
    assert thinking.history == "blocks"
    before = (("user", "What is 1 and 2?"), ("assistant", "3"))
    prompt = Prompt("And 4?", history=before, thoughts=("", "One and two."))
    assert messages_of(prompt, thinking)[1]["content"] == {
        "blocks": [{"type": "thoughts", "text": "One and two."}, {"type": "response", "text": "3"}]
    }
    # Servers take no such content, and make it of the usual field themselves.
    said = chat_body(prompt, thinking)["messages"][1]
    assert said == {"role": "assistant", "content": "3", "reasoning_content": "One and two."}


def test_a_list_of_parts_that_is_written_out_as_it_stands_is_no_thinking():
    assert found(EACH + "<|{{ m.role }}|>{{ m.content }}<|end|>{% endfor %}" + opening("")).markers.plain


def test_a_template_that_always_raises_is_refused_with_its_own_words():
    with pytest.raises(ModelError) as refused:
        found("{{ raise_exception('only for machines') }}")
    assert "only for machines" in refused.value.why


def test_a_template_that_shows_no_question_is_refused():
    with pytest.raises(ModelError) as refused:
        found("<|user|>{{ messages | length }}<|a|>")
    assert "does not hold" in refused.value.why


# -- the tokenizer's response_template ---------------------------------------------------------------------


def response(begin, **close):
    return {"fields": {"thinking": {"open": begin, **close}, "content": {}}}


def test_a_response_template_is_asked_first():
    said = described(response("<mull>", close_pattern=r"<\/mull>\s*"))
    turns = EACH + "<|{{ m.role }}|>{{ m.content }}<|end|>{% endfor %}"
    thinking = found(turns + opening(""), described=said)
    assert (thinking.markers.open, thinking.markers.close) == ("<mull>", "</mull>")
    assert "response_template" in thinking.markers.found_how


def test_a_response_template_that_the_chat_template_contradicts_is_refused_with_both():
    said = described(response("<mull>", close="</mull>"))
    with pytest.raises(ModelError) as refused:
        found(turn_with(THINK) + opening(""), described=said)
    assert "<mull>" in refused.value.why
    assert "<think>" in refused.value.why
    assert "--thinking" in refused.value.remedy


def test_what_the_user_says_settles_a_contradiction():
    said = described(response("<mull>", close="</mull>"))
    override = Override(open="<think>", close="</think>")
    thinking = found(turn_with(THINK) + opening(""), described=said, override=override)
    assert thinking.markers.close == "</think>"


def test_a_response_template_that_ends_thinking_by_a_pattern_leaves_it_to_the_chat_template():
    said = described(response("<mull>", close_pattern=r"</mull>|\Z"))
    thinking = found(turn_with(THINK) + opening(""), described=said)
    assert thinking.markers.close == "</think>"
    assert any("pattern" in note for note in thinking.notes)


@pytest.mark.parametrize(
    "template", [None, {}, {"fields": {}}, {"fields": {"content": {"close": "x"}}}, "text"]
)
def test_a_response_template_without_thinking_says_nothing(template):
    assert described(template) is None


# -- what the user says ------------------------------------------------------------------------------------


def test_everything_can_be_overridden_and_says_so(tmp_path):
    file = tmp_path / "thinking.toml"
    file.write_text(
        'close = "</mull>"\nopen = "<mull>"\nturn_end = "<|stop|>"\nhistory = ""\n'
        'on = {arguments = {mull = true}}\noff = {word = "/quick"}\n[efforts]\nlow = {effort = 1}\n'
    )
    override = read_override(file)
    thinking = found(turn_with(THINK) + opening(SWITCH_OFF), override=override)
    assert (thinking.markers.open, thinking.markers.close) == ("<mull>", "</mull>")
    assert thinking.markers.suffix == "\n</mull>\n\n\\boxed{"
    assert (thinking.on.arguments, thinking.off.word) == ({"mull": True}, "/quick")
    assert (thinking.turn_end, thinking.history) == ("<|stop|>", "")
    assert thinking.efforts == {"low": {"effort": 1}}
    assert (
        sum(f.how.endswith("as the user says.") or f.how == "as the user says" for f in thinking.findings)
        >= 5
    )
    assert Override.of(thinking.as_dict()["override"], "a manifest") == override


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ('shut = "</think>"', "'shut'"),
        ("close = 3", "close must be a text"),
        ("on = 3", "on must be a table"),
        ("off = {word = 3}", "off must be a table"),
        ("efforts = 3", "efforts must be a table of tables"),
        ("close =", "cannot be read as TOML"),
    ],
)
def test_an_override_that_cannot_be_used_names_what_is_wrong(tmp_path, text, named):
    file = tmp_path / "thinking.toml"
    file.write_text(text)
    with pytest.raises(InputError) as refused:
        read_override(file)
    assert named in refused.value.what


def test_an_override_that_is_not_there_is_named(tmp_path):
    with pytest.raises(InputError, match="There is no file"):
        read_override(tmp_path / "none.toml")


# -- the template's source ---------------------------------------------------------------------------------


def test_arguments_and_the_words_they_are_compared_with_are_read_from_the_source():
    source = read_source(
        "{% set mode = thinking_mode | default('adaptive') %}"
        "{% if mode == 'disabled' %}x{% elif mode in ['enabled'] %}y{% endif %}"
        "{% for m in messages %}{% if '/no_think' in m.content %}z{% endif %}{{ m.content }}{% endfor %}"
        "{{ date_string }}"
    )
    assert source.readable
    assert source.arguments[0].name == "thinking_mode"
    assert set(source.arguments[0].words) == {"adaptive", "disabled", "enabled"}
    assert source.words == ("/no_think",)


@pytest.mark.parametrize("template", ["", "{% if %}"])
def test_a_source_that_cannot_be_read_leaves_the_usual_arguments(template):
    source = read_source(template)
    assert not source.readable
    assert {a.name for a in source.arguments} >= {"enable_thinking", "thinking", "reasoning_effort"}
