"""What a chat template can be told beside its messages: its arguments, read from its source."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

THINKS = re.compile(r"think|reason|effort|deliberat|thought|budget", re.IGNORECASE)
"""What the name of an argument about thinking holds."""
EFFORT = re.compile(r"effort|strength|intensity", re.IGNORECASE)
"""What the name of an argument holds that says how much to think."""
LEVELS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
"""Levels of effort in the order of OpenAI's API; models know some of them only."""
QUIET = frozenset({"none", "off", "disabled", "disable", "no_think", "no_thinking", "nothink", "no-think"})
"""Values that ask for no thinking at all."""
_NOT_ABOUT_THINKING = frozenset(
    "messages tools documents add_generation_prompt continue_final_message bos_token eos_token pad_token "
    "unk_token sep_token cls_token mask_token additional_special_tokens raise_exception strftime_now "
    "namespace range dict lipsum cycler joiner loop tool_choice response_format response_schema "
    "add_vision_id builtin_tools controls".split()
)


_OTHERS = 12
"""Names that are tried at most, unless they say that they are about thinking."""


@dataclass(frozen=True, slots=True)
class Argument:
    """An argument of a chat template.

    Attributes:
        name: As the template reads it.
        words: Texts that the template compares it with, or sets in its place, in the source's order.
    """

    name: str
    words: tuple[str, ...] = ()

    @property
    def effort(self) -> bool:
        """Whether it says how much to think."""
        return bool(EFFORT.search(self.name))

    @property
    def level(self) -> str:
        """The level of effort that its name asks for, as `low_effort` does; "" for none."""
        level = self.name.removesuffix("_effort")
        return level if level in LEVELS else ""

    @property
    def budget(self) -> bool:
        """Whether it says after how many tokens to stop."""
        return "budget" in self.name.lower()

    @property
    def about_thinking(self) -> bool:
        """Whether its name says that it is about thinking."""
        return bool(THINKS.search(self.name) or EFFORT.search(self.name))


USUAL = (
    Argument("enable_thinking"),
    Argument("thinking"),
    Argument("thinking_mode", ("disabled", "enabled")),
    Argument("reasoning_effort", ("no_think",)),
    Argument("thinking_effort"),
    Argument("reasoning_strength"),
    Argument("low_effort"),
    Argument("medium_effort"),
    Argument("thinking_budget"),
    Argument("reasoning"),
)
"""Arguments to try where the source cannot be read: the names that models released until 2026 use."""
USUAL_WORDS = ("/no_think", "/think")
"""Commands to try there."""


@dataclass(frozen=True, slots=True)
class Source:
    """What the source of a chat template shows without being run.

    Attributes:
        arguments: Its arguments, those about thinking first.
        words: Commands like "/no_think" that it looks for in messages.
        readable: Whether the source could be read; otherwise the arguments are the usual ones.
    """

    arguments: tuple[Argument, ...]
    words: tuple[str, ...] = ()
    readable: bool = True


def read_source(template: str) -> Source:
    """Reads a chat template's source.

    Args:
        template: A Jinja template; "" where it is not to be had.
    """
    if not template:
        return Source(USUAL, USUAL_WORDS, readable=False)
    from jinja2 import TemplateSyntaxError, meta, nodes

    try:
        # Looking for variables folds the constants of the tree it is given: it has one of its own.
        names = meta.find_undeclared_variables(_environment().parse(template)) - _NOT_ABOUT_THINKING
        tree = _environment().parse(template)
    except (TemplateSyntaxError, RecursionError):
        return Source(USUAL, USUAL_WORDS, readable=False)
    found = [Argument(name, tuple(_compared(tree, name))) for name in sorted(names)]
    # Whoever looks whether a name is defined takes it for an argument; others may be the template's own.
    asked = {n.node.name for n in tree.find_all((nodes.Test, nodes.Filter)) if isinstance(n.node, nodes.Name)}
    found.sort(key=lambda a: (not a.about_thinking, a.name not in asked))
    found = [a for n, a in enumerate(found) if a.about_thinking or n < _OTHERS]
    words = [c.value for c in tree.find_all(nodes.Const) if isinstance(c.value, str)]
    commands = dict.fromkeys(w.strip() for w in words if re.fullmatch(r"\s*/[a-z_]+\s*", w))
    return Source(tuple(found), tuple(w for w in commands if THINKS.search(w)))


def _environment() -> Any:
    from jinja2 import Environment, nodes
    from jinja2.ext import Extension

    class Generation(Extension):
        """Reads the blocks by which transformers marks what an assistant wrote."""

        tags = {"generation"}  # noqa: RUF012 - as jinja2 declares it

        def parse(self, parser: Any) -> Any:
            line = next(parser.stream).lineno
            body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
            return nodes.Scope(body).set_lineno(line)

    return Environment(extensions=[Generation, "jinja2.ext.loopcontrols", "jinja2.ext.do"])  # noqa: S701 - nothing is rendered with it


def _compared(tree: Any, name: str) -> Iterator[str]:
    """Yields the texts that an argument, or a variable made from it, is compared with or may be set to."""
    from jinja2 import nodes

    known = {name}
    assigned = [(_key(a.target), a.node) for a in tree.find_all(nodes.Assign)]
    while fresh := {key for key, node in assigned if key and key not in known and _reads(node, known)}:
        known |= fresh
    said: dict[str, None] = {}
    for compare in tree.find_all(nodes.Compare):
        sides = [compare.expr, *(operand.expr for operand in compare.ops)]
        if any(_reads(side, known) for side in sides):
            said |= dict.fromkeys(_texts(sides))
    for item in tree.find_all(nodes.Getitem):
        if item.arg is not None and _reads(item.arg, known) and isinstance(item.node, nodes.Dict):
            said |= dict.fromkeys(_texts([pair.key for pair in item.node.items]))
    for filtered in tree.find_all(nodes.Filter):
        if filtered.name in {"default", "d"} and filtered.node is not None and _reads(filtered.node, known):
            said |= dict.fromkeys(_texts(filtered.args))
    said |= dict.fromkeys(_texts([node for key, node in assigned if key in known]))
    yield from said


def _key(target: Any) -> str:
    """Returns the name of what is assigned to, an attribute of a namespace with a dot."""
    name, attribute = getattr(target, "name", ""), getattr(target, "attr", "")
    return f"{name}.{attribute}" if attribute else str(name or "")


def _reads(node: Any, known: set[str]) -> bool:
    from jinja2 import nodes

    parts = [node, *node.find_all((nodes.Name, nodes.Getattr))]
    for part in parts:
        if isinstance(part, nodes.Name) and part.name in known:
            return True
        if (
            isinstance(part, nodes.Getattr)
            and isinstance(part.node, nodes.Name)
            and f"{part.node.name}.{part.attr}" in known
        ):
            return True
    return False


def _texts(parts: list[Any]) -> Iterator[str]:
    """Yields the short texts among constants, also in lists."""
    from jinja2 import nodes

    for part in parts:
        values = (
            [part]
            if isinstance(part, nodes.Const)
            else part.items
            if isinstance(part, nodes.List | nodes.Tuple)
            else []
        )
        for value in values:
            word = value.value if isinstance(value, nodes.Const) else None
            if isinstance(word, str) and re.fullmatch(r"[a-z][a-z_-]{0,20}", word):
                yield word
