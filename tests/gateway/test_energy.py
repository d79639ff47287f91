"""Joules of a request while a gateway answers, by counters of a machine that does not exist."""

import asyncio
import sys
from dataclasses import replace

import pytest

from karui.core.engine import engine_here
from karui.engines.openai.protocol.client import Client
from karui.gateway.energy import EnergyStatus, EnergyWatch
from karui.gateway.monitor.metrics import Metrics
from karui.gateway.monitor.page import page
from karui.gateway.records.request_store import RequestStore
from karui.gateway.rollout.upkeep import Upkeep
from karui.measure.energy import EnergyMeter
from tests.helpers.energy_counters import Boards, Powercap
from tests.helpers.gateway_records import now, served


@pytest.fixture
def boards(monkeypatch):
    made = Boards(1000)
    monkeypatch.setitem(sys.modules, "pynvml", made)
    return made


def test_joules_of_a_request_are_those_of_the_machine(tmp_path, boards):
    counters = Powercap(tmp_path)
    watch = EnergyWatch(EnergyMeter(tmp_path))
    assert watch.status.per_request == {}
    for n in range(4):
        watch.see(served(n))
    watch.see(served(5, status=503))
    watch.see(served(6, shadow=True))
    counters.add(3.0)  # of each of two packages: past the wrap at 10 J
    boards.millijoules[0] += 8000
    assert watch.status.requests == 0  # as of the last reading
    watch.read()
    assert watch.status.requests == 4
    assert watch.status.joules == pytest.approx({"rapl": 6.0, "nvml": 8.0})
    assert watch.status.per_request == pytest.approx({"rapl": 1.5, "nvml": 2.0})


def test_another_machine_has_no_figure(tmp_path, boards):
    counters = Powercap(tmp_path)
    watch = EnergyWatch(EnergyMeter(tmp_path, here=False))
    watch.see(served(0))
    counters.add(1.0)
    watch.read()
    assert watch.status.joules == {}
    assert Client("http://127.0.0.1:8000/v1").here
    assert not Client("https://models.example.com/v1").here
    assert engine_here(object())


def test_upkeep_reads_the_counters(tmp_path, boards):
    Powercap(tmp_path)
    watch = EnergyWatch(EnergyMeter(tmp_path))
    read = asyncio.Event()

    class Watch:
        async def look(self):
            pass

    async def run():
        loop = asyncio.get_running_loop()
        plain = watch.read

        def reading():
            plain()
            loop.call_soon_threadsafe(read.set)

        watch.read = reading
        upkeep = Upkeep(Watch(), None, None, tick_seconds=0.001, look_seconds=0.0, energy=watch)
        upkeep.start()
        await read.wait()
        await upkeep.close()

    asyncio.run(run())
    assert watch.status.joules == {"rapl": 0.0, "nvml": 0.0}


@pytest.mark.parametrize(("lang", "told"), [("en", "1.5 J of the processors"), ("ja", "プロセッサ 1.5 J")])
def test_the_monitor_and_the_metrics_say_so_or_nothing(lang, told):
    store = RequestStore(None)
    known = replace(now(), energy=EnergyStatus({"rapl": 6.0}, 4))
    assert told in page(known, store.totals(0.0), (), lang)
    assert "RAPL" not in page(now(), store.totals(0.0), (), lang)
    metrics = Metrics(["m"])
    assert 'karui:energy_joules_total{counter="rapl"} 6.0' in metrics.text(known).decode()
    assert "karui:energy_joules_total{" not in metrics.text(now()).decode()
