"""What the reader is given to read: as found, nothing, the right entry, less than was found, a wrong entry."""

from collections.abc import Collection, Sequence

from ravlm.answering.answerer import Asked, Found
from ravlm.evaluation.runs.records import EvidenceKind
from ravlm.records import Hit
from ravlm.retrieval.entity import EntityThenPassageRetriever


def hits_of(
    kind: EvidenceKind,
    retriever: EntityThenPassageRetriever,
    asked: Sequence[Asked],
    found: Found,
    *,
    gold: Sequence[Collection[str]],
    support: Sequence[Collection[str]],
) -> list[list[Hit]]:
    """The hits of a batch of questions under one kind of evidence.

    - `retrieved`: what the system found.
    - `none`: nothing.
    - `oracle`: pictures and passages of the right entries.
    - `removed`: what was found, without the passages of the right entries that support a right answer.
    - `wrong`: picture and passages of the entry that was ranked highest among the wrong ones; nothing, where no entry
      is named as right.

    Args:
        kind: of evidence.
        retriever: the model's.
        asked: the questions.
        found: what `Answerer.find` found for them.
        gold: the right entries of each question.
        support: the passages of each that support a right answer.
    """

    def read(i: int, entries: Sequence[tuple[str, str, float]]) -> list[Hit]:
        return retriever.read(entries, asked[i].question, asked[i].language)

    rows = range(len(asked))
    if kind == "retrieved":
        return found.hits
    if kind == "oracle":
        return [read(i, [retriever.images.compare(found.keys[i], right) for right in sorted(gold[i])]) for i in rows]
    if kind == "wrong":
        wrong = [[row for row in found.ranked[i] if row[0] not in gold[i]][:1] if gold[i] else [] for i in rows]
        return [read(i, wrong[i]) for i in rows]
    if kind == "removed":
        return [[hit for hit in found.hits[i] if hit.passage_id not in support[i]] for i in rows]
    return [[] for _ in rows]
