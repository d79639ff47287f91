"""Bytes and joules: what the machine says, or nothing."""

import sys

import pytest

from karui.core.errors import ModelError
from karui.measure.energy import EnergyMeter
from karui.measure.flops import Shape
from karui.measure.memory import kv_bytes, peak_cuda, weight_bytes, weights_on_disk
from tests.helpers.energy_counters import Boards, Powercap


def test_weights_on_disk_counts_one_format(tmp_path):
    (tmp_path / "model-1.safetensors").write_bytes(b"x" * 10)
    (tmp_path / "model-2.safetensors").write_bytes(b"x" * 5)
    (tmp_path / "pytorch_model.bin").write_bytes(b"x" * 99)
    (tmp_path / "training_args.bin").write_bytes(b"x" * 7)
    assert weights_on_disk(tmp_path) == 15
    assert weights_on_disk(tmp_path / "model-1.safetensors") == 10


def test_no_weights_is_an_error(tmp_path):
    with pytest.raises(ModelError, match="no model weights"):
        weights_on_disk(tmp_path)
    with pytest.raises(ModelError, match="no such folder"):
        weights_on_disk(tmp_path / "nowhere")


def test_bytes_by_arithmetic():
    assert weight_bytes(1000, 16) == 2000
    assert weight_bytes(3, 4) == 2
    shape = Shape(8, 2, 4, 2, 16, 32, 100)
    assert kv_bytes(shape, 10, 3) == 2 * 2 * 2 * 16 * 2 * 10 * 3


def test_torch_is_not_imported_to_look_at_it(monkeypatch):
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    assert peak_cuda() is None
    assert "torch" not in sys.modules


@pytest.fixture
def no_boards(monkeypatch):
    monkeypatch.setitem(sys.modules, "pynvml", Boards())


def test_rapl_adds_packages_and_undoes_a_wrap(tmp_path, no_boards):
    counters = Powercap(tmp_path, packages=2)
    with EnergyMeter(tmp_path) as meter:
        counters.add(2.5)  # from 8 J past the wrap at 10 J
    assert meter.joules == {"rapl": pytest.approx(2 * 2.5), "nvml": None}
    assert meter.seconds > 0


def test_no_counter_no_figure(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pynvml", None)  # nvidia-ml-py is not installed
    with EnergyMeter(tmp_path) as meter:
        pass
    assert meter.joules == {"rapl": None, "nvml": None}


def test_nvml_adds_boards_and_is_left_as_it_was(tmp_path, monkeypatch):
    boards = Boards(1000, 2000)
    monkeypatch.setitem(sys.modules, "pynvml", boards)
    with EnergyMeter(tmp_path) as meter:
        boards.millijoules = [2500, 2500]
    assert meter.joules["nvml"] == 2.0
    assert boards.open == 0


def test_a_board_without_a_counter_leaves_no_figure_for_any(tmp_path, monkeypatch):
    boards = Boards(1000, None)
    monkeypatch.setitem(sys.modules, "pynvml", boards)
    with EnergyMeter(tmp_path) as meter:
        pass
    assert meter.joules["nvml"] is None
    assert boards.open == 0


def test_the_real_module_says_what_is_called_here():
    import pynvml

    for name in vars(Boards):
        if name.startswith(("nvml", "NVML")):
            assert hasattr(pynvml, name), name


def test_another_machine_is_not_measured_by_the_counters_of_this_one(tmp_path, monkeypatch):
    counters = Powercap(tmp_path)
    monkeypatch.setitem(sys.modules, "pynvml", Boards(1000))
    with EnergyMeter(tmp_path, here=False) as meter:
        counters.add(1.0)
    assert meter.per(10) == {}


def test_laps_add_up_and_a_counter_that_is_lost_has_no_figure(tmp_path, no_boards):
    counters = Powercap(tmp_path, packages=1)
    with EnergyMeter(tmp_path) as meter:
        counters.add(3.0)  # wraps
        meter.lap()
        counters.add(2.0)
    assert meter.joules == {"rapl": pytest.approx(5.0), "nvml": None}
    assert meter.per(10) == {"rapl": pytest.approx(0.5)}
    assert meter.per(0) == {}
    with EnergyMeter(tmp_path) as lost:
        (tmp_path / "intel-rapl:0" / "energy_uj").unlink()
        lost.lap()
        counters.add(1.0)
    assert lost.per(10) == {}
