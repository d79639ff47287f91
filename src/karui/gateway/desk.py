"""The desk: what answers a request.

A request's way is decided in this order: the name that the client gave the model, whether a plan can run it,
whether the upstream is the model that was chosen for, the guard, the circuit breaker, the stage. What answers
otherwise than the plan is decided before the first byte of an answer; from then on a reply is finished or
ends with an error, and never begins anew.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from time import time
from typing import Any

from karui.core.ask import Ask, Prompt
from karui.core.errors import KaruiError, Refused
from karui.core.plan import Plan
from karui.gateway.call import Call, Full
from karui.gateway.expectation import Expectation
from karui.gateway.fallback import Deed, Table
from karui.gateway.fit import fit
from karui.gateway.inside import failed
from karui.gateway.planned import Runner
from karui.gateway.rolling import Rolling
from karui.gateway.served import Why
from karui.gateway.silent import Silent, doubt_of
from karui.gateway.upstream import Failed, Upstream
from karui.gateway.wire.request import Wrong

_log = logging.getLogger("karui.gateway")
PLAN, FULL = "karui/plan", "karui/full"
"""Names of models that clients ask for; the plan also goes by its id."""
_AGAIN = "\n\n[karui: {why}; thinking again, in full]\n\n"


@dataclass
class Desk:
    """What answers requests.

    Attributes:
        plan: The chosen one.
        expectation: What its recording says.
        runner: Runs it.
        full: Full thinking of the served model, asked what the plan is asked.
        through: The same, for requests that go through as they are.
        server: Full thinking on the fallback server; None where there is none.
        table: What is done instead of the plan.
        rolling: The guard and the stage.
        silent: Runs the plan where nobody sees it.
        upstream: The served model's server; None where it runs in this process.
        names: Further names by which clients may ask for the plan.
        floor: Confidence below which the plan's answer is not given.
        any_sampling: Whether clients may change temperature and top_p under the plan.
    """

    plan: Plan
    expectation: Expectation
    runner: Runner
    full: Full
    through: Full
    server: Full | None
    table: Table
    rolling: Rolling
    silent: Silent
    upstream: Upstream | None
    names: frozenset[str] = frozenset()
    floor: float = 0.0
    any_sampling: bool = False

    def __post_init__(self) -> None:
        self.plan_names = frozenset({PLAN, f"karui/{self.plan.id}", *self.names})
        self.effort = self.plan.rewrite(Ask("", Prompt(""))).prompt.effort

    async def answer(self, call: Call) -> None:
        """Answers a request.

        Raises:
            Wrong: It is to be answered with an error.
            Failed: What should have answered has failed, and so has what could have instead.
        """
        asked, account = call.asked, call.account
        own = self.upstream.served if self.upstream is not None else frozenset()
        dialogue = fit(asked, self.expectation.terms.sampling, self.effort, any_sampling=self.any_sampling)
        if isinstance(dialogue, str):
            call.unfit = dialogue
        else:
            call.dialogue = dialogue
        if asked.model in own:
            account.fell(Why.ASKED)
            await self._fully(call, self.through)
        elif asked.model == FULL:
            account.fell(Why.ASKED)
            await self._fully(call, self.through if call.unfit else self.full)
        elif asked.model not in self.plan_names:
            known = ", ".join(sorted({PLAN, FULL, *own}))
            said = f"There is no model {asked.model[:100]!r}; there are {known}."
            raise Wrong(404, said, param="model", code="model_not_found")
        elif call.unfit:
            account.note(plan=self.expectation.label)
            account.fell(Why.UNFIT, call.unfit)
            self._fall_headers(call, Why.UNFIT, call.unfit)
            await self._fully(call, self.through)
        else:
            await self._by_stage(call)

    async def _by_stage(self, call: Call) -> None:
        """Answers a request that the plan can run: by the plan, if nothing speaks against it."""
        account, at = call.account, call.account.at
        account.note(plan=self.expectation.label)
        call.line.headers["x-karui-plan"] = f"{self.plan.id} {self.expectation.label}"
        why, detail = self.rolling.against(at)
        if why is not Why.NONE:
            if self.rolling.wants_silent(at):
                self.silent.beside(call)
            await self._instead(call, why, detail)
        elif not self.rolling.stage.takes(_key(call)):
            account.fell(Why.STAGE)
            call.line.headers["x-karui-fallback"] = f"stage {self.rolling.stage}"
            if self.rolling.wants_silent(at):
                self.silent.beside(call)
            await self._fully(call, self.full)
        else:
            await self._planned(call)

    async def _planned(self, call: Call) -> None:
        """Answers by the plan, or by what the table says where it fails or is unsure."""
        account, breaker = call.account, self.upstream.breaker if self.upstream is not None else None
        assert call.dialogue is not None
        if breaker is not None and not breaker.enter(time()):
            await self._instead(call, Why.BREAKER, breaker.why)
            return
        well: bool | None = None
        fault = ""
        account.note(ran="plan")
        call.line.headers["x-karui-ran"] = "plan"
        try:
            ran = await call.hear(self.runner.run(self.plan, account.id, call.dialogue))
            if ran.failure is not None and not isinstance(ran.failure, Refused):
                raise failed(ran)
            well = True
        except Failed as failure:
            well, fault, why = False, failure.detail, failure.why
        except KaruiError as error:
            well, fault, why = False, error.what, Why.UPSTREAM
        except Exception:  # noqa: BLE001 - a technique may be anybody's; full thinking can still answer
            _log.exception("the plan failed on request %s", account.id)
            fault, why = "the plan itself failed", Why.UPSTREAM
        finally:
            if breaker is not None:
                breaker.leave(time(), well=well, why=fault)
        if not well:
            await self._instead(call, why, fault)
            return
        if ran.failure is not None:  # the server works, and will say itself what it does not like
            account.fell(Why.UNFIT, ran.failure.what)
            self._fall_headers(call, Why.UNFIT, ran.failure.what)
            await self._fully(call, self.full)
            return
        account.note(confidence=ran.confidence, trial_agreement=ran.agreement, moves=ran.moves)
        if doubt := doubt_of(ran, self.floor):
            account.note(extra_tokens=ran.usage.completion + ran.usage.extra)
            await self._instead(call, Why.UNSURE, doubt)
            return
        account.cut = ran.cut
        account.counted(ran.usage)
        await call.finish(ran, self._karui(call))

    async def _instead(self, call: Call, why: Why, detail: str) -> None:
        """Answers by what the table says for a reason."""
        call.account.fell(why, detail)
        self._fall_headers(call, why, detail)
        deed = self.table.deeds[why]
        if deed is Deed.REFUSE:
            raise told(Failed(why, detail))
        await self._fully(call, self.server if deed is Deed.SERVER and self.server is not None else self.full)

    async def _fully(self, call: Call, full: Full) -> None:
        """Answers with full thinking; where that fails before its first byte, by the fallback server."""
        call.line.headers["x-karui-ran"] = "full"
        try:
            await self._with(call, full)
        except Failed as failure:
            if self.server is None or full is self.server or call.speaker.answering:
                raise
            call.account.fell(failure.why, failure.detail)
            self._fall_headers(call, failure.why, failure.detail)
            await self._with(call, self.server)

    async def _with(self, call: Call, full: Full) -> None:
        if not call.speaker.begun:
            await full.answer(call)
            return
        # Thinking has been shown that nothing came of: that is said, and the stream goes on.
        await call.speaker.think(_AGAIN.format(why=call.account.served.why))
        ran = await call.hear(full.pieces(call))
        if ran.failure is not None:
            raise failed(ran)
        call.account.counted(ran.usage)
        await call.finish(ran, self._karui(call))

    def _fall_headers(self, call: Call, why: Why, detail: str) -> None:
        call.line.headers["x-karui-fallback"] = f"{why}: {detail}".rstrip(": ")

    def _karui(self, call: Call) -> Mapping[str, Any]:
        """Returns karui's own object of a reply, and sets the headers that say the same."""
        served = call.account.served
        told = {
            "request_id": served.id,
            "plan": self.plan.id,
            "ran": served.ran,
            "moves": served.moves,
            "fallback": f"{served.why}: {served.detail}".strip(": "),
            "confidence": served.confidence,
            "tokens_saved_estimate": round(served.saved),
        }
        call.line.headers["x-karui-moves"] = served.moves
        call.line.headers["x-karui-tokens-saved"] = f"{round(served.saved)} (estimate)"
        return told


def _key(call: Call) -> str:
    """Returns what decides on which side of a stage a request falls: the same caller, the same side."""
    given = call.headers.get("x-karui-key") or call.asked.body.get("user")
    return str(given or call.asked.body.get("messages"))


def told(failure: Failed) -> Wrong:
    """Returns a failure as it is told to a client."""
    usual = 503 if failure.why in {Why.BREAKER, Why.GUARD, Why.STALE} else 502
    status = {Why.TIMEOUT: 504}.get(failure.why, 429 if failure.status == 429 else usual)
    return Wrong(
        status,
        f"{failure.why}: {failure.detail}".rstrip(": "),
        code=failure.why.value.replace(" ", "_"),
        retry_after=failure.retry_after or (10 if status == 503 else None),
    )
