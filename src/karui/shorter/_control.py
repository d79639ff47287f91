"""Control prompts: words in the prompt that a model is trained to heed."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from karui.core.errors import ModelError
from karui.core.prompt import Prompt


def skip_prompt(prompt: Prompt, ratio: float) -> Prompt:
    """Returns the prompt that asks for a share of the usual thinking; 1 is the prompt as it is.

    Args:
        prompt: The question's.
        ratio: In (0, 1], rounded to hundredths.
    """
    percent = round(100 * ratio)
    return prompt if percent == 100 else replace(prompt, user=f"{prompt.user}\n\nThinking: {percent}%")


def ensure_room(tokenizer: Any, wordings: Sequence[str]) -> None:
    """Refuses a tokenizer in which control prompts cannot be told apart.

    Args:
        tokenizer: The model's.
        wordings: The control prompts that it has to read, all different.

    Raises:
        ModelError: One of them is lost on the way into tokens, or two of them read alike; names it.
    """
    seen: dict[tuple[int, ...], str] = {}
    for wording in wordings:
        ids = tuple(tokenizer.encode(wording, add_special_tokens=False))
        unknown = tokenizer.unk_token_id is not None and tokenizer.unk_token_id in ids
        if not ids or unknown or ids in seen:
            raise ModelError(
                f"This tokenizer has no room for the control prompt {wording!r}.",
                why="It has no tokens for some of it."
                if unknown or not ids
                else f"It reads it as the same tokens as {seen[ids]!r}.",
                remedy="Take a model whose tokenizer knows all bytes or digits, or a technique without a "
                "control prompt (cut-to-convergence).",
            )
        seen[ids] = wording
