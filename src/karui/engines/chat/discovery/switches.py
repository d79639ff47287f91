"""From what prompts look like under each argument to what turns thinking on, off, up and down."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from karui.engines.chat.discovery.arguments import LEVELS, THINKS, Source
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
        usual = self.state(self.usual)
        off = self._off()
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
        for tried in self._by_strength():
            assert tried.seen is not None
            opens = self.state(tried.seen)
            if opens is Start.THINKING or (usual is Start.ANSWERING and opens is Start.UNDECIDED):
                return Switch(tried.arguments), off
        return Switch(), off

    def _off(self) -> Switch | None:
        closing = [t for t in self.tried if t.seen is not None and self.state(t.seen) is Start.ANSWERING]
        closing = [t for t in closing if t.value is not True and t.value != NONSENSE]
        closing.sort(
            key=lambda t: (t.value is not False, t.value != 0, t.value not in {"none", "disabled", "off"})
        )
        if closing:
            return Switch(closing[0].arguments)
        if self.state(self.usual) is Start.ANSWERING:
            return Switch()
        for name, (yes, no) in self._booleans().items():
            if THINKS.search(name) and yes is not None and no is not None and yes != no:
                return Switch({name: False})
        return None

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
        said += [t for t in self.tried if t.seen is not None and t.argument.budget and t.value]
        return sorted(said, key=lambda t: wanted.index(t.value) if t.value in wanted else len(wanted))

    def efforts(self) -> dict[str, dict[str, Any]]:
        """Returns the levels of effort that the template takes, each with its arguments."""
        found: dict[str, dict[str, Any]] = {}
        for argument in dict.fromkeys(t.argument for t in self.tried if t.argument.effort):
            tried = {t.value: t for t in self.tried if t.argument == argument}
            seen = {value: t.seen for value, t in tried.items()}
            nonsense = seen.get(NONSENSE)
            usual = self._under(tried[NONSENSE].beside)
            level = argument.name.removesuffix("_effort")
            if level in LEVELS and seen.get(True) is not None:  # low_effort=True
                found[level] = tried[True].arguments
                continue
            words = [w for w in (*LEVELS, *argument.words) if seen.get(w) is not None]
            if nonsense is not None and nonsense != usual:
                # It takes any word: offered are those that its source names, and the usual three.
                words = [w for w in words if w in {*argument.words, "low", "medium", "high"}]
            elif nonsense is not None:
                words = [w for w in words if seen[w] != nonsense or w in argument.words]
            found |= {w: tried[w].arguments for w in words if self.state(seen[w]) is not Start.ANSWERING}  # type: ignore[arg-type]
        return {level: found[level] for level in sorted(found, key=_rank)}

    def budget(self) -> str:
        """Returns the argument that takes a number of thinking tokens."""
        return next((t.argument.name for t in self.tried if t.argument.budget and t.value), "")

    def start(self, on: Switch) -> Start:
        """Returns what the model does when `on` is given."""
        return self.state(self._under(on.arguments))

    def _under(self, arguments: Mapping[str, Any]) -> Seen:
        """Returns the prompt under some arguments, where it was seen; else that under none."""
        return next((t.seen for t in self.tried if t.arguments == arguments and t.seen), self.usual)

    def tails(self) -> tuple[tuple[str, Start], ...]:
        """Returns what prompts end with, longest first."""
        seen = [self.usual, *(t.seen for t in self.tried if t.seen is not None)]
        found = {s.tail: self.state(s) for s in seen}
        return tuple(sorted(found.items(), key=lambda item: -len(item[0])))


def _rank(level: str) -> tuple[int, str]:
    return (LEVELS.index(level) if level in LEVELS else len(LEVELS), level)
