"""From what prompts look like under each argument to what turns thinking on, off, up and down."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from karui.engines.chat.discovery.arguments import LEVELS, THINKS, Argument, Source
from karui.engines.chat.discovery.evidence import NONSENSE, Seen, Tried
from karui.engines.chat.format import Switch
from karui.engines.chat.markers import Markers, Start


@dataclass(frozen=True, slots=True)
class Switching:
    """Everything that was seen of prompts, and the markers to read it by."""

    source: Source
    usual: Seen
    tried: list[Tried]
    markers: Markers

    def state(self, seen: Seen) -> Start:
        """What the model does behind a prompt."""
        return self.markers.start(seen.tail)

    def switches(self) -> tuple[Switch, Switch | None]:
        """Returns what makes the model think, and what leaves its thinking out."""
        if self.markers.plain:
            return Switch(), None
        quiet = self._quiet()
        usual, off = self.state(self.usual), self._off(quiet)
        if usual is Start.THINKING:
            return Switch(), off
        for name, seen in self._booleans().items():
            yes, no = seen
            # By itself it does what it does when told not to think, or more than it does by itself.
            if yes is None or self.state(yes) is Start.ANSWERING or yes == self.usual:
                continue
            if not THINKS.search(name) and self.state(yes) is usual:
                continue
            if self.usual == no or usual is Start.ANSWERING or self.state(yes) is Start.THINKING:
                return Switch({name: True}), off
        by_itself_quiet = any(t.seen == self.usual for t in quiet)
        for tried in self._by_strength():
            assert tried.seen is not None
            opens = self.state(tried.seen)
            if opens is Start.THINKING or (usual is Start.ANSWERING and opens is Start.UNDECIDED):
                return tried.switch, off
            if by_itself_quiet and tried.seen != self.usual and tried.argument == quiet[0].argument:
                return tried.switch, off
        return Switch(), off

    def _off(self, quiet: list[Tried]) -> Switch | None:
        closing = [t for t in self.tried if t.seen is not None and self.state(t.seen) is Start.ANSWERING]
        closing = [t for t in closing if t.value is not True and t.value != NONSENSE]
        closing.sort(
            key=lambda t: (bool(t.word), t.value is not False, t.value != 0 or t.value is False, not t.quiet)
        )
        if closing:
            return closing[0].switch
        if self.state(self.usual) is Start.ANSWERING:
            return Switch()
        for name, (yes, no) in self._booleans().items():
            if THINKS.search(name) and yes is not None and no is not None and yes != no:
                return Switch({name: False})
        return quiet[0].switch if quiet else None

    def _quiet(self) -> list[Tried]:
        """Values like "none" that the template knows: in its source, or told from nonsense."""
        found = [t for t in self.tried if t.quiet and t.seen is not None and not t.word]
        named = [t for t in found if self.source.readable and t.value in t.argument.words]
        for t in found:
            nonsense = [n.seen for n in self.tried if n.argument == t.argument and n.value == NONSENSE]
            if t not in named and nonsense in ([None], [self.usual]) and t.seen not in nonsense:
                named.append(t)
        return named

    def _booleans(self) -> dict[str, tuple[Seen | None, Seen | None]]:
        """The prompt under True and under False, by argument: about thinking, and not about how much."""
        found: dict[str, tuple[Seen | None, Seen | None]] = {}
        for tried in self.tried:
            argument = tried.argument
            if tried.value is True and not (argument.effort or argument.budget):
                no = next(t.seen for t in self.tried if t.argument == argument and t.value is False)
                found[argument.name] = (tried.seen, no)
        return found

    def _by_strength(self) -> list[Tried]:
        """Values in words, those first that ask for thinking without asking for the most or the least."""
        wanted = ("enabled", "on", "high", "medium", "max", "xhigh", "low", "minimal")
        said = [t for t in self.tried if t.seen is not None and t.value in wanted]
        said += [t for t in self.tried if t.seen is not None and (t.word or (t.argument.budget and t.value))]
        return sorted(said, key=lambda t: wanted.index(t.value) if t.value in wanted else len(wanted))

    def efforts(self, on: Switch) -> dict[str, dict[str, Any]]:
        """Returns the levels of effort that the template takes, each with its arguments.

        Args:
            on: What makes the model think; levels that leave it doing something else are not offered.
        """
        found: dict[str, Tried] = {}
        for argument in dict.fromkeys(t.argument for t in self.tried if t.argument.effort):
            # Tried once more with `on` where thinking is off: then that counts.
            tried = {t.value: t for t in self.tried if t.argument == argument and t.seen is not None}
            if argument.level:  # low_effort=True
                found |= {argument.level: tried[True]} if True in tried else {}
                continue
            found |= self._levels(argument, tried)
        start = self.start(on)
        kept = {word: t.arguments for word, t in found.items() if t.seen and self.state(t.seen) is start}
        return {level: kept[level] for level in sorted(kept, key=_rank)}

    def _levels(self, argument: Argument, tried: Mapping[Any, Tried]) -> dict[str, Tried]:
        """Returns the values of one argument that ask for more or less thinking."""
        named = argument.words if self.source.readable else ()
        words = [w for w in dict.fromkeys((*LEVELS, *named)) if w in tried and not tried[w].quiet]
        nonsense = tried.get(NONSENSE)
        if nonsense is None:
            return {w: tried[w] for w in words}
        if nonsense.seen != self._under(nonsense.beside):
            # It takes any word: offered are those that its source names, and the usual three.
            return {w: tried[w] for w in words if w in {*named, "low", "medium", "high"}}
        found: dict[Any, str] = {}
        for word in sorted(words, key=lambda w: (w not in named, w not in {"low", "medium", "high"})):
            # Of several words for the same, the most usual one.
            if word in named or (tried[word].seen != nonsense.seen and tried[word].seen not in found):
                found[word if word in named else tried[word].seen] = word
        return {w: tried[w] for w in found.values()}

    def budget(self) -> str:
        """Returns the argument that takes a number of thinking tokens."""
        return next((t.argument.name for t in self.tried if t.argument.budget and t.value), "")

    def closes(self, off: Switch) -> bool:
        """Whether the prompt itself closes the thinking when `off` is given."""
        return self.state(self._under(off.arguments, off.word)) is Start.ANSWERING

    def start(self, on: Switch) -> Start:
        """Returns what the model does when `on` is given."""
        return self.state(self._under(on.arguments, on.word))

    def _under(self, arguments: Mapping[str, Any], word: str = "") -> Seen:
        """Returns the prompt under some arguments or with a word, where it was seen; else that under none."""
        seen = (t.seen for t in self.tried if t.seen and t.word == word and t.arguments == arguments)
        return next(seen, self.usual)

    def tails(self) -> tuple[tuple[str, Start], ...]:
        """Returns what prompts end with, longest first."""
        seen = [self.usual, *(t.seen for t in self.tried if t.seen is not None)]
        found = {s.tail: self.state(s) for s in seen}
        return tuple(sorted(found.items(), key=lambda item: -len(item[0])))


def _rank(level: str) -> tuple[int, str]:
    return (LEVELS.index(level) if level in LEVELS else len(LEVELS), level)
