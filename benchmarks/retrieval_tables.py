"""The tables of `docs/retrieval.md`: how fast each retriever is, and what it finds."""

from collections.abc import Mapping
from typing import Any

from cells import markdown, points, share, times, with_interval

_ROWS = ", rows alone"  # from vectors to rows, no hits made of them
SIZES = {"100000": "100,000", "1000000": "1,000,000"}


def retrieval_table(results: Mapping[str, Any], language: str) -> str:
    """Every index at every size beside the bare library; joined search; refreshing; token vectors."""
    head = [
        "index, entries",
        "queries a second",
        "one, ms: p50",
        "p99",
        "build, s",
        "on disk, MB",
        "most memory, MB",
        "batch, of the bare time",
        "without hits",
        "one more, ms",
        "without hits",
        "recall@10 of exact",
    ]
    rows = [
        _speed_row(f"{name}, {label}", found)
        for size, label in SIZES.items()
        for name, found in results.get(size, {}).items()
        if "serve" in found
    ]
    parts = [markdown(head, rows)]
    followed = [
        [
            name,
            *(f"{1000 * _after_change(results, name, size):.0f}" for size in SIZES),
            times(_after_change(results, name, "1000000") / _after_change(results, name, "100000")),
        ]
        for name in results.get("1000000", {})
        if all("refresh" in results.get(size, {}).get(name, {}) for size in SIZES)
    ]
    if followed:
        parts.append(markdown(["after one change, ms", *SIZES.values(), "ten times the base"], followed))
    if "late" in results:
        late, built = results["late"]["serve"], results["late"]["build"]
        parts.append(
            f"Late interaction over {late['passages']:,} passages of {late['tokens']} tokens, pooled by "
            f"{late['pooled by']}: p50 {late['one, ms']['p50']:.0f} ms, p99 {late['one, ms']['p99']:.0f} ms, recall@10 "
            f"of exact MaxSim {share(late['recall@10 of exact'])}, {built['size, MB']:,.0f} MB on the disk, "
            f"{late['peak MB'] / 1000:.2f} GB of memory; built in {built['build, s']:,.0f} s."
        )
    return "\n\n".join(parts)


def _after_change(results: Mapping[str, Any], name: str, size: str) -> float:
    return float(results[size][name]["refresh"]["refresh, s"])


def _speed_row(label: str, found: Mapping[str, Any]) -> list[str]:
    served, built, beside = found["serve"], found.get("build", {}), found.get("beside", {})
    memory = max(step["peak MB"] for step in (served, built) if step)
    return [
        label,
        f"{served['queries a second']:,.0f}",
        f"{served['one, ms']['p50']:.2f}",
        f"{served['one, ms']['p99']:.2f}",
        f"{built['build, s']:,.0f}" if built else "",
        f"{built['size, MB']:,.0f}" if built else "",
        f"{memory:,.0f}",
        times(beside["of the bare time, batch"]) if beside else "",
        times(beside[f"of the bare time, batch{_ROWS}"]) if f"of the bare time, batch{_ROWS}" in beside else "",
        f"{beside['more for one, ms']:+.2f}" if beside else "",
        f"{beside[f'more for one, ms{_ROWS}']:+.2f}" if f"more for one, ms{_ROWS}" in beside else "",
        share(beside["recall@10 of exact"]["ours"]) if "recall@10 of exact" in beside else "",
    ]


def effectiveness_table(results: Mapping[str, Any], language: str) -> str:
    """A table for each part that is measured."""
    made = {"cacm": _cacm, "flags": _flags, "grocery": _grocery, "emoji": _emoji}
    return "\n\n".join(table(results[part]) for part, table in made.items() if part in results)


def _cacm(found: Mapping[str, Any]) -> str:
    names = [name for name, value in found.items() if isinstance(value, dict) and "MAP interval" in value]
    rows = [
        [name, with_interval(found[name], "MAP"), *(share(found[name][m]) for m in ("P@30", "recall@10", "recall@100"))]
        for name in names
    ]
    published = found["published"]
    rows.insert(0, ["BM25 as published", share(published["MAP"]), share(published["P@30"]), "", ""])
    gains = "; ".join(f"{name} {points(gain, 'MAP')}" for name, gain in found["gains"].items())
    about = f"{found['documents']:,} documents, {found['topics']} topics. Points of MAP: {gains}."
    return f"**CACM**\n\n{markdown(['', 'MAP', 'P@30', 'recall@10', 'recall@100'], rows)}\n\n{about}"


def _flags(found: Mapping[str, Any]) -> str:
    groups = list(found["accuracy"])
    rows = [
        [label, *(with_interval(found["accuracy"][group], name) for group in groups)]
        for name, label in (
            ("prior", "prior"),
            ("reference", "the model, reads what the reference query found"),
            ("model", "the model, own retrieval"),
        )
    ]
    rows += [
        [f"recall@{k}: {name}", *(share(found["recall"][name][group][f"recall@{k}"]) for group in groups)]
        for name in found["recall"]
        for k in (1, 5)
    ]
    shares = ", ".join(f"{kind} {share(value)}" for kind, value in found["brought by"].items())
    return f"**Flags**\n\n{markdown(['', *groups], rows)}\n\nThe piece that brought the right entry: {shares}."


def _grocery(found: Mapping[str, Any]) -> str:
    """Each photo's product, then each question's section."""
    columns = [(base, group) for base in found for group in ("seen", "unseen")]
    head = ["recall@1 / @5", *(f"{base}, {group}" for base, group in columns)]
    first = next(iter(found.values()))
    rows = [[name, *(_pair(found[base]["recall"][name][group]) for base, group in columns)] for name in first["recall"]]
    for name in first["section"]:
        told = [found[base]["section"][name][group] for base, group in columns]
        rows += [
            [f"{name}: product", *(_pair(one) for one in told)],
            [f"{name}: section", *(_pair(one, "section") for one in told)],
        ]
    gains = [
        f"{base}, {group}: {points(gain, 'recall@1')}"
        for base in found
        for group, gain in found[base]["late over single"].items()
    ]
    about = f"Points of recall@1 that image tokens have over single vectors: {'; '.join(gains)}."
    return f"**Grocery photos**\n\n{markdown(head, rows)}\n\n{about}"


def _emoji(found: Mapping[str, Any]) -> str:
    chance = found["chance"]
    rows = [["chance", _pair(chance), _pair(chance), share(chance["recall@10"])]]
    for task in ("drawing to drawing", "picture to name"):
        for name, groups in found[task].items():
            deep = share(groups["unseen"].get("recall@10"))
            rows.append([f"{task}: {name}", _pair(groups["all"]), _pair(groups["unseen"]), deep])
    head = ["recall@1 / @5", "all", "unseen", "unseen, @10"]
    about = f"{found['emoji']:,} emoji, {found['unseen']:,} of them never trained on."
    return f"**Emoji**\n\n{markdown(head, rows)}\n\n{about}"


def _pair(found: Mapping[str, Any], measure: str = "recall") -> str:
    return f"{share(found[f'{measure}@1'])} / {share(found[f'{measure}@5'])}"
