"""Small chat templates of the kinds that models have, and what is found in them."""

from jinja2 import Environment

from karui.engines.chat.discovery import Known, discover
from karui.engines.chat.format import Raised
from karui.engines.chat.template import drive

TURN = "[{{ m.role }}]{{ m.content }}[end]"
EACH = "{% for m in messages %}"


def turn_with(thinking, elsewise=""):
    """A template whose assistant turns show thinking so, and `elsewise` where there is none."""
    return (
        EACH
        + "{% if m.role == 'assistant' %}<|a|>{% if m.reasoning_content %}"
        + thinking
        + "{% else %}"
        + elsewise
        + "{% endif %}{{ m.content }}<|end|>"
        + "{% else %}<|{{ m.role }}|>{{ m.content }}<|end|>{% endif %}{% endfor %}"
    )


def opening(text):
    return "{% if add_generation_prompt %}<|a|>" + text + "{% endif %}"


def found(template, *, table=True, hidden=False, asked=None, **known):
    """Discovers a template; `hidden` hides its source, `asked` collects what is rendered."""
    environment = Environment(extensions=["jinja2.ext.loopcontrols"])

    def raise_exception(message):
        raise ValueError(message)

    def render(wanted):
        if asked is not None:
            asked.append(wanted)
        try:
            return environment.from_string(template).render(
                messages=wanted.messages,
                add_generation_prompt=wanted.generate,
                raise_exception=raise_exception,
                **wanted.arguments,
            )
        except Exception as error:  # noqa: BLE001 - as for real templates
            return Raised(str(error))

    return drive(discover(Known("" if hidden else template, table=table, **known)), render)


THINK = "<think>\n{{ m.reasoning_content }}\n</think>\n\n"
SWITCH_OFF = "{% if enable_thinking is defined and not enable_thinking %}<think>\n\n</think>\n\n{% endif %}"
SWITCH_ON = "{% if enable_thinking %}<think>\n{% else %}<think>\n\n</think>\n\n{% endif %}"
