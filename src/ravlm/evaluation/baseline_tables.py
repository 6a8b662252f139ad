"""What is measured beside a run, as tables: floors without learning, and what each input is worth."""

from collections.abc import Mapping

from ravlm.evaluation.modalities import Modalities
from ravlm.evaluation.report.tables import Table, cell

_FLOORS = {"pixels": "floor: pixel correlation", "colours_and_shapes": "floor: colour histograms and HOG"}


def floor_table(floors: Mapping[str, Mapping[str, float | None]], photos: int, group: str) -> Table:
    """How far features without learning get at finding the right entry, on so many photos of a group."""
    rows = tuple((_FLOORS[kind], floor["recall@1"], floor["recall@5"]) for kind, floor in floors.items())
    return Table(
        title="Finding the right entry without learning",
        columns=("", "recall@1", "recall@5"),
        rows=rows,
        note=f"On the {photos:,} photos of the group {group}.",
    )


def modality_table(found: Modalities) -> Table:
    """The fusion's mean weights beside what is lost without each modality."""
    rows = tuple((name, m.weight, m.accuracy_without, m.drop) for name, m in found.by_name.items())
    return Table(
        title="What each input is worth",
        columns=("input", "mean weight", "accuracy without it", "drop"),
        rows=rows,
        note=f"On {found.n:,} questions, {cell(found.accuracy)} of them right with everything. Without image: a plain "
        "grey one, and what it finds is read. Without question: an empty one. Without knowledge: nothing is read. "
        "A weight says how the fusion mixes its inputs; the drop says what the answer depends on.",
    )
