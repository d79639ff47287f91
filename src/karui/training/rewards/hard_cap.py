"""Right within a limit that falls round by round: ThinkPrune."""

from collections.abc import Sequence

from karui.training.rewards._group import check_group


def hard_cap(tokens: Sequence[int], right: Sequence[bool], *, cap: int) -> list[float]:
    """Returns 1 for each completion that is right and no longer than `cap`, 0 for all others.

    What is not finished within the limit is thrown away with all it would have said.

    Hou et al., "ThinkPrune: Pruning Long Chain-of-Thought of LLMs via Reinforcement Learning", arXiv
    2504.01296. The limit stays while a model learns it, and is lowered for the next round (`cap_of`).

    Args:
        tokens: Of each completion.
        right: Whether its answer is.
        cap: Tokens that are read.

    Raises:
        InputError: The group is empty or uneven.
    """
    check_group(tokens, right)
    return [float(good and count <= cap) for count, good in zip(tokens, right, strict=True)]


def cap_of(done: float, caps: Sequence[int]) -> int:
    """Returns the cap at a place of a training whose rounds are equally long.

    Args:
        done: From 0, the beginning, to 1, the end.
        caps: One for each round, such as 4000, 3000, 2000 in the paper.
    """
    return caps[min(len(caps) - 1, max(0, int(done * len(caps))))]
