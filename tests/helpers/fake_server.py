"""A small server with OpenAI's API and a made-up model, on a real socket, that can fail in every known way.

The model thinks in steps: "So, step 1: the sum is 3." and so on, one after the other, with a blank line
between; the answer it gives is right from step `RIGHT_FROM` on, and off by one before. How many there are
depends on the question and, above temperature 0, on the seed. It goes on from any prefix of what it would say
and answers as soon as its thinking is closed, as a real model would.
"""

import asyncio
import json
import math
import re
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from hashlib import sha256

import uvicorn
from starlette.applications import Starlette
from starlette.responses import JSONResponse, PlainTextResponse, StreamingResponse
from starlette.routing import Route

from tests.helpers.native_replies import NATIVE

RIGHT_FROM = 3
END = "<|end|>"
_PIECES = re.compile(r"<\|?/?\w+\|?>|\\boxed|\n\n|\n| ?[A-Za-z]{1,6}| ?\d|.", re.DOTALL)


@dataclass
class Behaviour:
    """What the server does. The defaults are those of a good one."""

    completions: bool = True
    chat: bool = True
    served: tuple = ("toy",)
    key: str = ""
    context: int = 4096
    top: int = 20  # most log-probabilities it lists; 0 refuses them
    ids: bool = True
    template: str = "tokenize"  # or "apply-template", ""
    prefill: str = "continues"  # or "closes", "drops", "refuses"
    thinking: str = "reasoning"  # or "reasoning_content", "inline", "opened", "hidden"
    usage: bool = True
    continuous: bool = True
    per_event: int = 1
    cached: str = "details"  # or "" where it does not say
    caches: bool = True
    block: int = 16
    seeds: bool = True
    strict: bool = False  # refuses parameters that OpenAI does not have
    max_completion: bool = False  # refuses max_tokens
    scales: bool = False  # log-probabilities after temperature
    effort: str = ""  # "prompt", "hidden" or "" (ignored)
    switch: bool = True
    budget: str = (
        # "works", "ignored", "marker", "reopens", "again", "line", "text", "tools", "fails" or "" (refused)
        ""
    )
    budget_field: str = "thinking_token_budget"
    every: int = 1  # of so many chats with a budget, one meets what is wrong with it
    hint: str = "thinking_token_budget is not configured"
    misplaces: bool = False  # a parser that has not seen the end of thinking takes all for thinking
    crowded: bool = False  # what is drawn depends on what runs beside it
    delay: float = 0.0  # seconds a token
    echo: bool = False  # chat repeats the partial answer, as llama.cpp's does
    sees: str = ""  # the field of earlier turns whose thinking the template shows
    raises: tuple = ()  # levels of effort at which the template raises an error
    raised: int = 400  # the status that this is answered with
    opens: bool = False  # the template opens the thinking itself, and shows no such turn
    off: bool = False  # the template closes the thinking unless enable_thinking says otherwise
    word: str = ""  # a system message with it opens what `off` closes
    longer: int = 0  # steps of thinking more than usual
    unlists: bool = False  # counts the token of a stop word, and neither lists nor shows it, as llama.cpp's
    mute: int = 0  # the status that chat answers every question with
    faults: list = field(default_factory=list)  # what the next requests meet, in turn
    metrics: bool = True
    lists: bool = True  # whether it can list its models
    version: str = ""  # what it says it is, as vLLM does; "" where it does not
    batches: bool = True  # whether one request takes several prompts
    natives: tuple = ()  # other APIs that it has: "messages", "responses", "count_tokens"
    calls: bool = True  # whether it makes tool calls of what its model says


_OPENAI = set(
    "model messages prompt max_tokens max_completion_tokens temperature top_p seed stop stream "
    "stream_options logprobs top_logprobs n tools tool_choice reasoning_effort logit_bias".split()
)


def pieces(text):
    return _PIECES.findall(text)


def template(messages, *, kwargs, sees="", opens=False, off=False):
    thoughts = [m.get(sees) or "" if m["role"] == "assistant" else "" for m in messages]
    shown = [f"<think>\n{t}\n</think>\n\n" if t else "" for t in thoughts]
    said = zip(messages, shown, strict=True)
    text = "".join(f"<|{m['role']}|>{thought}{m['content']}{END}" for m, thought in said)
    if kwargs.get("reasoning_effort"):
        text = f"<|effort|>{kwargs['reasoning_effort']}{text}"
    if kwargs.get("enable_thinking", not off) is False:
        return f"{text}<|assistant|><think>\n\n</think>\n\n"
    return f"{text}<|assistant|>{'<think>' + chr(10) if opens else ''}"


class TemplateError(Exception):
    """A template that raises."""


class Model:
    """What is said after a prompt."""

    def __init__(self, longer=0):
        self.longer = longer

    def steps(self, question, seed, effort=""):
        if effort:
            return {"low": 3, "medium": 6}.get(effort, 9)
        return self.longer + 4 + int(sha256(f"{question}{seed}".encode()).hexdigest(), 16) % 5

    def right(self, question):
        return sum(map(int, re.findall(r"\d+", question)))

    def whole(self, question, seed, effort=""):
        word = ("So", "Well", "Then", "Hmm", "Right", "Next")[seed % 6]
        count = self.steps(question, seed, effort)
        lines = [f"{word}, step {n}: the sum is {self.said(question, n)}." for n in range(1, count + 1)]
        return (
            "<think>\n"
            + "\n\n".join(lines)
            + "\n</think>\n\n\\boxed{"
            + str(self.right(question))
            + "}"
            + END
        )

    def said(self, question, step):
        return self.right(question) + (step < RIGHT_FROM)

    def after(self, prompt, seed):
        """Returns the text that follows a prompt."""
        turn, began = prompt.rpartition("<|assistant|>")[::2]
        question = turn.rpartition("<|user|>")[2].removesuffix(END)
        if "</think>" in began:
            steps = began.count("step ")
            answer = f"\\boxed{{{self.said(question, steps)}}}"
            behind = began.rpartition("</think>")[2]
            tail = behind.lstrip("\n")
            return ("" if behind else "\n\n") + answer.removeprefix(tail) + END
        effort = re.search(r"<\|effort\|>([a-z]+)", prompt)
        whole = self.whole(question, seed, effort[1] if effort else "")
        if whole.startswith(began):
            return whole[len(began) :]
        return " and so on" * 40 + END


class Fake:
    """The server's state: what it does, what it was asked, and how busy it is."""

    def __init__(self, behaviour):
        self.behaviour = behaviour
        self.model = Model(behaviour.longer)
        self.ids = {}
        self.names = []
        self.requests = []
        self.running = 0
        self.aborted = 0
        self.hits = 0
        self.generated = 0
        self.seen = set()
        self.url = ""
        self.budgets = 0

    def number(self, piece):
        if piece not in self.ids:
            self.ids[piece] = len(self.names)
            self.names.append(piece)
        return self.ids[piece]

    def numbers(self, text):
        return [self.number(p) for p in pieces(text)]

    def text(self, ids):
        return "".join(self.names[i] for i in ids)

    def prompts(self):
        """Returns the texts of all prompts that came as tokens, one or several a request."""
        asked = [r["prompt"] for r in self.requests if isinstance(r.get("prompt"), list)]
        return [self.text(ids) for p in asked for ids in (p if isinstance(p[0], list) else [p])]

    # Routes.

    async def models(self, request):
        if (refused := self.unknown_key(request)) is not None:
            return refused
        if not self.behaviour.lists:
            return PlainTextResponse("Internal Server Error", 500)
        data = [
            {"id": m, "object": "model", "max_model_len": self.behaviour.context}
            for m in self.behaviour.served
        ]
        return JSONResponse({"object": "list", "data": data})

    async def version(self, request):
        said = self.behaviour.version
        return JSONResponse({"version": said}) if said else fault(404, "Not Found")

    async def metrics(self, request):
        if not self.behaviour.metrics:
            return PlainTextResponse("no", 404)
        block = f'vllm:cache_config_info{{block_size="{self.behaviour.block}"}} 1.0\n'
        hits = f'vllm:prefix_cache_hits_total{{model_name="toy"}} {float(self.hits)}\n'
        return PlainTextResponse(
            f'vllm:num_requests_running{{model_name="toy"}} {float(self.running)}\n{hits}{block}'
        )

    async def tokenize(self, request):
        body = await request.json()
        if "messages" in body and self.behaviour.template == "tokenize":
            text = self.shown(body["messages"], body.get("chat_template_kwargs"))
        elif "prompt" in body and self.behaviour.template == "tokenize":
            text = body["prompt"]
        elif "content" in body and self.behaviour.template == "apply-template":
            text = body["content"]
        else:
            return fault(404, "Not Found")
        numbers = self.numbers(text)
        told = {"tokens": numbers}
        if body.get("return_token_strs"):  # vLLM
            told["token_strs"] = [self.text([n]) for n in numbers]
        elif body.get("with_pieces"):  # llama.cpp
            told["tokens"] = [{"id": n, "piece": self.text([n])} for n in numbers]
        return JSONResponse(told)

    async def detokenize(self, request):
        if self.behaviour.template != "tokenize":
            return fault(404, "Not Found")
        return JSONResponse({"prompt": self.text((await request.json())["tokens"])})

    async def apply_template(self, request):
        if self.behaviour.template != "apply-template":
            return fault(404, "Not Found")
        body = await request.json()
        return JSONResponse({"prompt": self.shown(body["messages"], body.get("chat_template_kwargs"))})

    async def completions(self, request):
        return await self.answer(request, chat=False)

    async def chat(self, request):
        return await self.answer(request, chat=True)

    def unknown_key(self, request):
        if self.behaviour.key and request.headers.get("authorization") != f"Bearer {self.behaviour.key}":
            return fault(401, "Incorrect API key provided", kind="invalid_request_error")
        return None

    async def answer(self, request, *, chat):
        does = self.behaviour
        try:
            body = await request.json()
        except ValueError:
            return fault(400, "no JSON")
        self.requests.append(body)
        met = does.faults.pop(0) if does.faults else None
        if isinstance(met, tuple):
            return PlainTextResponse(met[1], met[0], headers=met[2] if len(met) > 2 else {})
        if (refused := self.refuses(request, body, chat=chat)) is not None:
            return refused
        several = body.get("prompt")
        if isinstance(several, list) and several and not isinstance(several[0], int):
            return await self.several(request, body, several, met)
        prompt, begun = self.prompt(body, chat=chat)
        if prompt is None:
            return fault(400, "continue_final_message is not supported")
        return await self.reply(request, body, prompt, begun, chat=chat, met=met)

    async def several(self, request, body, prompts, met):
        """Answers several prompts; of the prefix cache only what the last one had is told, as vLLM does."""
        if not self.behaviour.batches:
            return fault(400, "prompt must be one text or one list of tokens")
        choices, told = [], {}
        for n, prompt in enumerate(prompts):
            one = {**body, "prompt": prompt, "stream": False}
            shown, begun = self.prompt(one, chat=False)
            reply = await self.reply(request, one, shown, begun, chat=False, met=met)
            if reply.status_code != 200:
                return reply
            answer = json.loads(reply.body)
            choices.append({**answer["choices"][0], "index": n})
            used = answer.get("usage") or {}
            counts = {k: told.get(k, 0) + used.get(k, 0) for k in ("prompt_tokens", "completion_tokens")}
            told = {**used, **counts} if used else {}
        answer = {"object": "text_completion", "choices": choices}
        return JSONResponse(answer | ({"usage": told} if told else {}))

    def refuses(self, request, body, *, chat):  # noqa: PLR0911 - a list of reasons
        does = self.behaviour
        if (refused := self.unknown_key(request)) is not None:
            return refused
        if not (does.chat if chat else does.completions):
            return fault(404, "Not Found")
        if chat and does.mute:
            return fault(does.mute, "The model's output does not match the expected format", "server_error")
        if body.get("model") not in does.served:
            return fault(404, f"The model `{body.get('model')}` does not exist.", kind="NotFoundError")
        if does.strict and (unknown := sorted(set(body) - _OPENAI)):
            return fault(400, f"Unrecognized request argument supplied: {unknown[0]}")
        if does.max_completion and "max_tokens" in body:
            return fault(400, "Unsupported parameter: max_tokens. Use max_completion_tokens.")
        wanted = body.get("top_logprobs") if chat else body.get("logprobs")
        if (wanted or body.get("logprobs")) and int(wanted or 1) > does.top:
            return fault(400, f"logprobs must be at most {does.top}")
        if does.budget == "" and does.budget_field in body:
            return fault(400, does.hint)
        if does.budget == "fails" and does.budget_field in body:
            return fault(500, "The model's output does not match the expected format", "server_error")
        return None

    def prompt(self, body, *, chat):
        """Returns the text that the model is shown, and what of it was a partial answer."""
        if not chat:
            shown = body["prompt"]
            return (shown if isinstance(shown, str) else self.text(shown)), ""
        messages = body["messages"]
        kwargs = dict(body.get("chat_template_kwargs") or {})
        if body.get("reasoning_effort"):
            kwargs["reasoning_effort"] = body["reasoning_effort"]
        if messages[-1]["role"] != "assistant":
            return self.shown(messages, kwargs), ""
        began = messages[-1]["content"]
        if self.behaviour.prefill == "refuses":
            return None, ""
        if self.behaviour.prefill == "closes":
            return self.shown(messages, kwargs), ""
        if self.behaviour.prefill == "drops":
            began = began.rpartition("</think>")[2] if "</think>" in began else ""
        return self.shown(messages[:-1], {}) + began, began

    def shown(self, messages, kwargs):
        known = {
            "enable_thinking": self.behaviour.switch,
            "reasoning_effort": self.behaviour.effort == "prompt",
        }
        does = self.behaviour
        if (kwargs or {}).get("reasoning_effort") in does.raises:
            raise TemplateError(f"no such effort: {kwargs['reasoning_effort']}")
        told = {k: v for k, v in (kwargs or {}).items() if known.get(k)}
        system = "".join(str(m["content"]) for m in messages if m["role"] == "system")
        off = does.off and not (does.word and does.word in system)
        return template(messages, kwargs=told, sees=does.sees, opens=does.opens, off=off)

    async def reply(self, request, body, prompt, begun, *, chat, met):
        does = self.behaviour
        limit = body.get("max_tokens") or body.get("max_completion_tokens") or 16
        length = len(pieces(prompt))
        if does.context and length + limit > does.context:
            return fault(400, f"maximum context length is {does.context} tokens")
        warm = body.get("temperature", 1.0) > 0
        seed = body.get("seed", len(self.requests)) if warm else 0
        seed = seed if does.seeds or not warm else len(self.requests)
        if does.crowded and warm:
            self.running += 1
            await asyncio.sleep(0.02)
            seed += self.running > 1
            self.running -= 1
        text = self.budgeted(self.model.after(prompt, seed), body, chat=chat)
        if does.effort == "hidden" and body.get("reasoning_effort") == "low":
            text = self.model.whole("1", 0)
        tokens = pieces(text)
        called = None
        if chat and (made := said_in(text, body, calls=does.calls)) is not None:
            text, called = made
            tokens = pieces(text)
        finish = "stop" if len(tokens) <= limit else "length"
        tokens = tokens[:limit]
        called = called if finish == "stop" else None
        tokens, stopped = self.cut(tokens, body.get("stop") or ())
        ends = [n for n, t in enumerate(tokens) if self.number(t) in (body.get("stop_token_ids") or ())]
        if ends:  # the token is counted, and not shown
            tokens, finish = tokens[: ends[0] + 1], "stop"
        finish = "stop" if stopped else finish
        told = self.usage(prompt, tokens, begun, body)
        if not body.get("stream"):
            await asyncio.sleep(does.delay)
            self.generated += len(tokens)
            shown = tokens[:-1] if stopped else tokens
            listed = shown if stopped and does.unlists else tokens
            choice = self.part(
                body, listed, shown, chat=chat, began=begun, state=self.parsing(prompt), whole=True
            )
            choice["finish_reason"] = finish
            if called is not None:
                choice["message"] = {**choice["message"], "content": None, "tool_calls": [self.call(called)]}
                choice["finish_reason"] = "tool_calls"
            answer = {"object": "chat.completion" if chat else "text_completion", "choices": [choice]}
            for n in range(1, body.get("n") or 1):
                more = pieces(self.model.after(prompt, seed + n))[:limit]
                other = self.part(
                    body, more, more, chat=chat, began="", state=self.parsing(prompt), whole=True
                )
                answer["choices"].append({**other, "index": n, "finish_reason": "length"})
            return JSONResponse(answer | ({"usage": told} if does.usage else {}))
        events = self.events(body, prompt, tokens, finish, told, begun, chat=chat, met=met, called=called)
        return StreamingResponse(events, media_type="text/event-stream")

    def budgeted(self, text, body, *, chat):
        does, budget = self.behaviour, body
        for name in does.budget_field.split("."):
            budget = budget.get(name) if isinstance(budget, dict) else None
        if not budget or does.budget in {"", "ignored"} or "</think>" not in text:
            return text
        thinking = pieces(text.partition("</think>")[0])
        if len(thinking) < budget:
            return text
        cut = "".join(thinking[: budget - 1])
        if does.budget == "line":
            cut = "".join(thinking)
            cut = cut[: cut.find("\n", len("".join(thinking[: budget - 1]))) + 1] or cut
        if does.budget == "text":
            cut += "\n\nTime is up: I answer now.\n"
        answer = f"</think>\n\n\\boxed{{{7}}}"
        self.budgets += 1
        if self.budgets % does.every == 0:
            if does.budget == "marker":
                answer += "</think>"
            if does.budget == "again":
                answer = f"</think> or is it \\boxed{{{8}}}? No. {answer}"
            if does.budget == "reopens":
                answer += "<think>\nlet me see"
        return cut + answer + END

    def call(self, number):
        spoilt = self.behaviour.budget == "tools"
        arguments = f'{"</think>" if spoilt else ""}{{"number": {number}}}'
        return {"id": "c", "type": "function", "function": {"name": "answer", "arguments": arguments}}

    async def native(self, request):
        """Answers in another API, in canned words."""
        name = request.url.path.rpartition("/")[2]
        body = await request.json()
        if name not in self.behaviour.natives:
            return fault(404, "Not Found")
        if not body:
            return fault(400, "model is missing")
        self.requests.append(body)
        reply = NATIVE[name]
        if body.get("stream"):
            return StreamingResponse(iter([reply.stream]), media_type="text/event-stream")
        return JSONResponse(reply.whole)

    def cut(self, tokens, stops):
        said = ""
        for n, token in enumerate(tokens):
            said += token
            if any(stop in said for stop in stops):
                return tokens[: n + 1], True
        return tokens, False

    def usage(self, prompt, tokens, begun, body):
        does = self.behaviour
        shown = pieces(prompt)
        prefix, cached = "", 0
        for n in range(does.block, len(shown), does.block):
            prefix = "".join(shown[:n])
            if does.caches and prefix in self.seen:
                cached = n
        for n in range(does.block, len(shown) + 1, does.block):
            self.seen.add("".join(shown[:n]))
        self.hits += cached
        told = {"prompt_tokens": len(shown), "completion_tokens": len(tokens), "total_tokens": 0}
        if does.cached:
            told["prompt_tokens_details"] = {"cached_tokens": cached}
        if does.thinking in {"reasoning", "hidden"}:
            said = "".join(tokens)
            thought = len(pieces(said.partition("</think>")[0])) - 1 if "<think>" in said else 0
            told["completion_tokens_details"] = {"reasoning_tokens": max(0, thought)}
        return told

    async def events(  # noqa: C901, PLR0912 - a list of faults
        self, body, prompt, tokens, finish, told, begun, *, chat, met, called=None
    ):
        does = self.behaviour
        options = body.get("stream_options") or {}
        self.running += 1
        done = 0
        state = self.parsing(prompt)
        try:
            if chat:
                yield event({"choices": [{"delta": {"role": "assistant", "content": ""}}]})
            for at in range(0, len(tokens), does.per_event):
                group = tokens[at : at + does.per_event]
                if does.delay:
                    await asyncio.sleep(does.delay * len(group))
                if met == "hangs" and at > 3:
                    await asyncio.sleep(60)
                if met == "breaks" and at > 3:
                    raise ConnectionResetError
                if met == "error" and at > 3:
                    yield event(
                        {"error": {"message": "the engine died", "type": "InternalServerError", "code": 500}}
                    )
                    return
                if met == "garbage" and at > 3:
                    yield "data: {nonsense\n\n"
                if met == "ends" and at > 3:
                    return
                done += len(group)
                self.generated += len(group)
                choice = self.part(body, group, group, chat=chat, began=begun, state=state, whole=False)
                data = {"choices": [choice]}
                if options.get("continuous_usage_stats") and does.continuous:
                    data["usage"] = {"prompt_tokens": told["prompt_tokens"], "completion_tokens": done}
                yield event(data)
            if called is not None:
                finish, call = "tool_calls", self.call(called)
                said = call["function"]["arguments"]
                yield event(call_delta({**call, "function": {"name": "answer", "arguments": ""}}))
                for part in (said[:5], said[5:]):
                    yield event(call_delta({"function": {"arguments": part}}))
            yield event(
                {"choices": [{("delta" if chat else "text"): {} if chat else "", "finish_reason": finish}]}
            )
            if options.get("include_usage") and does.usage:
                yield event({"choices": [], "usage": told})
            yield "data: [DONE]\n\n"
        except asyncio.CancelledError:
            self.aborted += 1
            raise
        finally:
            self.running -= 1

    def parsing(self, prompt):
        """Returns what a parser of thinking starts from."""
        return {"thinks": "</think>" not in prompt.rpartition("<|assistant|>")[2], "said": False}

    def part(self, body, tokens, shown, *, chat, began, state, whole):
        """Returns a choice that holds some tokens, and updates `state` (whether it still thinks)."""
        does = self.behaviour
        hidden = [self.text([n]) for n in body.get("stop_token_ids") or ()]
        says = "".join(t for t in shown if t != END and t not in hidden)
        ids = (
            {"token_ids": [self.number(t) for t in tokens]}
            if does.ids and body.get("return_token_ids")
            else {}
        )
        listed = self.listing(body, tokens, chat=chat)
        if not chat:
            return {"text": says, "index": 0, "logprobs": listed, "finish_reason": None, **ids}
        if does.misplaces and whole and "</think>" in began:
            state = {"thinks": True, "said": True}
        message = (
            self.sorted(tokens if whole else shown, shown, state, began) if does.thinking != "inline" else {}
        )
        if does.thinking == "inline":
            message = {"content": (began if does.echo else "") + says}
        message = {"role": "assistant", **message}
        return {("message" if whole else "delta"): message, "index": 0, "logprobs": listed, **ids}

    def sorted(self, tokens, shown, state, began):
        """Returns thinking and answer apart, as a parser does; behind closed thinking all is answer."""
        does = self.behaviour
        thinks = state["thinks"]
        thought = answer = ""
        for token in shown:
            if thinks and (
                token == "<think>" or (token == "\n" and not state["said"] and does.thinking == "opened")
            ):
                continue  # a template that opens the thinking has the line break, too
            state["said"] = True
            if token == "</think>" and thinks:
                thinks = False
                answer += "</think>" if does.thinking == "opened" else ""
            elif token != END:
                thought, answer = (thought + token, answer) if thinks else (thought, answer + token)
        state["thinks"] = thinks
        if does.thinking == "opened":
            return {"content": thought + answer}
        if does.thinking == "hidden":
            return {"content": answer}
        return {"content": answer or None, does.thinking: thought or None}

    def listing(self, body, tokens, *, chat):
        wanted = body.get("top_logprobs") if chat else body.get("logprobs")
        if not wanted:
            return None
        made = []
        for token in tokens:
            sure = 0.5 + int(sha256(token.encode()).hexdigest(), 16) % 400 / 1000
            likely = [(token, math.log(sure))]
            rest = 1 - sure
            for n in range(int(wanted) - 1):
                rest /= 2
                likely.append((f"~{n}", math.log(rest)))
            if self.behaviour.scales and body.get("temperature", 1.0) > 0:
                likely = [(t, p / body.get("temperature", 1.0)) for t, p in likely]
            made.append(likely)
        if chat:
            return {
                "content": [
                    {
                        "token": likely[0][0],
                        "logprob": likely[0][1],
                        "bytes": list(likely[0][0].encode()),
                        "top_logprobs": [
                            {"token": t, "logprob": p, "bytes": list(t.encode())} for t, p in likely
                        ],
                    }
                    for likely in made
                ]
            }
        return {
            "tokens": list(tokens),
            "token_logprobs": [likely[0][1] for likely in made],
            "top_logprobs": [dict(likely) for likely in made],
        }


def said_in(text, body, *, calls):
    """Returns what is said where tools or a schema are asked for, and the number of a call; else None."""
    number = re.search(r"\\boxed\{(-?\d+)\}", text)
    if number is None:
        return None
    head, tail = text[: number.start()], text[number.end() :]
    if calls and body.get("tools") and body.get("tool_choice") != "none":
        return head.rstrip("\n") + tail, number[1]
    if (body.get("response_format") or {}).get("type") == "json_schema":
        return f'{head}{{"number": {number[1]}}}{tail}', None
    return None


def call_delta(call):
    return {"choices": [{"delta": {"tool_calls": [{"index": 0, **call}]}, "index": 0}]}


def event(data):
    return f"data: {json.dumps(data)}\n\n"


def fault(status, message, kind="BadRequestError"):
    return JSONResponse({"error": {"message": message, "type": kind, "param": None, "code": status}}, status)


@contextmanager
def serving(behaviour=None, **changes):
    """Serves in a thread, on a free port of this machine; gives the `Fake`."""
    fake = Fake(replace(behaviour or Behaviour(), **changes))
    app = Starlette(
        routes=[
            Route("/v1/models", fake.models),
            Route("/metrics", fake.metrics),
            Route("/version", fake.version),
            Route("/tokenize", fake.tokenize, methods=["POST"]),
            Route("/detokenize", fake.detokenize, methods=["POST"]),
            Route("/apply-template", fake.apply_template, methods=["POST"]),
            Route("/v1/completions", fake.completions, methods=["POST"]),
            Route("/v1/chat/completions", fake.chat, methods=["POST"]),
            Route("/v1/messages", fake.native, methods=["POST"]),
            Route("/v1/messages/count_tokens", fake.native, methods=["POST"]),
            Route("/v1/responses", fake.native, methods=["POST"]),
        ],
        exception_handlers={TemplateError: lambda _, error: fault(fake.behaviour.raised, str(error))},
    )
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="critical"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        threading.Event().wait(0.005)
    port = server.servers[0].sockets[0].getsockname()[1]
    fake.url = f"http://127.0.0.1:{port}/v1"
    try:
        yield fake
    finally:
        server.should_exit = server.force_exit = True
        thread.join(5)
