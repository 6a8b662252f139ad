"""Runs beside each other: two, question by question; and one system over several seeds of training."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import mean, stdev
from typing import Any

from ravlm.errors import ConfigError
from ravlm.evaluation.bootstrap import Score, clustered_score, interval_over_seeds
from ravlm.evaluation.measures import macro_average
from ravlm.evaluation.runs.folder import Run
from ravlm.evaluation.runs.records import EvidenceKind, Outcome
from ravlm.evaluation.runs.scores import ALL, kinds_of, relation_of, within

MACRO = "macro:"
"""Before a group's name: the macro average over relations in that group."""

_SETTINGS = ("model", "dataset", "knowledge", "index", "encoders", "seeds", "versions", "device")
_FROM_THE_SEED = frozenset({"seed", "curve"})
_LIBRARIES = frozenset({"ravlm", "torch"})

Pair = tuple[Outcome, Outcome]


@dataclass(frozen=True, slots=True)
class Counts:
    """The 2 x 2 table of a comparison: in how many questions both are right, one alone, or neither."""

    both: int
    only_first: int
    only_second: int
    neither: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two runs on the questions that both have answered.

    Attributes:
        kind: the kind of evidence that the answers are from.
        n: how many questions both have.
        only_first_has: how many the second lacks.
        only_second_has: how many the first lacks.
        groups: by group that both runs put a question in, `all` first: the accuracies, and second minus first with the
            paired interval.
        counts: whose answers are right.
        retrieval: as `groups`, R@1 on the questions that have a right entry in both runs.
        retrieval_counts: whose first entry is right, on these questions.
        changed: the outcomes of the questions that one has right and the other wrong, in the first run's order.
        settings: what differs in how the runs were made: its dotted name, the first's value and the second's, None
            where there is none.
    """

    kind: EvidenceKind
    n: int
    only_first_has: int
    only_second_has: int
    groups: Mapping[str, tuple[Score, Score, Score]]
    counts: Counts
    retrieval: Mapping[str, tuple[Score, Score, Score]]
    retrieval_counts: Counts
    changed: Sequence[Pair]
    settings: Sequence[tuple[str, Any, Any]]

    def as_json(self) -> dict[str, Any]:
        """The comparison as JSON; of the questions that changed, their ids by who is right now."""
        return {
            "kind": self.kind,
            "n": self.n,
            "only_first_has": self.only_first_has,
            "only_second_has": self.only_second_has,
            "groups": _named(self.groups),
            "counts": asdict(self.counts),
            "retrieval": _named(self.retrieval),
            "retrieval_counts": asdict(self.retrieval_counts),
            "changed": {
                "only_first": [a.id for a, _ in self.changed if a.right[self.kind]],
                "only_second": [b.id for _, b in self.changed if b.right[self.kind]],
            },
            "settings": [list(row) for row in self.settings],
        }


def compare(first: Run, second: Run, kind: EvidenceKind = "retrieved") -> Comparison:
    """Compare the answers that two runs gave to the same questions about the same photos, from one kind of evidence.

    Raises:
        ConfigError: there is no question that both have answered from it.
    """
    one, other = ({o.id: o for o in run.outcomes if kind in o.right} for run in (first, second))
    others = _other_questions(first, second)
    pairs = [(outcome, other[name]) for name, outcome in one.items() if name in other and name not in others]
    if not pairs:
        raise ConfigError(_nothing_shared(first, second, kind, len(one), len(other)))
    judged = [(a, b) for a, b in pairs if a.gold and b.gold]
    return Comparison(
        kind=kind,
        n=len(pairs),
        only_first_has=len(one) - len(pairs),
        only_second_has=len(other) - len(pairs),
        groups=_groups(pairs, [(float(a.right[kind]), float(b.right[kind])) for a, b in pairs]),
        counts=_counts((a.right[kind], b.right[kind]) for a, b in pairs),
        retrieval=_groups(judged, [(_recall_at_1(a), _recall_at_1(b)) for a, b in judged]),
        retrieval_counts=_counts((1 in a.gold_ranks, 1 in b.gold_ranks) for a, b in judged),
        changed=[(a, b) for a, b in pairs if a.right[kind] != b.right[kind]],
        settings=_differences(_settings(first.about), _settings(second.about)),
    )


def _other_questions(first: Run, second: Run) -> set[str]:
    """Ids under which two runs have asked different things, or of different photos."""
    asked = {question.example.id: (question.example, question.photo) for question in first.questions}
    return {
        question.example.id
        for question in second.questions
        if asked.get(question.example.id, (question.example, question.photo)) != (question.example, question.photo)
    }


def system_of(about: Mapping[str, Any]) -> str:
    """A key that is the same for runs that differ in nothing but the seed of training and what follows from it.

    It is the JSON of the model's settings, of its training but for the seed, the learning curve and the libraries'
    versions, and of which groups of which split of which dataset were asked.
    """
    model, dataset = about["model"], about["dataset"]
    training = {key: v for key, v in model["training"].items() if key not in _FROM_THE_SEED | _LIBRARIES}
    asked = {key: dataset[key] for key in ("name", "split", "groups")}
    return json.dumps({"settings": model["settings"], "training": training, "dataset": asked}, sort_keys=True)


def are_seeds_of_one(runs: Sequence[Run]) -> bool:
    """Whether the runs are of one system (see `system_of`), trained with as many seeds as there are runs."""
    seeds = {run.about["seeds"]["training"] for run in runs}
    return len(runs) > 1 and len(seeds) == len(runs) and len({system_of(run.about) for run in runs}) == 1


def over_seeds(runs: Sequence[Run]) -> dict[str, dict[str, dict[str, Any]]]:
    """The accuracy by group and kind of evidence over the runs of one system (see `system_of`), one for each seed.

    Groups and kinds are those that all runs have; `macro:GROUP` is the macro average in a group, over the relations
    that all summaries average over. For each: `mean`, `deviation` (the sample standard deviation over runs, None of a
    single one), `least`, `most`, `interval` (see `interval_over_seeds`) and `seeds`, the number of runs.
    """
    if not runs:
        return {}
    kinds = [kind for kind in kinds_of(runs[0].outcomes) if all(kind in kinds_of(run.outcomes) for run in runs)]
    found: dict[str, dict[str, dict[str, Any]]] = {
        name: {kind: _accuracy([within(run.outcomes, name) for run in runs], kind) for kind in kinds}
        for name in _shared([_names(run.outcomes) for run in runs])
    }
    macros = [run.summary["scores"]["macro"] for run in runs]
    relations = set(_shared([macro.get("relations", []) for macro in macros]))
    for name in _shared([macro.get("groups", {}) for macro in macros]):
        chosen = [[o for o in within(run.outcomes, name) if relation_of(o.groups) in relations] for run in runs]
        if all(chosen):
            found[MACRO + name] = {kind: _accuracy(chosen, kind, by_relation=True) for kind in kinds}
    return found


def _named(groups: Mapping[str, tuple[Score, Score, Score]]) -> dict[str, Any]:
    sides = ("first", "second", "difference")
    return {name: {side: s.as_json() for side, s in zip(sides, found, strict=True)} for name, found in groups.items()}


def _nothing_shared(first: Run, second: Run, kind: EvidenceKind, one: int, other: int) -> str:
    kinds = [kind for kind in kinds_of(first.outcomes) if kind in kinds_of(second.outcomes)]
    return (
        f"Two runs are compared question by question, on their answers from {kind!r} evidence: the first has {one:,} "
        f"of them, the second {other:,}, and no question is in both. Kinds of evidence in both: "
        f"{', '.join(kinds) or 'none'}. Compare runs on the same split of the same dataset."
    )


def _groups(pairs: Sequence[Pair], values: Sequence[tuple[float, float]]) -> dict[str, tuple[Score, Score, Score]]:
    members: dict[str, list[int]] = {ALL: list(range(len(pairs)))} if pairs else {}
    for i, (a, b) in enumerate(pairs):
        for name in dict.fromkeys(a.groups):
            if name in b.groups:
                members.setdefault(name, []).append(i)
    found = {}
    for name, chosen in members.items():
        clusters = [pairs[i][0].cluster for i in chosen]
        columns = zip(*((values[i][0], values[i][1], values[i][1] - values[i][0]) for i in chosen), strict=True)
        one, other, difference = (clustered_score(column, clusters) for column in columns)
        found[name] = (one, other, difference)
    return found


def _counts(pairs: Iterable[tuple[bool, bool]]) -> Counts:
    found = Counter(pairs)
    return Counts(found[True, True], found[True, False], found[False, True], found[False, False])


def _recall_at_1(outcome: Outcome) -> float:
    return (1 in outcome.gold_ranks) / outcome.gold


def _settings(about: Mapping[str, Any]) -> dict[str, Any]:
    found = {key: value for part in _SETTINGS for key, value in _flat(part, about.get(part)).items()}
    return {key: value for key, value in found.items() if key != "model.training.curve"}


def _flat(name: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        return {name: value}
    return {key: leaf for part, inner in value.items() for key, leaf in _flat(f"{name}.{part}", inner).items()}


def _differences(first: Mapping[str, Any], second: Mapping[str, Any]) -> list[tuple[str, Any, Any]]:
    names = [name for name in dict.fromkeys([*first, *second]) if first.get(name) != second.get(name)]
    return [(name, first.get(name), second.get(name)) for name in names]


def _names(outcomes: Sequence[Outcome]) -> list[str]:
    return [ALL, *dict.fromkeys(name for o in outcomes for name in o.groups)]


def _shared(names: Sequence[Iterable[str]]) -> list[str]:
    others = [set(some) for some in names[1:]]
    return [name for name in names[0] if all(name in other for other in others)]


def _accuracy(runs: Sequence[Sequence[Outcome]], kind: EvidenceKind, *, by_relation: bool = False) -> dict[str, Any]:
    values = [[float(o.right[kind]) for o in outcomes] for outcomes in runs]
    relations = [[relation_of(o.groups) if by_relation else "" for o in outcomes] for outcomes in runs]
    averages = (macro_average(row, asked) for row, asked in zip(values, relations, strict=True))
    each = [average for average in averages if average is not None]
    interval = interval_over_seeds(values, [[o.cluster for o in outcomes] for outcomes in runs], relations)
    return {
        "mean": mean(each),
        "deviation": stdev(each) if len(each) > 1 else None,
        "least": min(each),
        "most": max(each),
        "interval": None if interval is None else list(interval),
        "seeds": len(each),
    }
