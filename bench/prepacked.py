"""Weights laid out for oneDNN once, against torch's own linear layers: a step of karui-mini on a CPU.

    python bench/prepacked.py [--quick] [--rounds N] [--out bench/results/prepacked.json]

Both engines compute in one thread, take turns, and take steps of rows that hold 127 tokens each; ratios are
those of one round, and the figure is their median. Other work on the machine is in the figures: the load is
printed. bfloat16 is measured where the processor has instructions for it.
"""

import os
import sys
from pathlib import Path
from statistics import median

from _figures import Figures, arguments

from karui.engines.chat.tokenizer import load_tokenizer
from karui.engines.options import EngineOptions
from karui.engines.transformers import TransformersEngine
from karui.engines.transformers.load import choose_dtype, load_model
from karui.engines.transformers.model_info import read_card
from karui.models import place

ROWS, MOST = (1, 8, 32, 64), 1.0
"""Rows of a step, and the time that it may take of what it took."""


def main() -> int:
    """Measures both, and judges 64 rows."""
    parser = arguments(__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="how often each engine is measured")
    options = parser.parse_args()
    figures = Figures("prepacked", options)
    figures.note(f"load before the start {os.getloadavg()[0]:.1f}")
    rows, rounds = ((1, 8), 1) if options.quick else (ROWS, options.rounds)
    for dtype in sorted({"float32", choose_dtype("auto", "cpu")[0]}):
        laid_out, as_loaded = _engine(dtype, prepack=True), _engine(dtype, prepack=False)
        for count in rows:
            pairs = [
                (1 / laid_out.tokens_per_second_now(count), 1 / as_loaded.tokens_per_second_now(count))
                for _ in range(rounds)
            ]
            name = f"{dtype}, {count} row{'s' * (count > 1)}"
            figures.shown(f"{name}: a step as loaded", 1000 * count * median(b for _, b in pairs), "ms")
            figures.shown(f"{name}: a step laid out", 1000 * count * median(a for a, _ in pairs), "ms")
            figures.at_most(f"{name}: ratio", median(a / b for a, b in pairs), MOST, "×", digits=2)
    return figures.close()


def _engine(dtype: str, *, prepack: bool) -> TransformersEngine:
    folder = Path(place("karui-mini"))
    model = load_model(folder, "cpu", dtype)
    return TransformersEngine(
        model,
        load_tokenizer(folder),
        read_card("karui-mini", folder, model),
        EngineOptions(threads=1, slots=max(ROWS)),
        prepack=prepack,
    )


if __name__ == "__main__":
    sys.exit(main())
