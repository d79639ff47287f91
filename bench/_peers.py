"""What the released servers say of a reply: the parsers of vLLM and SGLang, run in a process of its own.

Their packages are unpacked and never installed: everything they import beside their parsers is replaced by a
stand-in, which is why this is a program of its own. It reads one JSON object a line and writes one back:

    {"do": "templates"}                                         templates that mistral-common generates
    {"do": "render", "key": …, "messages": …, "arguments": …}   a prompt by an encoder written in Python
    {"do": "sglang", "parser": …, "reply": …, "tokens": …, "opened": …}     [thinking, answer]
    {"do": "vllm", "parser": …, "reply": …, "tokens": …, "arguments": …}    [thinking, answer]
    {"do": "detect", "template": …}                             SGLang's opinion of switch and default
"""

import importlib
import importlib.abc
import importlib.machinery
import json
import re
import sys
import types
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

_REAL = (
    "vllm.parser",
    "vllm.reasoning",
    "vllm.tool_parsers.abstract_tool_parser",
    "vllm.tool_parsers.utils",
    "vllm.tokenizers.deepseek",
    "vllm.renderers.inkling_encoding",
    "sglang.srt.parser.",
    "sglang.srt.function_call.",
)
"""What is imported as it was released."""
_PACKAGES = (
    "vllm",
    "vllm.tokenizers",
    "vllm.renderers",
    "vllm.tool_parsers",
    "sglang",
    "sglang.srt",
    "sglang.srt.parser",
    "sglang.srt.function_call",
)
"""Packages whose own `__init__` is left out."""


class _Named(type):
    def __new__(cls, name: str, bases: Any, body: Any, **_: Any) -> Any:
        return super().__new__(cls, name, bases, body)

    def __init__(cls, name: str, bases: Any, body: Any, **_: Any) -> None:
        super().__init__(name, bases, body)

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return MagicMock(name=name)


class _Record(metaclass=_Named):
    """A stand-in for a class: keeps what it is made of."""

    def __init__(self, *_: Any, **values: Any) -> None:
        self.__dict__.update(values)

    def __class_getitem__(cls, _: Any) -> Any:
        return cls

    @classmethod
    def __get_pydantic_core_schema__(cls, *_: Any) -> Any:
        from pydantic_core import core_schema

        return core_schema.any_schema()


class _StandIn(types.ModuleType):
    __path__: list[str] = []  # noqa: RUF012 - as a package has it

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        is_class = name[0].isupper() and not name.isupper()
        value = _Named(name, (_Record,), {}) if is_class else MagicMock(name=name)
        setattr(self, name, value)
        return value


class _StandIns(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds stand-ins: first for what the servers have beside their parsers, last for what is missing."""

    def __init__(self, *, first: bool) -> None:
        self.first = first

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        del path, target
        served = name.startswith(("vllm.", "sglang."))
        if self.first and (not served or name.startswith(_REAL)):
            return None
        return importlib.machinery.ModuleSpec(name, self, is_package=True)

    def create_module(self, spec: Any) -> Any:
        return _StandIn(spec.name)

    def exec_module(self, module: Any) -> None:
        """A stand-in has nothing to run."""


class _Tokenizer:
    """A tokenizer of single characters and the tokens that it is given."""

    def __init__(self, tokens: list[str]) -> None:
        self.vocab = {chr(i): i for i in range(9, 0x250)}
        for token in tokens:
            self.vocab.setdefault(token, len(self.vocab) + 1000)
        longest = sorted(tokens, key=len, reverse=True)
        self._pattern = re.compile("|".join([*map(re.escape, longest), "."]), re.DOTALL)
        self.all_special_tokens = tokens
        self.all_special_ids = [self.vocab[t] for t in tokens]
        self.added_tokens_encoder = {t: self.vocab[t] for t in tokens}
        suffix = next((s for t in tokens if (s := t.partition("<think:")[2].removesuffix(">"))), "")
        self.init_kwargs: dict[str, Any] = {"token_suffix": f":{suffix}"} if suffix else {}
        self.version = 13 if "[THINK]" in tokens else 11
        self.eos_token_id = self.bos_token_id = None

    def get_vocab(self) -> dict[str, int]:
        return self.vocab

    def get_added_vocab(self) -> dict[str, int]:
        return self.added_tokens_encoder

    def encode(self, text: str, **_: Any) -> list[int]:
        return [self.vocab.setdefault(t, len(self.vocab) + 5000) for t in self._pattern.findall(text)]

    def decode(self, ids: Any, **_: Any) -> str:
        named = {i: t for t, i in self.vocab.items()}
        return "".join(named.get(i, "") for i in ([ids] if isinstance(ids, int) else ids))

    def convert_tokens_to_ids(self, token: str) -> int | None:
        return self.vocab.get(token)

    def encode_special(self, token: str) -> int:
        return self.vocab.setdefault(token, len(self.vocab) + 5000)

    encode_text = encode


def _set_up(root: Path) -> None:
    # Loaded before the stand-ins are there, which must not replace what these look for.
    for needed in ("jinja2.sandbox", "numpy", "pydantic", "regex", "requests", "torch", "transformers"):
        importlib.import_module(needed)
    from transformers import PreTrainedTokenizerBase, TokenizersBackend  # noqa: F401 - loads them lazily

    for name in _PACKAGES:
        module = types.ModuleType(name)
        module.__path__ = [str(root / name.replace(".", "/"))]
        sys.modules[name] = module
    sys.path.insert(0, str(root))
    sys.meta_path.insert(0, _StandIns(first=True))
    sys.meta_path.append(_StandIns(first=False))


def _templates() -> dict[str, str]:
    """Returns templates as mistral-common generates them for its reasoning models."""
    generator = importlib.import_module("mistral_common.integrations.chat_templates.template_generator")
    versions = importlib.import_module("mistral_common.tokens.tokenizers.base").TokenizerVersion
    config = generator.TemplateConfig
    both = {"thinking_support": True, "image_support": True}
    effort = {"reasoning_effort_values": ("none", "high"), "reasoning_effort_default": "none"}
    return {
        "magistral-v13": generator.build_chat_template(config(version=versions.v13, thinking_support=True)),
        "ministral-3": generator.build_chat_template(config(version=versions.v13, **both)),
        "small-4": generator.build_chat_template(config(version=versions.v15, **both, **effort)),
        "magistral-v11": generator.build_chat_template(
            config(version=versions.v11, plain_thinking_support=True)
        ),
        "instruct-v11": generator.build_chat_template(config(version=versions.v11)),
        "instruct-v13": generator.build_chat_template(config(version=versions.v13)),
    }


def _render(key: str, messages: list[Any], arguments: dict[str, Any], *, generate: bool) -> str:
    """Returns a prompt by one of the encoders that stand for a chat template."""
    if key.startswith("glm-5.3"):
        module = importlib.import_module("sglang.srt.parser.glm53_chat_template")
        write = module.render_glm53_flash if key.endswith("flash") else module.render_glm53
        return str(write(messages, add_generation_prompt=generate, **arguments))
    if key == "inkling":
        module = importlib.import_module("vllm.renderers.inkling_encoding")
        tokenizer = _Tokenizer([])
        known = {k: v for k, v in arguments.items() if k == "reasoning_effort"}
        write = module.render_inkling_messages
        return tokenizer.decode(write(messages, tokenizer, add_generation_prompt=generate, **known))
    module = importlib.import_module(f"vllm.tokenizers.{key}")
    wrapped = getattr(module, f"get_{key}_tokenizer")(_Tokenizer([]))
    made = {**arguments, "add_generation_prompt": generate, "tokenize": False}
    return str(wrapped.apply_chat_template(messages, **made))


def _sglang(parser: str, reply: str, tokens: list[str], *, opened: bool | None) -> list[str | None]:
    module = importlib.import_module("sglang.srt.parser.reasoning_parser")
    known = {"stream_reasoning": False, "force_reasoning": opened, "tokenizer": _Tokenizer(tokens)}
    made = module.ReasoningParser(parser, **known)
    return list(made.parse_non_stream(reply))


def _vllm(parser: str, reply: str, tokens: list[str], arguments: dict[str, Any]) -> list[str | None]:
    listed = importlib.import_module("vllm.reasoning")._REASONING_PARSERS_TO_REGISTER  # noqa: SLF001
    file, name = listed[parser]
    made = getattr(importlib.import_module(f"vllm.reasoning.{file}"), name)(
        _Tokenizer(tokens), chat_template_kwargs=arguments
    )
    request = types.SimpleNamespace(
        chat_template_kwargs=arguments, include_reasoning=True, tools=None, tool_choice="none"
    )
    return list(made.extract_reasoning(reply, request))


def _detect(template: str) -> dict[str, Any]:
    module = importlib.import_module("sglang.srt.parser.template_detection")
    forced, config = module.detect_reasoning_pattern(template)
    parser = module.detect_reasoning_parser(template, None, config, forced)
    names = ("toggle_param", "default_enabled", "special_case")
    return {"parser": parser, **{n: getattr(config, n, None) for n in names}}


def _answer(asked: dict[str, Any]) -> Any:
    do = asked.pop("do")
    if do == "render":
        return _render(asked["key"], asked["messages"], asked["arguments"], generate=asked["generate"])
    if do == "sglang":
        return _sglang(asked["parser"], asked["reply"], asked["tokens"], opened=asked["opened"])
    if do == "vllm":
        return _vllm(asked["parser"], asked["reply"], asked["tokens"], asked["arguments"])
    return _detect(asked["template"]) if do == "detect" else _templates()


def main() -> None:
    """Answers what it is asked, line by line, until there is nothing more."""
    out, sys.stdout = sys.stdout, sys.stderr
    _set_up(Path(sys.argv[1]))
    for line in sys.stdin:
        try:
            said = {"said": _answer(json.loads(line))}
        except Exception as error:  # noqa: BLE001 - what others' code raises is what it says
            said = {"raised": f"{type(error).__name__}: {error}"}
        out.write(json.dumps(said) + "\n")
        out.flush()


if __name__ == "__main__":
    main()
