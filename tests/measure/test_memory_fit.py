"""What fits: the sizes' names are right, and memory decides."""

import pytest

from karui.measure.memory_fit import FORMATS, SIZES, fits

GIB = 2**30


@pytest.mark.parametrize("name", SIZES)
def test_a_size_is_called_what_it_is(name):
    billions = SIZES[name].parameters / 1e9
    assert billions == pytest.approx(float(name.split()[0]), rel=0.06)


def test_memory_decides_what_fits():
    found = {(f.model, f.format): f for f in fits(SIZES, 24 * GIB, streams=1, positions=4096)}
    assert len(found) == len(SIZES) * len(FORMATS)
    assert found["8 B", "bfloat16"].fits
    assert not found["8 B", "float32"].fits
    assert found["14 B", "gguf q8_0"].fits
    assert not found["14 B", "bfloat16"].fits
    assert found["32 B", "gguf q4_k_m"].fits
    assert not found["32 B", "gguf q8_0"].fits


def test_streams_take_their_caches():
    one, many = (fits(SIZES, 24 * GIB, streams=n, positions=8192, formats=["gguf q4_k_m"]) for n in (1, 32))
    assert all(b.caches == 32 * a.caches for a, b in zip(one, many, strict=True))
    assert sum(f.fits for f in many) < sum(f.fits for f in one)


def test_a_block_of_gguf_is_what_the_table_says():
    assert FORMATS["gguf q8_0"] == 34 * 8 / 32
    assert FORMATS["gguf q6_k"] == 210 * 8 / 256
