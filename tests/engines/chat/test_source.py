"""What a model is like by its template's source, whatever its server tells the template."""

import pytest
from jinja2 import Environment

from karui.engines.chat.discovery import Known, discover
from karui.engines.chat.format import Raised
from karui.engines.chat.markers import Start
from karui.engines.chat.override import Override
from karui.engines.chat.source import by_source
from karui.engines.chat.template import drive


def template(opened, closed=""):
    """Thinks in a channel; prompts end with `opened` where thinking is on, else with `closed`."""
    return (
        "{% for m in messages %}<|turn>{{ m.role }}\n"
        "{% if m.role == 'assistant' and m.reasoning_content and loop.last %}"
        "<|channel>thought\n{{ m.reasoning_content }}<channel|>{% endif %}"
        "{{ m.content }}<turn|>\n{% endfor %}"
        "{% if add_generation_prompt %}<|turn>assistant\n"
        "{% if enable_thinking is defined and enable_thinking %}"
        + opened
        + "{% else %}"
        + closed
        + "{% endif %}"
        "{% endif %}"
    )


SYSTEM = (
    "{% if enable_thinking is defined and enable_thinking %}<|turn>system\n<|think|><turn|>\n{% endif %}"
) + template("")
"""A token in the system turn switches thinking on: Gemma 4's way."""


def through_a_server(source, *, shows_thinking=True, **own):
    """Finds out through a server that tells the template `own` by itself, and leaves the last turn open."""
    environment = Environment()

    def render(wanted):
        messages = [dict(m) for m in wanted.messages]
        prefilled = messages[-1]["role"] == "assistant"
        if not shows_thinking:
            for message in messages:
                message.pop("reasoning_content", None)
        try:
            text = environment.from_string(source).render(
                messages=messages,
                add_generation_prompt=wanted.generate and not prefilled,
                **{**own, **wanted.arguments},
            )
        except Exception as error:  # noqa: BLE001 - as for real templates
            return Raised(str(error))
        return text.removesuffix("<turn|>\n") if prefilled else text

    known = Known(source)
    return drive(discover(known), render), known


@pytest.mark.parametrize(
    "source",
    [
        SYSTEM,
        template("<|channel>thought\n", "<|channel>thought\n<channel|>"),
        template("", "<|channel>thought\n<channel|>"),
    ],
)
@pytest.mark.parametrize("shows_thinking", [True, False])
def test_a_server_that_switches_thinking_on_by_itself_is_not_the_model(source, shows_thinking):
    shown, known = through_a_server(source, shows_thinking=shows_thinking, enable_thinking=True)
    assert not shown.on.arguments
    alone, _ = through_a_server(source)
    found = by_source(shown, known, {})
    assert found.on.arguments == {"enable_thinking": True}
    assert found.off.arguments == {"enable_thinking": False}
    assert found.by_default is alone.by_default
    assert (found.markers.open, found.markers.close) == ("<|channel>thought", "<channel|>")
    assert found.markers.bridge == "<channel|>"
    assert found.turn_end == "<turn|>"
    assert any("does not think by itself" in note for note in found.notes)
    said = {f.what: f for f in found.findings}
    assert "through this server: nothing" in said["thinks with"].how


def test_where_the_server_adds_nothing_nothing_is_corrected():
    source = template("<|channel>thought\n", "<|channel>thought\n<channel|>")
    shown, known = through_a_server(source)
    found = by_source(shown, known, {})
    assert (found.on, found.off, found.by_default) == (shown.on, shown.off, Start.ANSWERING)
    assert found.markers == shown.markers
    assert found.turn_end == "<turn|>"


def test_what_a_server_really_writes_stands_where_its_source_is_another():
    shown, _ = through_a_server(template("<|channel>thought\n"), enable_thinking=True)
    other = Known(
        template("<think>\n").replace("<|channel>thought", "<think>").replace("<channel|>", "</think>")
    )
    assert by_source(shown, other, {}) == shown
    assert by_source(shown, Known(""), {}) == shown
    assert by_source(shown, Known("{{ raise_exception('no') }}"), {}) == shown


def test_what_the_user_says_stands_above_both():
    source = template("", "<|channel>thought\n<channel|>")
    said = Override.of({"on": {"arguments": {"effort": 3}}, "turn_end": "<turn|>!"}, "a test")
    known = Known(source, override=said)
    shown = through_a_server(source, enable_thinking=True)[0]
    found = by_source(shown, known, {})
    assert found.turn_end == "<turn|>!"
