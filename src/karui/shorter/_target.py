"""The words that ask for a number of tokens: what length-control teaches, and target-length says."""

from dataclasses import replace

from karui.core.prompt import Prompt

MODES = ("exact", "max")

GRID_HELP = "Numbers in prompts are multiples of this: the rounder, the sooner a small model reads them."


def rounded(tokens: int, grid: int) -> int:
    """Returns the multiple of `grid`, not 0, that is nearest to a number of tokens."""
    return max(1, round(tokens / grid)) * grid


def target_prompt(prompt: Prompt, tokens: int, mode: str) -> Prompt:
    """Returns the prompt that asks for a number of tokens, in the words of L1 (2503.04697).

    Args:
        prompt: The question's.
        tokens: All that may be written, thinking and answer.
        mode: "exact" asks for about so many, "max" for no more.
    """
    most = "maximum " if mode == "max" else ""
    return replace(prompt, user=f"{prompt.user}\n\nThink for {most}{tokens} tokens.")
