"""The knowledge base at size: builders against the floor of reading alone, a million entries, ten thousand upserts.

    python benchmarks/knowledge.py [--lines 1000000] [--pages 8000] [--entries 1000000] [--upserts 10000] [--dump FILE]

Files are made by lot (benchmarks/made_files.py); with --dump, a real multistream dump is measured as well. Every build
runs in a process of its own; ratios are between runs of one call. Writes benchmarks/results/knowledge.json. About 10
minutes on two cores, which should have nothing else to do.
"""

import argparse
import bz2
import gzip
import json
import os
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import made_files
from made_source import MadeSource
from ravlm.knowledge.build import Progress, build
from ravlm.knowledge.sources.kinds import open_source
from ravlm.knowledge.sources.part import Source
from ravlm.knowledge.store import KnowledgeBase
from ravlm.records import Entry
from ravlm.safe.streams import chunks
from ravlm.safe.xml import xml_events
from results_file import measured_with, write

_STEP = 100_000  # entries between two looks at the clock


def main() -> None:
    """Measure everything and write the results; or, with --part, one thing in this process."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lines", type=int, default=1_000_000)
    parser.add_argument("--pages", type=int, default=8_000)
    parser.add_argument("--entries", type=int, default=1_000_000)
    parser.add_argument("--upserts", type=int, default=10_000)
    parser.add_argument("--dump", type=Path, help="a real dump, .xml.bz2 in several streams")
    parser.add_argument("--part", nargs="+", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.part:
        sys.stdout.write(json.dumps(PARTS[asked.part[0]](*asked.part[1:])))
        return
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        made_files.wikipedia(work / "made.xml.bz2", asked.pages)
        made_files.conceptnet(work / "made.csv.gz", asked.lines)
        results = {"measured_with": measured_with()}
        results["wikipedia"] = _wikipedia(work / "made.xml.bz2", work)
        if asked.dump:
            results["wikipedia, a real dump"] = _wikipedia(asked.dump, work)
        results["conceptnet"] = _conceptnet(work / "made.csv.gz", work)
        results["a million entries"] = _part("many", work / "many", asked.entries)
        results["changes of a million"] = _part("changes", work / "many", asked.entries, asked.upserts)
    path = write("knowledge.json", results)
    sys.stdout.write(json.dumps(results, indent=1) + f"\nWrote {path}.\n")


def _wikipedia(dump: Path, work: Path) -> dict[str, Any]:
    floor = _part("floor_xml", dump, cores=1)
    one = _part("wikipedia", dump, work / dump.stem / "one", 1, cores=1)
    two = _part("wikipedia", dump, work / dump.stem / "two", 2)
    return {
        "floor": floor,
        "one core": one,
        "two cores": two,
        "ratio on one core": one["seconds"] / floor["seconds"],
        "faster on two cores": one["seconds"] / two["seconds"],
        "bytes a byte of the dump": one["bytes"] / dump.stat().st_size,
    }


def _conceptnet(file: Path, work: Path) -> dict[str, Any]:
    floor = _part("floor_lines", file)
    runs = {name: _part("conceptnet", file, work / f"cn-{name}", name) for name in ("en,zh", "all")}
    ratios = {f"ratio, {name}": run["seconds"] / floor["seconds"] for name, run in runs.items()}
    return {"floor": floor, **runs, **ratios, "bytes a byte of the file": runs["all"]["bytes"] / file.stat().st_size}


def _part(name: str, *arguments: object, cores: int | None = None) -> dict[str, Any]:
    """One measurement in a process of its own, on so many cores."""
    command = [sys.executable, __file__, "--part", name, *map(str, arguments)]
    allowed = sorted(os.sched_getaffinity(0))[:cores]
    ran = subprocess.run(
        command, stdout=subprocess.PIPE, check=True, preexec_fn=lambda: os.sched_setaffinity(0, allowed)
    )
    found: dict[str, Any] = json.loads(ran.stdout)
    print(name, *arguments[1:], found, file=sys.stderr)
    return found


def _peak() -> float:
    """The most memory that this process or one of its children has had, in MB."""
    return max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)) / 1e3


def floor_xml(dump: str) -> dict[str, Any]:
    """Decompression and reading of XML alone."""
    began = time.perf_counter()
    with bz2.open(dump) as content:
        events = sum(1 for _ in xml_events(chunks(content), dump))
    return {"seconds": time.perf_counter() - began, "events": events}


def floor_lines(file: str) -> dict[str, Any]:
    """Decompression and reading of lines alone."""
    began = time.perf_counter()
    with gzip.open(file) as content:
        lines = sum(1 for _ in content)
    return {"seconds": time.perf_counter() - began, "lines": lines}


def _built(source: Source, out: str, progress: Progress = lambda *_: None) -> dict[str, Any]:
    began = time.perf_counter()
    report = build(source, Path(out), progress=progress)
    seconds = time.perf_counter() - began
    size = sum(path.stat().st_size for path in Path(out).rglob("*") if path.is_file())
    return {"seconds": seconds, "kept": report.kept, "peak MB": _peak(), "bytes": size}


def wikipedia(dump: str, out: str, workers: str) -> dict[str, Any]:
    """A whole build from a dump."""
    return _built(open_source("wikipedia", Path(dump), workers=int(workers)), out)


def conceptnet(file: str, out: str, languages: str) -> dict[str, Any]:
    """A whole build from assertions."""
    chosen = None if languages == "all" else languages.split(",")
    return _built(open_source("conceptnet", Path(file), language=chosen), out)


def _things(first: int, last: int) -> list[Entry]:
    """Entries of about 500 bytes, in no order."""
    return [thing(number) for number in range(first, last)]


def thing(number: int, salt: str = "") -> Entry:
    """The entry of a number."""
    rng = random.Random(number)
    text = salt + " ".join(rng.choices(made_files.WORDS, k=60))
    return Entry(
        f"{number * 2654435761 % 2**32:08x}-{number}", f"Thing {number}", text=text, facts=(("n", str(number)),)
    )


def many(out: str, count: str) -> dict[str, Any]:
    """A build of a million entries, its rate at the beginning and at the end."""
    marks: list[tuple[int, float]] = []

    def look(done: int, size: int, entries: int) -> None:
        if entries // _STEP > len(marks) - 1:
            marks.append((entries, time.perf_counter()))

    marks.append((0, time.perf_counter()))
    told = _built(MadeSource(int(count), _things), out, look)
    steps = [(b[0] - a[0]) / (b[1] - a[1]) for a, b in pairwise(marks)]
    return told | {"entries a second, first 100,000": steps[0], "entries a second, last 100,000": steps[-1]}


def changes(out: str, count: str, upserts: str) -> dict[str, Any]:
    """Opening, and single upserts and gets in milliseconds."""
    began = time.perf_counter()
    base = KnowledgeBase.open(out)
    opened = time.perf_counter() - began
    rng = random.Random(1)
    changed: list[float] = []
    between: list[float] = []
    for number in range(int(upserts)):
        entry = thing(rng.randrange(int(count)), f"new {number} ")
        changed.append(_milliseconds(lambda entry=entry: base.upsert([entry])))
        if number % 20 == 0:
            known = thing(rng.randrange(int(count))).id
            between.append(_milliseconds(lambda known=known: base.get(known)))
    last = [thing(rng.randrange(int(count))).id for _ in range(500)]
    after = [_milliseconds(lambda known=known: base.get(known)) for known in last]
    began = time.perf_counter()
    KnowledgeBase.open(out)
    reopened = time.perf_counter() - began
    began = time.perf_counter()
    damage = list(base.verify())
    return {
        "open, s": opened,
        "open after all, s": reopened,
        "upserts": int(upserts),
        "upsert, ms": _spread(changed),
        "last 1,000 upserts, ms": _spread(changed[-1000:]),
        "get between, ms": _spread(between),
        "get after, ms": _spread(after),
        "verify, s": time.perf_counter() - began,
        "damage": damage,
        "peak MB": _peak(),
    }


def _milliseconds(action: Any) -> float:
    began = time.perf_counter()
    action()
    return 1000 * (time.perf_counter() - began)


def _spread(values: list[float]) -> dict[str, float]:
    cuts = statistics.quantiles(values, n=100)
    return {"p50": cuts[49], "p95": cuts[94], "p99": cuts[98]}


PARTS = {function.__name__: function for function in (floor_xml, floor_lines, wikipedia, conceptnet, many, changes)}

if __name__ == "__main__":
    main()
