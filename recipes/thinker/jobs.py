"""A queue of recordings on one GPU: an engine takes the next one as soon as it is free.

A job is a file `NAME.json` below `jobs/`; engines take them by name, and the one that takes a file renames
it. New weights go into the running engine, which takes seconds where a new engine takes more than a minute.
"""

from __future__ import annotations

import json
import math
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from safetensors.torch import load_file

from karui.measure.energy import EnergyMeter
from recipes.thinker.record import Recorder, Wanted, start

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Job:
    """One recording, or one load.

    Attributes:
        name: Below which it is taken, and told of.
        model: Folder of weights below `models`; the job waits until it is there.
        files: Names of files of questions below `questions`.
        out: Name below `raw`; the model's without one.
        limit: Questions of each file.
        skip: Left out before them.
        samples: Traces of each, where the file says nothing else.
        trials: Likewise.
        slots: Traces side by side.
        part: Which share of the questions.
        parts: Of how many.
        until: Time (seconds of the epoch) after which no question is begun.
        engines: Which engines may take it; all without any.
        load: Instead of a recording: so many requests at once, of so many tokens each.
    """

    name: str
    model: str
    files: tuple[str, ...] = ()
    out: str = ""
    limit: int = 1000
    skip: int = 0
    samples: int = 4
    trials: bool = True
    slots: int = 320
    part: int = 0
    parts: int = 1
    until: float = math.inf
    engines: tuple[str, ...] = ()
    load: tuple[int, int] = (0, 0)


@dataclass
class Engine:
    """An engine of vLLM that works through the jobs."""

    work: Path
    name: str
    model: str
    cache_gib: float
    slots: int = 400
    quantization: str | None = None
    vllm: Any = field(init=False)

    def __post_init__(self) -> None:
        """Start vLLM."""
        wanted = Wanted(
            self.work / "models" / self.model, (), self.work, slots=self.slots, cache_gib=self.cache_gib
        )
        more: dict[str, Any] = {"quantization": self.quantization, "gpu_memory_utilization": 0.1}
        self.vllm = start(wanted, **more, max_num_batched_tokens=8192)

    def serve(self) -> None:
        """Do jobs until a file `jobs/stop` is there."""
        jobs = self.work / "jobs"
        self._tell("started", {"model": self.model})
        while not (jobs / "stop").exists():
            job = self._take(jobs)
            if job is None:
                time.sleep(0.5)
                continue
            try:
                with EnergyMeter() as meter:
                    told = self._do(job)
                told |= {"seconds": round(meter.seconds, 2), "joules": meter.joules}
            except Exception as error:  # noqa: BLE001 - the next job may be well
                told = {"error": repr(error)}
            self._tell(job.name, {"job": job.model, **told})

    def _take(self, jobs: Path) -> Job | None:
        for file in sorted(jobs.glob("*.json")):
            try:
                job = Job(name=file.stem, **json.loads(file.read_text(encoding="utf-8")))
            except FileNotFoundError:
                continue  # another engine was faster
            if job.engines and self.name not in job.engines:
                continue
            if not (self.work / "models" / job.model).exists() or (
                self.quantization and job.model != self.model
            ):
                continue
            try:
                file.rename(file.with_suffix(f".{self.name}"))
            except FileNotFoundError:
                continue
            return job
        return None

    def _do(self, job: Job) -> dict[str, Any]:
        if job.model != self.model:
            begun = time.time()
            state = load_file(self.work / "models" / job.model / "model.safetensors")
            self.vllm.apply_model(lambda model: model.load_weights(iter(state.items())))
            self.vllm.reset_prefix_cache()
            self.model = job.model
            print(f"{self.name}: {job.model} in {time.time() - begun:.1f} s", flush=True)
        folder = self.work / "questions"
        wanted = Wanted(
            self.work / "models" / job.model, tuple(folder / f"{name}.jsonl" for name in job.files),
            self.work / "raw" / (job.out or job.model), samples=job.samples, limit=job.limit, skip=job.skip,
            trials=job.trials, slots=job.slots, part=job.part, parts=job.parts, until=job.until,
            label=job.name,
        )  # fmt: skip
        if job.load[0]:
            return self._load(wanted, *job.load)
        recorder = Recorder(wanted, self.vllm)
        recorder.run()
        return {"traces": recorder.finished, "tokens": recorder.generated, "trials": recorder.tried}

    def _load(self, wanted: Wanted, requests: int, tokens: int) -> dict[str, Any]:
        """Generate so many tokens for so many requests at once, whether their turns end or not."""
        from vllm import SamplingParams
        from vllm.sampling_params import RequestOutputKind

        lines = wanted.questions[0].read_text(encoding="utf-8").split("\n")
        rows = [json.loads(line) for line in lines if line]
        drawn = SamplingParams(
            temperature=wanted.temperature, top_p=wanted.top_p, max_tokens=tokens, ignore_eos=True,
            detokenize=False, output_kind=RequestOutputKind.FINAL_ONLY,
        )  # fmt: skip
        for n in range(requests):
            self.vllm.add_request(f"load-{n}", {"prompt_token_ids": rows[n % len(rows)]["tokens"]}, drawn)
        said = 0
        while self.vllm.has_unfinished_requests():
            said += sum(len(o.outputs[0].token_ids) for o in self.vllm.step() if o.finished)
        return {"requests": requests, "tokens": said}

    def _tell(self, name: str, told: dict[str, Any]) -> None:
        line = json.dumps({"at": round(time.time(), 1), "engine": self.name, "name": name, **told})
        with (self.work / "jobs.log").open("a", encoding="utf-8") as log:
            log.write(line + "\n")
        print(line, flush=True)


def put(work: Path, name: str, **wanted: Any) -> None:
    """Add a job to the queue."""
    (work / "jobs").mkdir(exist_ok=True)
    part = work / "jobs" / f"{name}.part"
    part.write_text(json.dumps(wanted), encoding="utf-8")
    part.rename(part.with_suffix(".json"))
