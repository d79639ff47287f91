"""The choice that is to be served, and whether it may be: here, on this model, by this server."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path

from karui import catalog
from karui.codec.files import load_choice
from karui.core.engine import Engine, ModelInfo
from karui.core.errors import InputError, ModelError, PlanError
from karui.core.plan import Plan
from karui.core.study.choice import Choice
from karui.serving_profile import FILE, ServingProfile
from karui.serving_profile.profile import is_mode


@dataclass(frozen=True)
class Deployment:
    """A choice, its plan, and what to expect of it.

    Attributes:
        choice: As `karui choose` or `karui poc` wrote it.
        plan: What it chose.
        expectation: What the recording says of it.
        digest: Of both files; "" where they were not read from files. A changed choice has another one. Where
            one gateway serves several routes, the route follows behind an @: each has a history of its own.
    """

    choice: Choice
    plan: Plan
    expectation: ServingProfile
    digest: str = ""

    @staticmethod
    def load(path: Path) -> "Deployment":
        """Reads a choice and the expectation beside it.

        Args:
            path: `choice.json`, or its folder.

        Raises:
            InputError: A file is missing or belongs to another choice, or the choice may not be served.
        """
        file = path / "choice.json" if path.is_dir() else path
        choice = load_choice(file)
        if choice.withdrawn:
            raise InputError(
                f"{choice.label} is not served: this choice was withdrawn.",
                why="Run live on questions it was not chosen on, it lost more than was accepted.",
                remedy="Record more questions and choose again.",
            )
        if not choice.spec:
            better = f" The best candidate was {choice.candidate.label}." if choice.candidate else ""
            raise InputError(
                f"{file} chose full thinking, so it names no plan to serve.{better}",
                why=f"Its decision is {choice.decision.value!r}.",
                remedy="Record more questions and choose again, or do without a gateway.",
            )
        expectation = ServingProfile.load(file.with_name(FILE))
        if expectation.plan != choice.plan:
            raise InputError(
                f"{file.with_name(FILE)} belongs to another choice than {file}.",
                why=f"It expects {expectation.label}; {choice.label} was chosen.",
                remedy="Keep the two files together as they were written, or choose again.",
            )
        found = expectation.domain.summary.digest if expectation.domain else ""
        if found != (choice.domain.digest if choice.domain else ""):
            raise InputError(
                f"{file.with_name(FILE)} belongs to another choice than {file}.",
                why="The recorded questions that live ones are compared with are not those of the choice.",
                remedy="Keep the two files together as they were written, or choose again.",
            )
        plan = catalog.plan_from_spec(choice.spec)
        return Deployment(choice, plan, expectation, _digest(file, file.with_name(FILE)))

    @property
    def route(self) -> str:
        """Name of the route that serves it; "" where there are not several."""
        return self.digest.partition("@")[2]

    def on_route(self, name: str) -> "Deployment":
        """Returns it as one route of several serves it."""
        return replace(self, digest=f"{self.digest}@{name}") if name else self

    def style(self, name: str) -> Plan:
        """Returns the prompt style in which a further model of the plan was recorded: its mode.

        Raises:
            UnknownName: A technique that this installation does not have.
        """
        footing = self.expectation.terms.footings.get(name)
        return catalog.plan_from_spec(footing.style if footing else ())

    def mode_of_main(self, name: str) -> bool:
        """Whether a further model of the plan is the main one in another prompt style."""
        return is_mode(self.choice, name, self.style(name))

    def check_model(self, card: ModelInfo, served: str, *, same: bool, origin: str = "") -> None:
        """Refuses a model that the choice was not made for.

        Args:
            card: Of the engine's model.
            served: What its server calls it; "" in this process.
            same: Whether the operator says that it is the same.
            origin: Digest of the model that the plan's own techniques made this one from; "" where none did.

        Raises:
            ModelError: Names both.
        """
        chosen = self.choice.model
        found = origin if self.plan.prepared else card.digest
        if same or (found and found == chosen.digest):
            return
        wanted = chosen.name
        # A technique with weights of its own makes another model, which no card in the choice describes.
        if served and not self.plan.prepared and _short(served) == _short(wanted):
            return
        raise ModelError(
            f"This choice was made for the model {wanted!r}, not for {served or card.name!r}.",
            why="A certificate holds for the model that was recorded, and for no other."
            if not self.plan.prepared
            else "The plan runs on weights that a technique made of that model.",
            remedy="Serve the model it was made for; if it is the same under another name, say --same-model.",
        )

    def check_abilities(self, engines: Mapping[str, Engine]) -> None:
        """Refuses engines that cannot run the plan, and says which tested plan they can run.

        Raises:
            PlanError: Names the ability.
        """
        try:
            _check(self.plan, engines)
        except PlanError as error:
            raise PlanError(error.what, why=error.why, remedy=self._instead(engines)) from None

    def _instead(self, engines: Mapping[str, Engine]) -> str:
        for tested in self.choice.tested:
            if tested.verdict not in {"certified", "promising"}:
                continue
            plan = catalog.plan_from_spec(tested.spec)
            try:
                _check(plan, engines)
            except PlanError:
                continue
            return f"Of the plans tested for this choice, {tested.label} ({tested.verdict}) would run here."
        return (
            "No plan that was certified for this choice would run here; `karui probe` says what is missing."
        )


def _check(plan: Plan, engines: Mapping[str, Engine]) -> None:
    for name in plan.models:
        if name not in engines:
            raise PlanError(
                f"{plan.label} needs a second model, {name!r}, which has no engine.",
                remedy=f"Name its server or folder: --aux-model {name}=…",
            )
        plan.check(engines[name].abilities, f"the engine of {engines[name].card.name}", name)


def _digest(*files: Path) -> str:
    digest = blake2b(digest_size=8)
    for file in files:
        content = file.read_bytes()
        digest.update(len(content).to_bytes(8, "big") + content)
    return digest.hexdigest()


def _short(name: str) -> str:
    """Returns a model's name without what differs between places: http://…#Org/Name and name are one."""
    return name.rpartition("#")[2].rstrip("/").rpartition("/")[2].casefold()
