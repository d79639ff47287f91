"""Options of the command line, made of those that `karui.study.config.schema` declares and words."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, Field, fields
from pathlib import Path
from typing import Annotated, Any, Concatenate, Literal, ParamSpec, TypeAlias, TypeVar, get_args, get_origin

import typer

from karui.core.errors import InputError
from karui.study.config.fields import filled, options_of
from karui.study.config.schema import (
    AuxModelOptions,
    BuildOptions,
    ModelOptions,
    ObjectiveOptions,
    OutputOptions,
    SamplingOptions,
)

C = TypeVar("C")
P = ParamSpec("P")


def declared(config: type, name: str, *names: str) -> Any:
    """Returns a declared option as typer takes it, for a verb that has only some of a class's.

    Args:
        config: The class.
        name: The option's name in it.
        names: What it is called on the command line, if that is not what it is declared with.
    """
    return _option(next(f for f in fields(config) if f.name == name), names)


def _option(declaration: Field[Any], names: tuple[str, ...] = ()) -> Any:
    told = declaration.metadata
    names = names or told["names"]
    if not names and declaration.type is not bool:  # typer names --x and --no-x by itself
        names = ("--" + declaration.name.replace("_", "-"),)
    return typer.Option(
        *names,
        help=told["help"],
        show_default=told["shown"] or True,
        min=told["least"],
    )


Model: TypeAlias = Annotated[str, declared(ModelOptions, "model", "--model", "--engine")]
Thinking: TypeAlias = Annotated[Path | None, declared(ModelOptions, "thinking")]
Device: TypeAlias = Annotated[str, declared(ModelOptions, "device")]
Seed: TypeAlias = Annotated[int, declared(SamplingOptions, "seed")]
Lessons: TypeAlias = Annotated[Path | None, declared(BuildOptions, "recording")]
Minutes: TypeAlias = Annotated[float | None, declared(BuildOptions, "minutes")]
AuxModel: TypeAlias = Annotated[list[str], declared(AuxModelOptions, "aux_model")]
Own: TypeAlias = Annotated[list[str], declared(ObjectiveOptions, "technique")]
Lang: TypeAlias = Annotated[Literal["en", "ja"], declared(OutputOptions, "lang")]
Out: TypeAlias = Annotated[Path, declared(OutputOptions, "out")]
Json: TypeAlias = Annotated[bool, typer.Option("--json", help="Output for programs, as JSON.")]


def configured(
    config: type[C], *, files: bool = True, **defaults: Any
) -> Callable[[Callable[Concatenate[C, P], None]], Callable[..., None]]:
    """Returns what gives a verb the options of a config; the verb takes the config first, then its own.

    Args:
        config: A class of `karui.study.config.schema`.
        files: Whether it also has --config FILE, over whose values those of the command line win, and
            --write-config.
        defaults: Other defaults of options than the class has.
    """

    def wrap(verb: Callable[Concatenate[C, P], None]) -> Callable[..., None]:
        own = list(inspect.signature(verb).parameters.values())[1:]
        parameters = [_parameter(*each, defaults) for each in options_of(config)]
        first = [p for p in own if p.default is inspect.Parameter.empty or _is_argument(p.default)]

        def run(ctx: typer.Context, **values: Any) -> None:
            mine = {p.name: values.pop(p.name) for p in own}
            file = _read(values.pop("config"), config) if files else {}
            made = filled(config, {**defaults, **file, **_given(ctx, config, values)})
            if files and values.pop("write_config"):
                from karui.study.config.toml import config_text

                typer.echo(config_text(made), nl=False)
                return
            verb(made, **mine)  # type: ignore[call-arg]  # by name, as they were taken apart

        shown = [
            inspect.Parameter("ctx", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context),
            *first,
            *parameters,
            *(p for p in own if p not in first),
            *(_FILES if files else []),
        ]
        keyword = inspect.Parameter.KEYWORD_ONLY
        run.__name__, run.__doc__, run.__module__ = verb.__name__, verb.__doc__, verb.__module__
        run.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
            [shown[0], *(p.replace(kind=keyword) for p in shown[1:])]
        )
        run.__annotations__ = {p.name: p.annotation for p in shown}
        return run

    return wrap


_FILES = [
    inspect.Parameter(
        "config",
        inspect.Parameter.KEYWORD_ONLY,
        default=None,
        annotation=Annotated[
            Path | None, typer.Option(help="A TOML file of options; those of the command line win.")
        ],
    ),
    inspect.Parameter(
        "write_config",
        inspect.Parameter.KEYWORD_ONLY,
        default=False,
        annotation=Annotated[
            bool,
            typer.Option("--write-config", help="Output of all options as such a file, and nothing else."),
        ],
    ),
]


def _is_argument(default: Any) -> bool:
    return type(default).__name__ == "ArgumentInfo"


def _parameter(
    name: str, declaration: Field[Any], kind: Any, defaults: Mapping[str, Any]
) -> inspect.Parameter:
    """Returns an option as a parameter that typer reads."""
    default = declaration.default if declaration.default is not MISSING else ()
    default = defaults.get(name, default)
    if get_origin(kind) is tuple:
        kind, default = list[get_args(kind)[0]], list(default)  # type: ignore[misc]
    elif get_origin(kind) is Mapping:
        kind, default = list[str], []
    annotation = Annotated[kind, _option(declaration)]
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def _read(file: Path | None, config: type) -> dict[str, Any]:
    if file is None:
        return {}
    from karui.study.config.toml import read_config

    return read_config(file, config)


def _given(ctx: typer.Context, config: type, values: Mapping[str, Any]) -> dict[str, Any]:
    """Returns what the command line names, as the config holds it."""
    given = {}
    for name, _, kind in options_of(config):
        source = ctx.get_parameter_source(name)
        if source is None or source.name == "DEFAULT":
            continue
        value = values[name]
        if get_origin(kind) is tuple:
            value = tuple(value)
        elif get_origin(kind) is Mapping:
            value = pairs(name, value)
        given[name] = value
    return given


def pairs(option: str, words: Sequence[str]) -> dict[str, str]:
    """Returns the values of a repeatable option that is written as name=value.

    Raises:
        InputError: A word is not of this form, or its name is given twice.
    """
    option = "--" + option.replace("_", "-")
    found: dict[str, str] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or not name or not value:
            form = "name=RECORDING, such as small=runs/small" if option == "--aux-model" else "name=value"
            raise InputError(
                f"{option} is not of the form name=value (got {word!r}).", remedy=f"Write {form}."
            )
        if name in found:
            raise InputError(f"{option} gives the name {name!r} twice.", remedy="Give another name.")
        found[name] = value
    return found
