"""How many of the likeliest tokens a request asks for: as few as what is wanted of its tokens needs."""

from dataclasses import dataclass

from karui.engines.openai.capabilities import Capabilities
from karui.engines.options import Logprobs

FEW = 5
"""The likeliest tokens of which a few are asked for: a server's time goes up with each of them."""


@dataclass(frozen=True, slots=True)
class Listing:
    """Likeliest tokens asked for with every token; 0 for no log-probabilities.

    Attributes:
        thinking: Of a generation, as long as it thinks.
        answer: Of its answer.
        trial: Of a trial, whose first token is the peek.
        signals: Whether those of the thinking are enough for its signals.
    """

    thinking: int = 0
    answer: int = 0
    trial: int = 0
    signals: bool = False

    @property
    def streamed(self) -> int:
        """Of a generation that comes in one stream: it cannot ask for more from its answer on."""
        return max(self.thinking, self.answer)

    @staticmethod
    def of(level: Logprobs, can: Capabilities) -> "Listing":
        """Returns what a level asks for.

        The confidence of an answer is that of its own tokens: one is enough. Where thinking and answer come
        in one request, the thinking has as many; where a server lists its tokens only beside their
        log-probabilities, and they have to be counted as they come, all of them do.
        """
        most, few = can.logprobs, min(FEW, can.logprobs)
        if level is Logprobs.ALL or not most:
            return Listing(most, most, most, signals=bool(most))
        if level is Logprobs.FEW:
            return Listing(few, few, few, signals=True)
        bare = can.counting_bare == can.counting
        if level is Logprobs.NONE:
            return Listing(0 if bare else 1)
        return Listing(0 if can.whole and can.close_id is not None else 1, 1, few)
