"""Engines in the gateway's own process: small models, demonstrations, machines without a model server."""

from collections.abc import Mapping
from dataclasses import replace

from karui.artifacts.artifact import Artifact
from karui.core.engine import Engine
from karui.core.errors import InputError
from karui.core.plan import Plan
from karui.engines.chat.override import Override
from karui.engines.styled import styled
from karui.gateway.deployment import Deployment
from karui.study.workspace import Workspace


def origin_of(chosen: Deployment, model: str) -> str:
    """Returns the digest of the model that the plan's own techniques made a folder's model from.

    "" where the folder is no artifact, or one that other techniques made.
    """
    made = Artifact.of(model) if model and chosen.plan.prepared else None
    wanted = [t.spec for t in chosen.plan.prepared]
    return made.lineage[0] if made and [dict(t) for t in made.techniques] == wanted else ""


def inside(chosen: Deployment, model: str, beside: Mapping[str, str], at_once: int) -> dict[str, Engine]:
    """Loads the models that a plan asks.

    Args:
        chosen: The choice.
        model: Folder or name of the main one; "" takes the choice's.
        beside: Likewise, of further ones, by the names that the plan asks for.
        at_once: Streams side by side.

    Raises:
        KaruiError: A model cannot be loaded, or is not named.
    """
    card = chosen.choice.model
    if chosen.plan.prepared and not model:
        made = ", ".join(map(str, chosen.plan.prepared))
        raise InputError(
            f"The plan runs on weights that {made} made.",
            remedy="Name their folder with --model; `karui poc` says where it is.",
        )
    session = Workspace(
        model or card.name,
        chosen.expectation.terms.sampling,
        1,
        at_once=at_once,
        dtype=card.dtype or "auto",
        thinking=_said(chosen, "main"),
    )
    engines = {"main": session.engine_of(chosen.plan)}
    for name in chosen.plan.models:
        if name == "main":
            continue
        style = chosen.style(name)
        if chosen.mode_of_main(name) and not beside.get(name):
            engines[name] = styled(session.engine_of(Plan()), style)
            continue
        further = chosen.choice.beside.get(name)
        known = further.name if further else ""
        if not (beside.get(name) or known):
            raise InputError(f"The plan asks a further model, {name!r}: --aux-model {name}=FOLDER names it.")
        other = session.beside(beside.get(name) or known)
        engines[name] = styled(replace(other, thinking=_said(chosen, name)).engine_of(style), style)
    for name, engine in engines.items():
        footing = chosen.expectation.terms.footings.get(name)
        if footing is not None and (engine.rule, engine.suffix) != (footing.rule, footing.suffix):
            raise InputError(
                f"The engine of {engine.card.name} stops or tries elsewhere than its recording did.",
                why=f"There {footing.rule} and {footing.suffix!r}; here {engine.rule}, {engine.suffix!r}.",
                remedy="Record again on this engine, and choose again.",
            )
    return engines


def _said(chosen: Deployment, name: str) -> Override:
    """Returns what was said of how a model thinks when it was recorded."""
    footing = chosen.expectation.terms.footings.get(name)
    return Override.of(footing.thinking if footing is not None else {}, "The choice")
