"""What a server was found to do, and what follows from it for techniques."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from karui.core.ability import Ability
from karui.engines.chat.format import ThinkingFormat


class Thinking(StrEnum):
    """Where the text of the thinking comes."""

    FIELD = "in a field of its own"
    INLINE = "in the text, between markers"
    OPENED = "in the text, up to a marker; the template opens it"
    PLAIN = "in the text, without markers"
    HIDDEN = "hidden, counted only"
    NONE = "no thinking seen"


class Cache(StrEnum):
    """How it shows that a prompt seen before costs less."""

    REPORTED = "reported with every request"
    METRICS = "only in its metrics; billed as uncached"
    TIME = "only in its speed; billed as uncached"
    NONE = "none seen"


@dataclass(frozen=True, slots=True)
class BudgetCheck:
    """What came of trying a server's own thinking budget.

    Attributes:
        field: The parameter.
        works: Whether it stopped at the budget and left everything behind it clean.
        found: What was seen, in a sentence.
        chats: How many chats it cut and left clean, one after the other.
        detects: The share of faulty chats that these would have shown with a probability of 95%; 1 for none
            asked.
        overshoot: Tokens that it thought at most beyond the budget.
    """

    field: str
    works: bool
    found: str
    chats: int = 0
    detects: float = 1.0
    overshoot: int = 0


@dataclass(frozen=True)
class Capabilities:
    """What a server does, found by trying.

    Attributes:
        model: The model's name there.
        context: Tokens that prompt and reply may have together; 0 where it does not say.
        fingerprint: What it says of its own version and configuration.
        weights: What its list of models says of the weights: where they come from, how many, how large.
        facts: What it says of itself beside that, by name: version, context, how the weights were loaded.
        completions: Whether it continues raw text.
        chat: Whether it answers messages.
        limit: What it calls the limit of tokens.
        extras: Parameters beyond OpenAI's that it takes, with the values that keep it from adding its own.
        logprobs: How many of the likeliest tokens it lists, the way the engine goes; 0 for none.
        before_temperature: Whether they are those of the model itself; None where it could not be told.
        ids: Whether it tells the tokens' numbers.
        template: Where karui has the chat template from: "folder", "tokenize", "apply-template" or "".
        agrees: Whether rendering it gives as many tokens as the server's own chat; None where unknown.
        prefill: Whether chat continues a partial answer.
        prefill_extra: The tokens by which such a prompt is longer than its parts.
        thinking: Where the thinking is.
        thinking_field: Its field.
        thinking_counted: Whether its tokens are counted in the usage.
        counting: How generated tokens are counted as they come: "listed", "usage", "chunks" or "".
        counting_bare: The same without log-probabilities, which list tokens as well.
        whole: Whether one request takes several prompts and tells every token of their replies by its number:
            then traces are recorded by whole replies, and the trials of a trace come as one request.
        close_id: The one token that ends the thinking; None where it takes several, or is not known.
        usage: Whether streams end with the usage.
        usage_all_along: Whether each of their events has it.
        seeds: Whether a seed makes what is drawn again; None where it takes none, or nothing tells.
        seeds_beside: Whether it does so beside other requests, too; None where that could not be seen.
        several: What the choices of one request with a seed are; "" where that could not be seen.
        continued: Where the answer to a message continued behind closed thinking comes, whole and streamed.
        inferred: Which counts of its usage follow from others only; "" where all are told.
        cache: How a prefix cache shows.
        cache_block: In how many tokens at a time, as far as it shows; 0 where it does not.
        switch: What leaves the thinking out of chat: a template switch, or "prefill"; "" for nothing.
        effort: Whether chat's `reasoning_effort` changes anything.
        efforts_refused: By level of effort that was refused, what the server said.
        told_budget: The chat template's argument for a number of thinking tokens; "" for none.
        budget: Its own thinking budget; None where no such parameter was taken.
        frees: Whether a stream that is closed stops generating; None where it could not be seen.
        route: Which way the engine goes: "completions" or "chat".
        spent: Tokens that finding this out cost, prompts included.
        why: For what is missing, what the server said or did, by attribute.
    """

    model: str
    context: int = 0
    fingerprint: str = ""
    weights: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)
    completions: bool = False
    chat: bool = False
    limit: str = "max_tokens"
    extras: Mapping[str, Any] = field(default_factory=dict)
    logprobs: int = 0
    before_temperature: bool | None = None
    ids: bool = False
    template: str = ""
    agrees: bool | None = None
    prefill: bool = False
    thinking: Thinking = Thinking.NONE
    thinking_field: str = ""
    thinking_counted: bool = False
    counting: str = ""
    counting_bare: str = ""
    whole: bool = False
    close_id: int | None = None
    usage: bool = False
    usage_all_along: bool = False
    seeds: bool | None = None
    seeds_beside: bool | None = None
    several: str = ""
    continued: str = ""
    inferred: str = ""
    cache: Cache = Cache.NONE
    cache_block: int = 0
    switch: str = ""
    effort: bool = False
    efforts_refused: Mapping[str, str] = field(default_factory=dict)
    budget: BudgetCheck | None = None
    told_budget: str = ""
    frees: bool | None = None
    route: str = "chat"
    spent: int = 0
    why: Mapping[str, str] = field(default_factory=dict)

    @property
    def raw(self) -> bool:
        """Whether karui writes the prompt itself."""
        return self.route == "completions"

    @property
    def visible(self) -> bool:
        """Whether the text of the thinking can be read."""
        return self.thinking in {Thinking.FIELD, Thinking.INLINE, Thinking.OPENED, Thinking.PLAIN}

    @property
    def lacking(self) -> dict[Ability, str]:
        """The abilities that do not follow, each with the reason."""
        found = {
            Ability.BAN: "Servers ban words from the whole reply, answers too, or not at all.",
            Ability.PENALTY: "Servers apply logit_bias to the whole reply, the answer and its trials too.",
        }
        hidden = "" if self.visible else f"The thinking cannot be read: {self.thinking}."
        trials = hidden or self._no_trials()
        unlisted = "" if self.logprobs else self.why.get("logprobs", "it lists no log-probabilities")
        reasons = {
            Ability.TEXT: hidden,
            Ability.TRIALS: trials,
            Ability.CONFIDENCE: trials or unlisted,
            Ability.PEEKS: trials or unlisted,
            Ability.SIGNALS: hidden or unlisted,
            Ability.THINKING_SWITCH: "" if self.switch else "Nothing was found that leaves the thinking out.",
            Ability.EFFORT: ""
            if self.effort
            else self.why.get("effort", "reasoning_effort changes nothing."),
            Ability.BUDGET: self._no_budget(),
            Ability.TOLD_BUDGET: "" if self.told_budget else "Its chat template takes no number of tokens.",
        }
        return found | {ability: why for ability, why in reasons.items() if why}

    @property
    def abilities(self) -> frozenset[Ability]:
        """What the engine of this server can do."""
        return frozenset(Ability) - self.lacking.keys()

    def _no_trials(self) -> str:
        if not self.counting:
            return self.why.get("counting", "Tokens cannot be counted as they come.")
        if self.raw or self.prefill:
            return ""
        return self.why.get(
            "prefill", "A partial answer is not continued, and prompts cannot be written raw."
        )

    def _no_budget(self) -> str:
        if self.budget is None and "budget" in self.why:
            return f"It was {self.why['budget']}; karui's own cut (token-budget) is used."
        if self.budget is None:
            return "It takes no thinking budget of its own; karui's own cut (token-budget) is used."
        return "" if self.budget.works else f"{self.budget.found} karui's own cut (token-budget) is used."

    def rows(self) -> list[tuple[str, str]]:
        """Returns what was found, for people: a name and a finding."""
        yes = {True: "yes", False: "no", None: "not told"}
        listed = str(self.logprobs or "none") + self._because("logprobs")
        if self.before_temperature is False:
            listed += "; after temperature"
        counted = {"listed": "each token is listed", "usage": "usage with every event"}
        template = {
            "folder": "the folder's own",
            "tokenize": "the server's /tokenize",
            "apply-template": "the server's /apply-template",
        }
        agrees = {True: ", as long as the server's own prompt", False: ", NOT the server's own", None: ""}
        rendered = template.get(self.template, "not known") + (agrees[self.agrees] if self.template else "")
        named = self.thinking is Thinking.FIELD
        block = f", {self.cache_block} tokens at a time" if self.cache_block else ""
        return [
            ("model", f"{self.model}, context {self.context or 'not told'}"),
            ("version", self.fingerprint or self.facts.get("version", "not told")),
            ("completions", yes[self.completions] + self._because("completions")),
            ("chat", yes[self.chat] + self._because("chat")),
            ("chosen way", self.route + self._because("route")),
            ("chat template", rendered),
            ("continues a partial answer", yes[self.prefill] + self._because("prefill")),
            ("likeliest tokens listed", listed),
            ("token numbers", yes[self.ids]),
            (
                "thinking",
                f"{self.thinking}{f' ({self.thinking_field})' if named else ''}{self._because('thinking')}",
            ),
            ("thinking counted in usage", yes[self.thinking_counted]),
            ("counts that are inferred", self.inferred or "none"),
            ("tokens counted by", counted.get(self.counting, self.counting or "nothing")),
            (
                "... without log-probabilities",
                counted.get(self.counting_bare, self.counting_bare or "nothing"),
            ),
            ("several prompts in one request", yes[self.whole] + self._because("whole")),
            ("usage in streams", "with every event" if self.usage_all_along else yes[self.usage]),
            ("a seed repeats a draw", yes[self.seeds]),
            ("... beside other requests", yes[self.seeds_beside]),
            ("n choices with one seed", self.several or "not told"),
            ("answer behind closed thinking", self.continued or "not tried"),
            ("prefix cache", f"{self.cache}{block}"),
            ("thinking left out by", self.switch or "nothing"),
            ("reasoning effort", yes[self.effort] + self._because("effort")),
            ("... levels refused", "; ".join(f"{k}: {v}" for k, v in self.efforts_refused.items()) or "none"),
            (
                "thinking budget of its own",
                self.budget.found if self.budget else self.why.get("budget", "no such parameter"),
            ),
            ("a closed stream frees it", yes[self.frees] + self._because("frees")),
            ("spent finding out", f"{self.spent} tokens"),
        ]

    def _because(self, name: str) -> str:
        return f": {self.why[name]}" if name in self.why else ""


@dataclass(frozen=True)
class Findings:
    """All that was found out about a server, for whoever connects to it next.

    Attributes:
        can: What it does.
        thinking: How its model thinks.
        identity: By what it is the same server with the same model: what it lists of the model and says of
            itself, and the length of a prompt, in which another template or tokenizer shows.
    """

    can: Capabilities
    thinking: ThinkingFormat
    identity: str
