"""What a judge said, kept beside the recording: asked once, read as often as one likes."""

import asyncio
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from karui.codec.disk import writing
from karui.core.errors import EngineError, RecordingError
from karui.core.prompt import Prompt
from karui.core.study.judge import Judging
from karui.recording.files import reading, write
from karui.recording.judging.model import JudgeModel
from karui.tasks.judge_prompt import Sheet, digest_of, pair, prompt_of, rubric
from karui.tasks.verifiers.judge import Judge, Mode

FILE, ABOUT = "judge.jsonl", "judge.json"
"""Beside the recording: every verdict, and who gave them."""
_FAILURES = 10
"""Failures in a row after which a judge is not asked on."""
_VALUES = {"A": 1, "B": -1, "SAME": 0, "GOOD": 1, "BAD": -1}
"""What a word is worth for the answer that stands first."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One answer to be judged.

    Attributes:
        prompt: What the answer is an answer to.
        reference: Full thinking's answer, or the criteria; may be empty.
        answer: The answer.
    """

    prompt: Prompt
    reference: str
    answer: str


@dataclass(frozen=True, slots=True)
class About:
    """Who judged, and by what: another one of these is another judge, whose verdicts are its own.

    Attributes:
        mode: What is asked.
        model: Name of the model.
        votes: How often, in each order.
        prompt: What it is told, with gaps for the texts.
        prompt_digest: Digest of everything it is told besides the texts.
    """

    mode: Mode
    model: str
    votes: int
    prompt: str
    prompt_digest: str

    @staticmethod
    def of(judge: Judge, model: str) -> "About":
        """Returns what is known of a model as a judge."""
        return About(judge.mode, model, judge.votes, prompt_of(judge.mode), digest_of(judge.mode))

    @property
    def digest(self) -> str:
        """Digest of what decides a single verdict."""
        return sha256(repr((str(self.mode), self.model, self.prompt_digest)).encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class _Ballot:
    """One question to the judge: two texts in their order (one for a rubric), and which vote it is."""

    first: str
    second: str
    vote: int


@dataclass
class Verdicts:
    """The verdicts of one judge.

    Attributes:
        about: The judge.
        folder: Where they are kept.
        said: By key: the word, or "" for a reply that is no verdict.
        requests: How often it was asked, in all runs.
        prompt_tokens: What it read for that.
        generated_tokens: What it wrote.
    """

    about: About
    folder: Path
    said: dict[str, str] = field(default_factory=dict, repr=False)
    requests: int = 0
    prompt_tokens: int = 0
    generated_tokens: int = 0

    @staticmethod
    def open(folder: Path, about: About) -> "Verdicts":
        """Reads what this judge has said before; a line that was cut off by a kill is passed over."""
        found = Verdicts(about, folder)
        file = folder / FILE
        if not file.exists():
            return found
        with reading(file):
            lines = file.read_text(encoding="utf-8").split("\n")
        for line in lines:
            try:
                row = json.loads(line)
            except ValueError:
                continue
            if isinstance(row, dict) and row.get("judge") == about.digest:
                found._take(row)
        return found

    @staticmethod
    def latest(folder: Path) -> "Verdicts | None":
        """Returns the verdicts of the judge that was asked last; None where none was.

        Raises:
            RecordingError: What says who it was is damaged.
        """
        file = folder / ABOUT
        if not file.exists():
            return None
        with reading(file):
            told = json.loads(file.read_text(encoding="utf-8"))
            about = About(**{**told, "mode": Mode(told["mode"])})
        return Verdicts.open(folder, about)

    def missing(self, asked: Iterable[Asked]) -> list[tuple[Asked, _Ballot]]:
        """Returns what has not been asked yet, each thing once."""
        found: dict[str, tuple[Asked, _Ballot]] = {}
        for item in asked:
            for ballot in self._ballots(item):
                if (key := self._key(item, ballot)) not in self.said:
                    found[key] = item, ballot
        return list(found.values())

    async def ask(
        self,
        asked: Sequence[Asked],
        model: JudgeModel,
        *,
        at_once: int = 8,
        on_progress: Callable[[int, int], None] = lambda _done, _total: None,
    ) -> None:
        """Asks what has not been asked yet, and writes down each verdict when it comes.

        Args:
            asked: Answers to be judged.
            model: The judge.
            at_once: Requests side by side.
            on_progress: Called with verdicts that are there and verdicts wanted.

        Raises:
            EngineError: The judge failed ten times in a row; what it said before is kept.
            StorageError: The folder cannot be written.
        """
        jobs = self.missing(asked)
        told = json.dumps(asdict(self.about), ensure_ascii=False, indent=1)
        write(self.folder / ABOUT, (told + "\n").encode())
        waiting, done, failed = list(reversed(jobs)), 0, 0

        async def work() -> None:
            nonlocal done, failed
            while waiting and failed < _FAILURES:
                item, ballot = waiting.pop()
                sheet = self._sheet(item, ballot)
                heat = 0.0 if self.about.votes == 1 else 0.7
                try:
                    reply = await model.ask(sheet.text, seed=ballot.vote, temperature=heat)
                except EngineError:
                    failed += 1
                    if failed >= _FAILURES:
                        raise
                    continue
                failed = 0
                self._note(
                    {
                        "judge": self.about.digest,
                        "key": self._key(item, ballot),
                        "said": sheet.verdict(reply.text),
                        "prompt_tokens": reply.prompt_tokens,
                        "generated_tokens": reply.generated_tokens,
                    }
                )
                done += 1
                on_progress(done, len(jobs))

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(min(at_once, len(jobs))):
                    group.create_task(work())
        except* EngineError as errors:
            raise errors.exceptions[0] from None

    def score(self, item: Asked) -> float | None:
        """Returns what all votes on an answer come to: 1 better (good), 0 alike, -1 worse (bad).

        None where the judge gave no verdict, in one of the two orders of a pair at least: first place alone
        would then decide. Equal texts are alike, and an answer is better than none, without being asked.
        """
        if not self._ballots(item):
            return 0.0 if item.reference == item.answer else 1.0 if item.answer else -1.0
        by_order: dict[bool, list[int]] = {}
        for ballot in self._ballots(item):
            word = self.said.get(self._key(item, ballot), "")
            turned = ballot.first != item.answer
            if word:
                by_order.setdefault(turned, []).append(-_VALUES[word] if turned else _VALUES[word])
        if len(by_order) < (2 if self.about.mode is Mode.PAIRWISE else 1):
            return None
        total = sum(map(sum, by_order.values()))
        return float((total > 0) - (total < 0))

    def good(self, item: Asked) -> bool:
        """Returns whether an answer counts as right: good, or at least as good as full thinking's."""
        score = self.score(item)
        return score is not None and (score >= 0 if self.about.mode is Mode.PAIRWISE else score > 0)

    def judging(self, asked: Sequence[Asked]) -> Judging:
        """Sums up what was said of answers."""
        items = list(dict.fromkeys(asked))
        unjudged = sum(self.score(item) is None for item in items)
        first, longer, flips = self._leanings(items)
        return Judging(
            mode=str(self.about.mode),
            model=self.about.model,
            votes=self.about.votes,
            prompt=self.about.prompt_digest,
            judged=len(items) - unjudged,
            unjudged=unjudged,
            requests=self.requests,
            prompt_tokens=self.prompt_tokens,
            generated_tokens=self.generated_tokens,
            first=first,
            longer=longer,
            flips=flips,
        )

    def _leanings(self, items: Sequence[Asked]) -> tuple[float | None, float | None, float | None]:
        """Returns shares of single verdicts for the first and for the longer text, and of pairs that flip."""
        firsts, longers, flipped = list[bool](), list[bool](), list[bool]()
        for item in items if self.about.mode is Mode.PAIRWISE else ():
            by_vote: dict[int, set[str]] = {}
            for ballot in self._ballots(item):
                word = self.said.get(self._key(item, ballot), "")
                by_vote.setdefault(ballot.vote, set()).add(word)
                if word in {"A", "B"}:
                    firsts.append(word == "A")
                    if len(ballot.first) != len(ballot.second):
                        longers.append((word == "A") == (len(ballot.first) > len(ballot.second)))
            # Asked in both orders, whoever says "the first" both times contradicts itself.
            flipped += [words in ({"A"}, {"B"}) for words in by_vote.values() if "" not in words]
        return _share(firsts), _share(longers), _share(flipped)

    def _ballots(self, item: Asked) -> list[_Ballot]:
        votes = range(self.about.votes)
        if self.about.mode is Mode.RUBRIC:
            return [_Ballot(item.answer, "", vote) for vote in votes]
        if not item.reference or not item.answer or item.reference == item.answer:
            return []
        orders = ((item.reference, item.answer), (item.answer, item.reference))
        return [_Ballot(first, second, vote) for vote in votes for first, second in orders]

    def _sheet(self, item: Asked, ballot: _Ballot) -> Sheet:
        if self.about.mode is Mode.RUBRIC:
            return rubric(item.prompt, item.answer, item.reference)
        return pair(item.prompt, ballot.first, ballot.second)

    def _key(self, item: Asked, ballot: _Ballot) -> str:
        criteria = item.reference if self.about.mode is Mode.RUBRIC else ""
        prompt = (item.prompt.system, item.prompt.history, item.prompt.user)
        told = repr((prompt, criteria, ballot.first, ballot.second, ballot.vote))
        return sha256(told.encode("utf-8", "surrogatepass")).hexdigest()[:24]

    def _note(self, row: dict[str, Any]) -> None:
        file = self.folder / FILE
        with writing(file), file.open("a", encoding="utf-8") as sink:
            sink.write(json.dumps(row) + "\n")
        self._take(row)

    def _take(self, row: Mapping[str, Any]) -> None:
        self.said[row["key"]] = row["said"]
        self.requests += 1
        self.prompt_tokens += row["prompt_tokens"]
        self.generated_tokens += row["generated_tokens"]


def unjudged_yet(verdicts: "Verdicts | None", folder: Path) -> RecordingError:
    """Returns the error of a study whose answers nobody has judged."""
    by = f" by {verdicts.about.model}" if verdicts else ""
    return RecordingError(
        f"The answers recorded in {folder} are not all judged yet{by}.",
        why="They have no form that could be checked: their verifier is a judge, another model.",
        remedy="Name it in the environment variable KARUI_JUDGE and run the same command again, or run: "
        f"karui judge {folder} --judge http://HOST:PORT/v1#NAME",
    )


def _share(values: Sequence[bool]) -> float | None:
    return sum(values) / len(values) if values else None
