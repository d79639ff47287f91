#!/usr/bin/env bash
# torch 2.13.0 on a CPU: in bfloat16, matmul copies every operand that is not dense, at every call; in float32 it copies none.
#
# Decoding multiplies queries with the part of a preallocated key-value cache that is filled: cache[rows, :, :seen]. Each
# matrix of such a slice lies whole, only the distance from one to the next is larger, and BLAS takes that distance as it
# takes any other. In float32 it is multiplied where it lies. In bfloat16 the product goes to oneDNN, and its gate in torch
# (the operand has to be contiguous, or the transpose of something contiguous) sends the slice through contiguous() first:
# keys and values are copied whole for every layer of every token, though oneDNN knows strides as well. A profile shows it
# as aten::copy_ inside aten::bmm; nothing warns, and a slice that happens to end where the cache ends is not copied.
#
# It shows where the processor multiplies bfloat16 itself (AVX512 BF16 or AMX); elsewhere the script says so and ends.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet torch==2.13.0 numpy==2.4.6
"$place/venv/bin/python" - <<'PY'
import sys

import torch
from torch.profiler import ProfilerActivity, profile

if not (torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()):
    sys.exit(print("this processor has no instructions for bfloat16: nothing to see here"))
torch.set_num_threads(1)


def copies(dtype, seen):
    queries = torch.ones(16, 2, 3, 64, dtype=dtype)
    keys = torch.ones(16, 2, 512, 64, dtype=dtype)[:, :, :seen]
    with torch.inference_mode(), profile(activities=[ProfilerActivity.CPU]) as seen_by:
        torch.matmul(queries, keys.transpose(-1, -2))
    return sum(e.count for e in seen_by.key_averages() if e.key == "aten::copy_")


found = {
    (str(dtype), seen): copies(dtype, seen) for dtype in (torch.float32, torch.bfloat16) for seen in (512, 384)
}
print(f"torch {torch.__version__.partition('+')[0]}: copies in a product with the first positions of 512: {found}")
assert found == {
    ("torch.float32", 512): 0,
    ("torch.float32", 384): 0,
    ("torch.bfloat16", 512): 0,
    ("torch.bfloat16", 384): 1,
}, found
PY
echo "as described"
