"""The tree of flows: a pure machine without I/O or clock that both runners drive.

A plan's flows nest. The first technique's flow is outermost: each ask it yields is solved by the next
technique's flow, and those of the last by one generation, a leaf. An ask `alone` is a leaf at once,
whichever flow yields it. A runner starts the leaves it is told to start, reports each as it finishes, and
stops those it is told to stop.
"""

from collections.abc import Generator, Sequence
from typing import NamedTuple, Protocol, TypeAlias

from karui.core.errors import PlanError
from karui.core.request import Gather, Growth, Request
from karui.core.trace import Reply

Flow: TypeAlias = Generator[Request | Gather, Reply | list[Reply], Reply]
"""Yields asks, is sent a `Reply` for an `Request` and a list of them for a `Gather`, returns a reply."""


class HasFlow(Protocol):
    """Anything that spends asks; techniques do."""

    def flow(self, ask: Request) -> Flow:
        """Returns a fresh generator for one ask."""


class Generation(NamedTuple):
    """One generation to run. `id` counts up in the order of starting and breaks ties in time."""

    id: int
    ask: Request


class _Node:
    """One flow of the tree: an ask being solved, and the group it waits for."""

    __slots__ = (
        "answered",
        "ask",
        "children",
        "depth",
        "first",
        "flow",
        "growth",
        "index",
        "parent",
        "replies",
        "several",
        "waiting",
    )

    def __init__(self, parent: "_Node | None", index: int, flow: Flow) -> None:
        self.parent, self.index, self.flow = parent, index, flow
        self.depth: int = 0 if parent is None else parent.depth + 1
        self.several = False  # whether the group is a `Gather`
        self.first: int | None = None
        self.growth: Growth | None = None
        self.ask: Request | None = None  # the group's last, which growth repeats
        self.children: list[_Node | Generation | None] = []
        self.replies: list[Reply | None] = []
        self.answered: list[Reply] = []
        self.waiting = 0


class FlowTree:
    """Solves one ask through nested flows.

    Attributes:
        reply: The whole ask's reply; None until it is there.
    """

    __slots__ = ("_ask", "_flows", "_growing", "_next_id", "_running", "_starts", "_stops", "reply")

    def __init__(self, flows: Sequence[HasFlow], ask: Request) -> None:
        """Takes the flows outermost first; none of them makes a plan of one trace."""
        self.reply: Reply | None = None
        self._flows = flows
        self._ask = ask
        self._running: dict[
            int, tuple[_Node | None, int]
        ] = {}  # by leaf: whose it is, and which of the group
        self._next_id = 0
        self._growing: list[_Node] = []  # those whose group may still become larger
        self._starts: list[Generation] = []
        self._stops: list[Generation] = []

    def start(self) -> list[Generation]:
        """Returns the leaves to start first."""
        self._open(None, 0, self._ask)
        return self._take_starts()

    def finish(self, leaf: int, reply: Reply) -> tuple[list[Generation], list[Generation]]:
        """Takes a leaf's reply; returns the leaves to start and those to stop now.

        A leaf that was told to stop is forgotten: reporting it afterwards changes nothing.
        """
        place = self._running.pop(leaf, None)
        if place is None:
            return [], []
        if self._growing:
            self._grow()
        self._deliver(*place, reply)
        if not self._starts and not self._stops:
            return [], []
        stops, self._stops = self._stops, []
        return self._take_starts(), stops

    def grow(self) -> list[Generation]:
        """Returns the leaves to start after a look at a trace; most plans never have any."""
        if not self._growing:
            return []
        self._grow()
        return self._take_starts()

    def _grow(self) -> None:
        for node in tuple(self._growing):
            assert node.growth is not None
            assert node.ask is not None
            for _ in range(node.growth.wanted()):
                index = len(node.children)
                node.children.append(None)
                node.replies.append(None)
                node.waiting += 1
                self._open(node, index, node.ask)

    def _take_starts(self) -> list[Generation]:
        starts, self._starts = self._starts, []
        return starts

    def _open(self, parent: _Node | None, index: int, ask: Request) -> None:
        depth = 0 if parent is None else parent.depth + 1
        if depth == len(self._flows) or ask.alone:
            leaf = Generation(self._next_id, ask)
            self._next_id += 1
            self._running[leaf.id] = (parent, index)
            self._starts.append(leaf)
            if parent is not None:
                parent.children[index] = leaf
            return
        node = _Node(parent, index, self._flows[depth].flow(ask))
        if parent is not None:
            parent.children[index] = node
        self._resume(node, None)

    def _resume(self, node: _Node, sent: Reply | list[Reply] | None) -> None:
        node.children = []
        self._settle(node)
        try:
            group = node.flow.send(sent)  # type: ignore[arg-type]  # None starts a generator
        except StopIteration as done:
            self._deliver(node.parent, node.index, done.value)
            return
        node.several = isinstance(group, Gather)
        asks, node.first = (group.asks, group.first) if isinstance(group, Gather) else ((group,), None)
        if not asks or (node.first is not None and node.first < 1):
            raise PlanError(
                f"A flow of {type(self._flows[node.depth]).__name__} yielded nothing to do: {group}."
            )
        if isinstance(group, Gather) and group.growth is not None:
            node.growth, node.ask = group.growth, asks[-1]
            self._growing.append(node)
        opened: list[_Node | Generation | None] = [None] * len(asks)
        node.children = opened
        node.replies = [None] * len(asks)
        node.answered = []
        node.waiting = len(asks)
        for index, ask in enumerate(asks):
            if node.children is not opened:
                break  # a flow below replied without asking, and the first m are together
            self._open(node, index, ask)

    def _settle(self, node: _Node) -> None:
        """The group of `node` is done: it no longer grows."""
        if node.growth is not None:
            node.growth = None
            self._growing.remove(node)

    def _deliver(self, parent: _Node | None, index: int, reply: Reply) -> None:
        if parent is None:
            self.reply = reply
            return
        parent.replies[index] = reply
        parent.waiting -= 1
        if parent.first is None:
            if parent.waiting == 0:
                replies = [r for r in parent.replies if r is not None]
                self._resume(parent, replies if parent.several else reply)
            return
        if reply.answer is not None:
            parent.answered.append(reply)
        if parent.waiting == 0 or len(parent.answered) == parent.first:
            self._stop_rest(parent)
            self._resume(parent, parent.answered)

    def _stop_rest(self, node: _Node) -> None:
        """Stops whatever of a node's group has not replied, and all nested under it."""
        for child, reply in zip(node.children, node.replies, strict=True):
            if reply is not None:
                continue
            if isinstance(child, _Node):
                child.flow.close()
                self._settle(child)
                self._stop_rest(child)
            elif child is not None and self._running.pop(child.id, None) is not None:
                self._stops.append(child)
