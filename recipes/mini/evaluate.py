"""Everything the card says, measured on the held-out test questions."""

from __future__ import annotations

import json
import re
import time
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path
from statistics import mean, quantiles

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from karui.measure.intervals import mean_interval
from recipes.mini.decode import sample
from recipes.mini.kinds import KINDS

LIMIT = 1024
TEMPERATURE, TOP_P = 0.6, 0.95
FRACTIONS = tuple(tenth / 10 for tenth in range(1, 11))
FORCED = "\n</think>\n\n\\boxed{"

_BOXED = re.compile(r"\\boxed\{([^}]*)\}")
_STATED = re.compile(r"[Tt]he answer is ([^\n]+?)\.(?=\n|$)")


def answer_of(text: str) -> str | None:
    """Return what stands in the last box after the thinking, or None."""
    after = text.rpartition("</think>")[2] if "</think>" in text else ""
    found = _BOXED.findall(after)
    return found[-1].strip() if found else None


def thinking_of(text: str) -> str:
    """Return what stands between the think marks (to the end, where the closing one is missing)."""
    return text.partition("<think>\n")[2].partition("\n</think>")[0]


def first_stated(thinking: str) -> tuple[str, int] | None:
    """Return the first answer that the thinking states, and the character at which the statement ends."""
    match = _STATED.search(thinking)
    return (match.group(1), match.end()) if match else None


class Examination:
    """One model folder and the questions it is examined on."""

    def __init__(self, folder: Path, questions: list[dict], seed: int = 0) -> None:
        """Load the model in bf16, on the GPU if there is one."""
        device = "cuda" if torch.cuda.is_available() else "cpu"
        self.tokenizer = AutoTokenizer.from_pretrained(folder)
        self.model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.bfloat16).to(device).eval()
        self.questions, self.seed = questions, seed
        self.end = self.tokenizer.eos_token_id

    def prompt(self, question: dict, **options: bool) -> list[int]:
        """Return the ids of the prompt as the chat template writes it."""
        messages = [{"role": "user", "content": question["question"]}]
        text = self.tokenizer.apply_chat_template(
            messages, tokenize=False, add_generation_prompt=True, **options
        )
        return self.tokenizer.encode(text, add_special_tokens=False)

    def count(self, text: str) -> int:
        """Return the number of tokens."""
        return len(self.tokenizer.encode(text, add_special_tokens=False))

    def ask(
        self, prompts: list[list[int]], limit: int, **options: float | list[float]
    ) -> tuple[list[str], list[bool]]:
        """Return the text that follows each prompt, and whether the limit cut it."""
        if not prompts:
            return [], []
        written = sample(self.model, prompts, limit, self.end, seed=self.seed, **options)
        return self.tokenizer.batch_decode(written), [row[-1] != self.end for row in written]

    def traces(self, top_ps: list[float]) -> list[dict]:
        """Return one full trace of every question for each of ``top_ps``, in the order of the questions."""
        asked = [question for question in self.questions for _ in top_ps]
        tops = [top_p for _ in self.questions for top_p in top_ps]
        texts, cut = self.ask([self.prompt(q) for q in asked], LIMIT, temperature=TEMPERATURE, top_p=tops)
        found = []
        for question, text, truncated in zip(asked, texts, cut, strict=True):
            thinking = thinking_of(text)
            stated = first_stated(thinking)
            tokens = self.count(thinking)
            given = None if truncated else answer_of(text)
            found.append({
                "id": question["id"], "kind": question["kind"], "thinking": thinking, "answer": given,
                "right": given == question["answer"], "truncated": truncated, "tokens": tokens,
                "stated": stated and stated[0],
                "stated_right": bool(stated) and stated[0] == question["answer"],
                "stated_at": self.count(thinking[: stated[1]]) / tokens if stated and tokens else 1.0,
            })  # fmt: skip
        return found

    def without_thinking(self) -> list[bool]:
        """Return whether each question is answered right with empty thinking."""
        prompts = [self.prompt(q, enable_thinking=False) for q in self.questions]
        texts, _ = self.ask(prompts, 32, temperature=TEMPERATURE, top_p=TOP_P)
        return [answer_of("</think>" + t) == q["answer"] for t, q in zip(texts, self.questions, strict=True)]

    def budget_curve(self, traces: list[dict]) -> dict[str, list[float]]:
        """Return for each kind the accuracy of answers forced at 10% to 100% of the kind's mean length.

        A trace that ends before the budget keeps its own answer. ``traces`` holds one per question.
        """
        lengths = defaultdict(list)
        for trace in traces:
            lengths[trace["kind"]].append(trace["tokens"])
        suffix, prompts, forced, right = (
            self.tokenizer.encode(FORCED, add_special_tokens=False),
            [],
            [],
            defaultdict(list),
        )
        for question, trace in zip(self.questions, traces, strict=True):
            thinking = self.tokenizer.encode("<think>\n" + trace["thinking"], add_special_tokens=False)
            for fraction in FRACTIONS:
                budget = int(fraction * mean(lengths[trace["kind"]]))
                if trace["tokens"] <= budget:
                    right[trace["kind"], fraction].append(trace["right"])
                else:
                    prompts.append(self.prompt(question) + thinking[: 2 + budget] + suffix)
                    forced.append((trace["kind"], fraction, question["answer"]))
        for (kind, fraction, answer), text in zip(
            forced, self.ask(prompts, 24, temperature=0.0)[0], strict=True
        ):
            right[kind, fraction].append(answer_of("</think>\\boxed{" + text) == answer)
        return {
            kind: [round(mean(right[kind, f]), 3) for f in FRACTIONS]
            for kind in KINDS
            if (kind, 0.1) in right
        }


def summary(traces: list[dict], plain: Iterable[bool]) -> dict:
    """Return the figures of a set of traces, with the no-thinking results of the same questions."""
    by_question = defaultdict(list)
    for trace in traces:
        by_question[trace["id"]].append(trace)
    votes = []
    for group in by_question.values():
        given = Counter(trace["answer"] for trace in group if trace["answer"] is not None)
        best = given.most_common(1)[0][0] if given else None
        votes.append(any(trace["right"] and trace["answer"] == best for trace in group))
    tokens = [trace["tokens"] for trace in traces]
    about = mean_interval([mean(trace["right"] for trace in group) for group in by_question.values()])
    figures = {
        "questions": len(by_question),
        "traces": len(traces),
        "accuracy": mean(t["right"] for t in traces),
        "accuracy_low": about.low,
        "accuracy_high": about.high,
        "majority_accuracy": mean(votes),
        "no_thinking_accuracy": mean(plain),
        "thinking_tokens_mean": mean(tokens),
        "thinking_tokens_p95": quantiles(tokens, n=20)[-1] if len(tokens) > 1 else tokens[0],
        "thinking_tokens_max": max(tokens),
        "truncated": mean(t["truncated"] for t in traces),
        "stated": mean(t["stated"] is not None for t in traces),
        "first_stated_at": mean(t["stated_at"] for t in traces),
        "first_stated_accuracy": mean(t["stated_right"] for t in traces),
        "gained_after_stating": mean(t["right"] and not t["stated_right"] for t in traces),
        "lost_after_stating": mean(t["stated_right"] and not t["right"] for t in traces),
    }
    return {name: round(value, 4) if isinstance(value, float) else value for name, value in figures.items()}


def evaluate(
    folder: Path, questions_file: Path, out: Path, samples: int, questions_used: int | None = None
) -> dict:
    """Measure everything, write ``evaluation.json`` and some traces to read under ``out``, and return it."""
    begun = time.perf_counter()
    questions = [json.loads(line) for line in questions_file.read_text(encoding="utf-8").splitlines()][
        :questions_used
    ]
    exam = Examination(folder, questions)
    # One more trace of each question is sampled without the nucleus, in the same pass.
    both = exam.traces([*[TOP_P] * samples, 1.0])
    traces = [trace for index, trace in enumerate(both) if index % (samples + 1) < samples]
    wide = both[samples :: samples + 1]
    print(f"traces {time.perf_counter() - begun:.0f}s", flush=True)
    plain = exam.without_thinking()
    curve = exam.budget_curve(traces[::samples])
    print(f"budgets {time.perf_counter() - begun:.0f}s", flush=True)
    kinds = {}
    for kind in KINDS:
        own = [t for t in traces if t["kind"] == kind]
        if own:
            kinds[kind] = summary(
                own, [p for p, q in zip(plain, questions, strict=True) if q["kind"] == kind]
            )
            kinds[kind]["budget_accuracy"] = curve[kind]
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU"
    result = {
        "sampling": {
            "temperature": TEMPERATURE,
            "top_p": TOP_P,
            "limit": LIMIT,
            "samples": samples,
            "seed": exam.seed,
        },
        "device": device,
        "overall": summary(traces, plain),
        "overall_top_p_1": summary(wide, plain),
        "budget_fractions": list(FRACTIONS),
        "kinds": kinds,
        "seconds": round(time.perf_counter() - begun, 1),
    }
    out.mkdir(parents=True, exist_ok=True)
    (out / "evaluation.json").write_text(json.dumps(result, indent=1) + "\n")
    with (out / "traces.jsonl").open("w", encoding="utf-8") as file:
        for trace in traces[::samples]:
            file.write(json.dumps(trace, ensure_ascii=False) + "\n")
    report(result)
    return result


def report(result: dict) -> None:
    """Print the figures as a table."""
    for name, f in {
        "overall": result["overall"],
        "top_p 1": result["overall_top_p_1"],
        **result["kinds"],
    }.items():
        print(
            f"{name:15} acc {f['accuracy']:.3f} ({f['accuracy_low']:.3f} to {f['accuracy_high']:.3f}) "
            f"maj {f['majority_accuracy']:.3f} "
            f"none {f['no_thinking_accuracy']:.3f} "
            f"tok {f['thinking_tokens_mean']:.0f} p95 {f['thinking_tokens_p95']:.0f} "
            f"cut {f['truncated']:.3f} "
            f"stated at {f['first_stated_at']:.2f} right {f['first_stated_accuracy']:.3f} "
            f"gain {f['gained_after_stating']:.3f} loss {f['lost_after_stating']:.3f}",
            *(f.get("budget_accuracy", ())),
            flush=True,
        )
