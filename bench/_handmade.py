"""Templates made by hand: of families that no package holds, and of the kinds that `--quick` looks at."""

from _packages import Source, jinja

_EACH = "{% for m in messages %}"
_DONE = "{% endfor %}{% if add_generation_prompt %}"
_USER = "<|{{ m.role }}|>{{ m.content }}<|end|>"


def _template(header: str, thinking: str, opening: str, *, before: str = "") -> str:
    turn = f"{header}{thinking}{{{{ m.content }}}}<|end|>"
    each = f"{{% if m.role == 'assistant' %}}{turn}{{% else %}}{_USER}{{% endif %}}"
    return before + _EACH + each + _DONE + header + opening + "{% endif %}"


def _where(thought: str, without: str = "") -> str:
    last = "{% if m.reasoning_content and loop.last %}"
    return last + thought + "{% else %}" + without + "{% endif %}"


_THINK = "<think>{{ m.reasoning_content }}</think>"
_LINES = "<think>\n{{ m.reasoning_content }}\n</think>\n\n"
_HY4 = (
    "{% set effort = reasoning_effort | default('high') %}"
    "{% if effort not in ['high', 'low', 'no_think'] %}{{ raise_exception('no such effort') }}{% endif %}"
    "<|system|>reasoning_effort:{{ effort }}<|end|>"
)
_HY4_END = (
    "{% if effort == 'no_think' %}<think:6124c78e></think:6124c78e>{% else %}<think:6124c78e>{% endif %}"
)
UNPACKAGED = (
    jinja(
        "hand-made/kimi-k2.5",
        _template(
            "<|im_assistant|>assistant<|im_middle|>",
            _where(_THINK, "<think></think>"),
            "{% if thinking is defined and not thinking %}<think></think>{% else %}<think>{% endif %}",
        ),
    ),
    jinja(
        "hand-made/hy4",
        _template(
            "<|hy_Assistant|>",
            _where(
                "<think:6124c78e>{{ m.reasoning_content }}</think:6124c78e>",
                "<think:6124c78e></think:6124c78e>",
            ),
            _HY4_END,
            before=_HY4,
        ),
    ),
    jinja("hand-made/plamo3", _template("<|plamo:begin_message|>assistant\n", "", "")),
)
"""Families of MODELS.md that are only known by parsers and pages: written after those, from scratch."""
_SWITCH = "{% if enable_thinking is defined and not enable_thinking %}<think>\n\n</think>\n\n{% endif %}"
QUICK: tuple[tuple[Source, str], ...] = (
    (jinja("quick/itself", _template("<|a|>", _where(_LINES), _SWITCH)), "Qwen3"),
    (jinja("quick/opened", _template("<|a|>", _where(_LINES), "<think>\n")), "MiniMax M2"),
    (
        jinja(
            "quick/closed",
            _template(
                "<|a|>",
                _where(_LINES),
                "{% if enable_thinking %}<think>\n{% else %}<think>\n\n</think>\n\n{% endif %}",
            ),
        ),
        "Qwen3.5 small",
    ),
    (jinja("quick/plain", _template("<|a|>", "", "")), ""),
    (jinja("quick/mentions", _template("<|a|>", "{% set x = m.content.split('</think>') %}", "")), ""),
)
"""Templates and the family whose row they have to fit, "" for a model that does not think."""
