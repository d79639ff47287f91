"""Bytes and joules: what the machine says, or nothing."""

import sys

import pytest

from karui.core.errors import ModelError
from karui.measure import energy
from karui.measure.energy import EnergyMeter
from karui.measure.flops import Shape
from karui.measure.memory import kv_bytes, peak_cuda, weight_bytes, weights_on_disk


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


def zone(folder, name, label, microjoules):
    path = folder / name
    path.mkdir(exist_ok=True)
    (path / "name").write_text(label)
    (path / "energy_uj").write_text(str(microjoules))
    (path / "max_energy_range_uj").write_text("10000000")


def test_rapl_adds_packages_and_undoes_a_wrap(tmp_path, monkeypatch):
    monkeypatch.setattr(energy, "_read_nvml", list)
    zone(tmp_path, "intel-rapl:0", "package-0", 1_000_000)
    zone(tmp_path, "intel-rapl:0:0", "core", 1)
    zone(tmp_path, "intel-rapl:1", "package-1", 9_000_000)
    zone(tmp_path, "intel-rapl:2", "psys", 5)
    with EnergyMeter(tmp_path) as meter:
        zone(tmp_path, "intel-rapl:0", "package-0", 3_500_000)
        zone(tmp_path, "intel-rapl:1", "package-1", 1_000_000)
    assert meter.joules == {"rapl": 2.5 + 2.0, "nvml": None}
    assert meter.seconds > 0


def test_no_counter_no_figure(tmp_path, monkeypatch):
    monkeypatch.setattr(energy, "_read_nvml", list)
    with EnergyMeter(tmp_path) as meter:
        pass
    assert meter.joules == {"rapl": None, "nvml": None}


def test_nvml_adds_boards(tmp_path, monkeypatch):
    readings = iter([[1000, 2000], [2500, 2500]])
    monkeypatch.setattr(energy, "_read_nvml", lambda: next(readings))
    with EnergyMeter(tmp_path) as meter:
        pass
    assert meter.joules["nvml"] == 2.0


def test_laps_add_up_and_a_counter_that_is_lost_has_no_figure(tmp_path, monkeypatch):
    monkeypatch.setattr(energy, "_read_nvml", list)
    zone(tmp_path, "intel-rapl:0", "package-0", 9_000_000)
    with EnergyMeter(tmp_path) as meter:
        zone(tmp_path, "intel-rapl:0", "package-0", 1_000_000)  # wrapped at 10 J: 2 J
        meter.lap()
        zone(tmp_path, "intel-rapl:0", "package-0", 4_000_000)
    assert meter.joules == {"rapl": 5.0, "nvml": None}
    assert meter.per(10) == {"rapl": 0.5}
    assert meter.per(0) == {}
    with EnergyMeter(tmp_path) as lost:
        (tmp_path / "intel-rapl:0" / "energy_uj").unlink()
        lost.lap()
        zone(tmp_path, "intel-rapl:0", "package-0", 4_000_000)
    assert lost.per(10) == {}
