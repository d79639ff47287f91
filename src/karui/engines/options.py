"""How an engine is loaded: every option, once, for all engines."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from karui.core.ability import Ability
from karui.core.engine import CheckpointPolicy
from karui.engines.chat.markers import PLAIN_ENDINGS
from karui.engines.chat.override import NOTHING_SAID, Override


@dataclass(frozen=True, slots=True)
class Speculate:
    """How an engine guesses ahead.

    Attributes:
        tokens: Most tokens that are proposed at a time.
        match: Tokens that must match before a sequence's own text is searched for a proposal.
        model: Folder or name of a draft model, used instead of that search.
        rows: Largest batch, in sequences, in which tokens are proposed.
    """

    tokens: int
    match: int = 2
    model: str = ""
    rows: int = 8


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How long to wait for what.

    Attributes:
        connect_seconds: For a connection.
        silence_seconds: For the next byte; the first one waits in the server's queue.
        tries: Times that a request is sent at most, where it was refused before its first byte.
        backoff_seconds: Before the second try; doubled for each one after, unless the server says how long.
        total_seconds: All such waits together; a server that asks for more has failed.
    """

    connect_seconds: float = 10.0
    silence_seconds: float = 300.0
    tries: int = 6
    backoff_seconds: float = 0.5
    total_seconds: float = 90.0


class Logprobs(StrEnum):
    """Of which tokens a server is asked for log-probabilities.

    They cost a server far more than the tokens themselves: each of the twenty likeliest is looked up and
    spelled out, token by token, by the one process that serves HTTP.
    """

    ALL = "all"
    """Of every token, as many of the likeliest ones as the server lists, up to 20."""
    FEW = "few"
    """Of every token, of the five likeliest ones: entropy and confidence are looser bounds then."""
    ANSWERS = "answers"
    """Of trials, at checkpoints, of the five likeliest tokens; and of final answers."""
    NONE = "none"
    """Of no token."""

    @property
    def leaves_out(self) -> frozenset[Ability]:
        """The abilities that go with what is not asked for."""
        signals = frozenset({Ability.SIGNALS})
        left = {Logprobs.ANSWERS: signals, Logprobs.NONE: signals | {Ability.CONFIDENCE, Ability.PEEKS}}
        return left.get(self, frozenset())

    @classmethod
    def for_abilities(cls, wanted: Iterable[Ability]) -> "Logprobs":
        """Returns the fewest that leave none of the wanted abilities out."""
        needed = frozenset(wanted)
        return next(level for level in (cls.NONE, cls.ANSWERS, cls.ALL) if not needed & level.leaves_out)


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineOptions:
    """How to load a model. What does not concern an engine (`compile` llama.cpp, say) leaves it unchanged.

    Attributes:
        name: Name of the model in recordings and reports; empty for its folder, name or address.
        device: "auto" (a GPU if there is one), "cpu", "cuda", "cuda:1", …; llama.cpp runs on the CPU only.
        dtype: "auto", "float32", "bfloat16" or "float16"; of a GGUF file "auto" only.
        threads: CPU threads; None goes by OMP_NUM_THREADS, or measures.
        compile: Whether torch compiles the step of one token per sequence: less time per step, for minutes of
            compiling at a model's first load on a machine (later loads find most of it on disk). Needs a C++
            compiler. Worth it where int8 runs on a CPU, and where a GPU waits for Python.
        graphs: Whether a GPU's steps are captured as CUDA graphs, once for every size of batch. Without, the
            GPU of a small model waits for Python.
        slots: Largest number of sequences that generate at the same time. On a GPU 512 and more pay off.
        kv: Type of the KV cache, for llama.cpp: f16, q8_0, q4_0 and others; None is the engine's own.
        rule: Where checkpoints lie.
        seed: Seed that trace seeds are derived from.
        trial_tokens: Most tokens of a trial.
        suffix: The trial suffix; None is the one that fits the model's markers.
        thinking: What the user says about how the model thinks; the rest is found out.
        endings: Texts that end the thinking of a model without markers.
        speculate: How to propose tokens ahead; None for no speculative decoding.
    """

    name: str = ""
    device: str = "auto"
    dtype: str = "auto"
    threads: int | None = None
    compile: bool = False
    graphs: bool = True
    slots: int = 32
    kv: str | None = None
    rule: CheckpointPolicy = field(default_factory=CheckpointPolicy)
    seed: int = 0
    trial_tokens: int = 24
    suffix: str | None = None
    thinking: Override = NOTHING_SAID
    endings: tuple[str, ...] = PLAIN_ENDINGS
    speculate: Speculate | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerOptions:
    """How to connect to a server with OpenAI's API.

    Attributes:
        folder: A folder (or Hub name) with the model's tokenizer and chat template. Where it is empty, the
            server's own endpoints are used, if it has them.
        key: The API key; None takes it from the environment variable KARUI_API_KEY.
        route: "completions" or "chat"; empty takes the one that is found to work best.
        budget_chats: Chats with the server's own thinking budget that have to be clean, one after the other,
            for it to be offered.
        logprobs: Of which tokens log-probabilities are asked for; what goes with the others cannot be done.
        retry: How long to wait for what, and how often to try again.
    """

    folder: str = ""
    key: str | None = None
    route: str = ""
    budget_chats: int = 12
    logprobs: Logprobs = Logprobs.ALL
    retry: RetryPolicy = field(default_factory=RetryPolicy)
