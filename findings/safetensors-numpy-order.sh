#!/usr/bin/env bash
# safetensors 0.8.0: the numpy side writes an array that is not in C order as it lies in memory, under its own shape.
#
# save_file({"w": w.T}) gives a file of the right shape and dtype whose values are in other places; so does any array in
# Fortran order, as scikit-learn's PCA, scipy.linalg and np.asfortranarray return them. Nothing is raised, and load_file
# reads the file without a word. 0.7.0 wrote both right. The side of torch refuses such tensors ("non contiguous"). The
# docstring says "contiguous and dense", which a transposed matrix, to numpy's flags, is.
#
# Known as safetensors/safetensors#825 (a model of model2vec lost its quality on being saved); 0.8.0 has it still.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet numpy==2.4.6
for version in 0.7.0 0.8.0; do
  "$place/venv/bin/pip" install --quiet --no-deps --target "$place/$version" safetensors==$version
done
cat > "$place/round.py" <<'PY'
import sys

import numpy as np
import safetensors
from safetensors.numpy import load_file, save_file

weights = np.arange(6, dtype=np.float32).reshape(2, 3)
arrays = {"c": weights, "transposed": weights.T, "fortran": np.asfortranarray(weights)}
save_file(arrays, sys.argv[1])
read = load_file(sys.argv[1])
same = {name: bool(np.array_equal(read[name], array)) for name, array in arrays.items()}
assert all(read[name].shape == array.shape for name, array in arrays.items())
print(f"safetensors {safetensors.__version__}: read as written: {same}; fortran reads {read['fortran'].tolist()}")
right = safetensors.__version__ == "0.7.0"
assert same == {"c": True, "transposed": right, "fortran": right}, same
PY
for version in 0.7.0 0.8.0; do
  PYTHONPATH="$place/$version" "$place/venv/bin/python" "$place/round.py" "$place/w.safetensors"
done
echo "as described"
