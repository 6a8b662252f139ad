"""When evidence helps and when it does not, told from a query's hits alone. No torch."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from math import exp, isfinite, isnan
from pathlib import Path
from statistics import fmean, pstdev

import numpy as np

from ravlm.errors import ConfigError, FormatError
from ravlm.knowledge.store import KnowledgeBase
from ravlm.records import Hit, Query
from ravlm.retrieval.hit_features import FEATURES, features, in_words, judged
from ravlm.retrieval.retriever import Contribution, Retriever
from ravlm.safe.files import read_text, write_text_atomic

FORMAT = 1


@dataclass(frozen=True, slots=True)
class Judgement:
    """Whether evidence helps, with the probability of it, and in words what spoke most for that."""

    helps: bool
    probability: float
    reason: str


@dataclass(frozen=True)
class Gate:
    """A logistic regression on features of a row's first `depth` hits; `fit` makes one from rows of known use.

    The features: the first hit's score; its margin before the second; the entropy of the softmax over the scores, in
    units of `scale`, as a share of the most that so many hits can have; the share of the `others` in which the best hit
    is one of the first hit's entry; and the best score of each of the others, which says more than a fused one (by
    reciprocal rank the first hit of every row has much the same). A stage without a score speaks neither way. `means`
    and `deviations` make features comparable. The probability is that of the regression, which is calibrated on the
    rows that it was fitted on.

    `stage` names the score that the rows are ranked by, `others` those beside it. A probability of at least `threshold`
    says that evidence helps; `dataclasses.replace(gate, threshold=.8)` asks for more.
    """

    stage: str
    others: tuple[str, ...]
    depth: int
    scale: float
    means: tuple[float, ...]
    deviations: tuple[float, ...]
    coefficients: tuple[float, ...]
    intercept: float
    threshold: float = 0.5

    @classmethod
    def fit(
        cls,
        rows: Sequence[Sequence[Hit]],
        helped: Sequence[bool],
        *,
        stage: str,
        depth: int = 10,
        precision: float | None = None,
    ) -> "Gate":
        """A gate from rows of hits and whether each helped: the answer with them was right, or better than without.

        Args:
            rows: hits, best first; those without a score of the stage are passed over.
            helped: one for each row.
            stage: the score that they are ranked by.
            depth: how many of a row's hits are looked at; fewer where no row has so many.
            precision: the share of rows let through that must have helped; the threshold is the lowest that keeps it on
                these rows. Without it, .5.

        Raises:
            ConfigError: there are not as many outcomes as rows, or those of the rows with such hits are all alike, or
                the depth is below 1, or the precision is not reached.
        """
        from sklearn.linear_model import LogisticRegression  # takes a second to import, and judging needs none of it

        if len(rows) != len(helped):
            raise ConfigError(f"{len(rows)} rows of hits came with {len(helped)} outcomes. Give one for each row.")
        if depth < 1:
            raise ConfigError(f"depth is {depth}. Let a gate look at 1 hit or more.")
        cut = [(judged(row, stage, depth), bool(y)) for row, y in zip(rows, helped, strict=True)]
        there = [row for row, _ in cut if row]
        outcomes = [y for row, y in cut if row]
        if len(set(outcomes)) < 2:
            raise ConfigError(
                f"Of {len(there)} rows with hits that have a score of {stage!r}, {sum(outcomes)} helped, and a gate "
                "learns from both kinds. Give rows that helped and rows that did not."
            )
        scale = fmean(pstdev(hit.scores[stage] for hit in row) for row in there) or 1.0
        others = tuple(sorted({name for row in there for hit in row for name in hit.scores} - {stage}))
        x = np.array([features(row, stage, scale, others) for row in there])  # [rows, features]
        means, spread = np.nanmean(x, axis=0), np.nanstd(x, axis=0)
        deviations = np.where(spread > 0, spread, 1.0)
        model = LogisticRegression().fit(np.nan_to_num((x - means) / deviations), np.array(outcomes))
        gate = cls(
            stage,
            others,
            max(map(len, there)),
            scale,
            tuple(means.tolist()),
            tuple(deviations.tolist()),
            tuple(model.coef_[0].tolist()),
            float(model.intercept_[0]),
        )
        if precision is None:
            return gate
        probabilities = [gate.judge(row).probability for row in there]
        return replace(gate, threshold=_threshold(probabilities, outcomes, precision))

    def judge(self, hits: Sequence[Hit]) -> Judgement:
        """Whether these hits, best first, help; `reason` is the feature that spoke most for the judgement."""
        row = judged(hits, self.stage, self.depth)
        if not row:
            return Judgement(False, 0.0, f"no hit was found that has a score of {self.stage}")
        found = features(row, self.stage, self.scale, self.others)
        z = [0.0 if isnan(x) else (x - m) / d for x, m, d in zip(found, self.means, self.deviations, strict=True)]
        pulls = [c * value for c, value in zip(self.coefficients, z, strict=True)]
        probability = 1 / (1 + exp(-max(-700.0, min(700.0, self.intercept + sum(pulls)))))
        helps = probability >= self.threshold
        most = max(range(len(pulls)), key=lambda i: pulls[i] if helps else -pulls[i])
        reason = in_words((*FEATURES, *self.others)[most], found[most], self.means[most])
        return Judgement(helps, probability, reason)

    def save(self, path: Path) -> None:
        """Write the gate as JSON.

        Raises:
            PathError: the file can't be written.
        """
        write_text_atomic(path, json.dumps({"format": FORMAT, **asdict(self)}, indent=1))

    @classmethod
    def load(cls, path: Path) -> "Gate":
        """The gate that `save` wrote.

        Raises:
            PathError: there is no such file.
            FormatError: it is no gate, or of another format.
        """
        try:
            found = json.loads(read_text(path))
            if found.pop("format") != FORMAT:
                raise ValueError("another format")
            lists = ("means", "deviations", "coefficients")
            if set(found) != {field.name for field in fields(cls)}:
                raise ValueError("other fields")
            found |= {name: tuple(map(float, found[name])) for name in lists}
            found["others"] = tuple(map(str, found["others"]))
            if {len(found[name]) for name in lists} != {len(FEATURES) + len(found["others"])}:
                raise ValueError("not one number for each feature")
            gate = cls(**found)
            numbers = (gate.scale, gate.intercept, gate.threshold, *(x for name in lists for x in found[name]))
            if not all(map(isfinite, numbers)) or gate.depth < 1 or min(gate.scale, *gate.deviations) <= 0:
                raise ValueError("numbers out of their ranges")
            return gate
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise FormatError(
                f"{path} holds no gate of format {FORMAT} ({type(error).__name__}). Give a file that Gate.save wrote, "
                "or fit the gate again."
            ) from error


class GatedRetriever(Retriever):
    """A retriever whose rows come empty where its gate says that evidence does not help.

    Raises:
        ConfigError: the gate was fitted on scores of another stage.
    """

    def __init__(self, retriever: Retriever, gate: Gate) -> None:
        if gate.stage != retriever.stage:
            raise ConfigError(
                f"The gate judges scores of {gate.stage!r}, and the retriever ranks by {retriever.stage!r}. Fit a gate "
                "on this retriever's hits."
            )
        self.retriever = retriever
        self.gate = gate
        self.stage = retriever.stage
        self.reads = retriever.reads

    def _search(self, queries: Sequence[Query], k: int) -> list[list[Hit]]:
        rows = self.retriever.search(queries, max(k, self.gate.depth))
        return [row[:k] if self.gate.judge(row).helps else [] for row in rows]

    def explain(self, query: Query, hits: Sequence[Hit]) -> list[list[Contribution]]:
        """As the retriever does."""
        return self.retriever.explain(query, hits)

    def refresh(self, knowledge: KnowledgeBase) -> bool:
        """As the retriever does."""
        return self.retriever.refresh(knowledge)

    def fits(self, query: Query) -> bool:
        """As the retriever does."""
        return self.retriever.fits(query)

    def _check(self, query: Query, name: str) -> None:
        self.retriever._check(query, name)


def _threshold(probabilities: Sequence[float], outcomes: Sequence[bool], precision: float) -> float:
    """The lowest probability such that of the rows with at least that the wanted share helped."""
    ranked = sorted(zip(probabilities, outcomes, strict=True), reverse=True)
    reached: dict[float, float] = {}
    right = 0
    for n, (probability, helped) in enumerate(ranked, 1):
        right += helped
        reached[probability] = right / n
    enough = [probability for probability, share in reached.items() if share >= precision]
    if not enough:
        raise ConfigError(
            f"A precision of {precision} was asked for, and the gate reaches {max(reached.values()):.3f} on these rows "
            "at most. Ask for less, or give more rows."
        )
    return min(enough)
