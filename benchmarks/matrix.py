"""Every eye with every reader, fusion and output layer, from a configuration: a training step, its gradients, answers.

    python benchmarks/matrix.py

The parts and what is checked are those of tests/model/combinations.py, where the tests take every pair; here all
combinations are taken, and a whole Inception v3. Writes benchmarks/results/matrix.json; ends with 1 where anything is
wrong. About 3 minutes on one core.
"""

import sys
import tempfile
from pathlib import Path
from typing import Any

from results_file import measured_with, write

TESTS = Path(__file__).parents[1] / "tests"
INCEPTION = {"kind": "timm", "architecture": "inception_v3", "image_size": 75}  # the smallest pictures that it takes


def main() -> None:
    """Try all of them and write what was found."""
    sys.path += [str(TESTS), str(TESTS / "model")]
    import combinations

    eyes = {**combinations.VISUAL, "Inception": INCEPTION}
    factors = {name: combinations.FACTORS[name] for name in ("visual", "language", "fusion", "output")}
    wrong: dict[str, list[str]] = {}
    sizes: list[int] = []
    with tempfile.TemporaryDirectory() as folder:
        workshop = combinations.Workshop(Path(folder) / "knowledge")
        for combination in combinations.everything(factors):
            model = workshop.assemble(combinations.config_of(combination, eyes)).model
            sizes.append(sum(p.numel() for p in model.parameters()))
            if faults := combinations.faults(model):
                wrong[", ".join(combination.values())] = faults
            print(f"{len(sizes)}: {', '.join(combination.values())}", file=sys.stderr)
    results: dict[str, Any] = {
        "measured_with": measured_with(),
        "parts": {name: len(values) for name, values in factors.items()},
        "combinations": len(sizes),
        "without a fault": len(sizes) - len(wrong),
        "faults": wrong,
        "parameters": {"least": min(sizes), "most": max(sizes)},
    }
    print(f"{results}\nWrote {write('matrix.json', results)}.")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
