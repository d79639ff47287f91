"""What every reward asks of its group."""

from collections.abc import Sequence

from karui.core.errors import InputError


def check_group(tokens: Sequence[int], right: Sequence[bool]) -> None:
    """Refuses a group that is none.

    Raises:
        InputError: It is empty, or there is not one verdict for each length.
    """
    if not tokens or len(tokens) != len(right):
        raise InputError(
            f"A group of {len(tokens)} lengths and {len(right)} verdicts cannot be rewarded.",
            remedy="Give one length and one verdict for each completion of a question, and at least one.",
        )
