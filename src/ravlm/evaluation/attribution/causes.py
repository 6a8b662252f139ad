"""The cause of every error, and of right answers that stand on nothing: worked out of a run's lines alone."""

from collections.abc import Iterator, Mapping

from ravlm.errors import FormatError
from ravlm.evaluation.attribution.leniency import excuse
from ravlm.evaluation.attribution.stating import states
from ravlm.evaluation.measures import absolute_error
from ravlm.evaluation.runs.records import AskedQuestion, Cause, EvidenceKind, Outcome, RunAnswer, RunPassage
from ravlm.grading import is_right, normalise, parse_number, parse_set
from ravlm.records import Example


def cause_of(*, right: bool, entry_read: bool, passage_read: bool, excused: bool, stands: bool) -> Cause:
    """Why a question counts as it does; "" for a right answer that stands on its evidence.

    The first that applies:

    1. wrong, but right in substance: "measure". Whatever was read, no part of the system failed.
    2. wrong, the right entry not read: "entry". What comes later had no chance.
    3. wrong, no passage read that states the answer: "passage".
    4. wrong: "reader". The answer stood before it.
    5. right, but no passage read states the answer, or it is the same without its evidence: "luck".

    A right answer needs no excuse, so `excused` says nothing there; a supporting passage is of a right entry, so that
    `entry_read` follows from `passage_read`. A wrong answer stands on nothing that matters, so `stands` says nothing.

    Args:
        right: the measure calls the answer right.
        entry_read: something of a right entry was read.
        passage_read: a passage was read that supports a right answer.
        excused: the answer is right in substance though the measure calls it wrong.
        stands: the answer changes when its evidence goes.

    >>> cause_of(right=False, entry_read=True, passage_read=False, excused=False, stands=True)
    'passage'
    """
    if right:
        return "" if passage_read and stands else "luck"
    if excused:
        return "measure"
    if passage_read:
        return "reader"
    return "passage" if entry_read else "entry"


def outcome_of(
    asked: AskedQuestion, answers: Mapping[EvidenceKind, RunAnswer], passages: Mapping[str, RunPassage]
) -> Outcome:
    """What became of a question, by its answers from each kind of evidence that the run has.

    Where a model declined, its text is a best guess. `right` grades that guess, as accuracy without abstention does;
    `abstained` is kept beside it, so that answers that were given can be judged apart. A guess that is withheld is not
    the `same` as one that is given, whatever they are.

    The cause is that of the answer from what was retrieved; a run without one has none, and neither places nor
    confidence. A run without `removed` can't tell whether the answer changes, so it stands where a supporting passage
    was read. Where an example names no entry, none can be missed.

    Args:
        asked: the question.
        answers: by kind of evidence, the answer to it.
        passages: by id, at least those that were read from what was retrieved.

    Raises:
        FormatError: a passage that was read is not among `passages`.
    """
    example, retrieved = asked.example, answers.get("retrieved")
    gold = set(example.entries)
    right = {kind: is_right(example, answer.answer) for kind, answer in answers.items()}
    same: dict[EvidenceKind, bool] = {}
    ranks: tuple[int, ...] = ()
    first, confidence = (0, 0), 0
    cause: Cause = ""
    if retrieved is not None:
        same = {k: same_answer(example, a, retrieved) for k, a in answers.items() if k != "retrieved"}
        found = dict.fromkeys(entry for entry, _ in retrieved.ranked)
        ranks = tuple(place for place, entry in enumerate(found, 1) if entry in gold)
        first = passage_rank(example, retrieved, passages)
        confidence = round(1000 * retrieved.confidence)
        entries, texts = {hit.entry for hit in retrieved.hits}, {hit.passage for hit in retrieved.hits}
        cause = cause_of(
            right=right["retrieved"],
            entry_read=bool(entries & gold) if gold else True,
            passage_read=not texts.isdisjoint(asked.support),
            excused=excuse(example, retrieved.answer, asked.names) is not None,
            stands=not same.get("removed", False),
        )
    return Outcome(
        id=example.id,
        cluster="|".join(sorted(gold)) or example.id,
        groups=example.groups,
        right=right,
        abstained={kind: answer.abstained for kind, answer in answers.items() if kind != "prior"},
        same=same,
        confidence=confidence,
        gold=len(gold),
        gold_ranks=ranks,
        passage_rank=first,
        cause=cause,
        unit=(example.unit or "") if example.kind == "number" else None,
        error={kind: off for kind, a in answers.items() if (off := absolute_error(example, a.answer)) is not None},
    )


def same_answer(example: Example, one: RunAnswer, other: RunAnswer) -> bool:
    """Whether both are given, or both are withheld, and they are equal by the rule that grades them."""
    if one.abstained != other.abstained:
        return False
    if example.kind == "number":
        numbers = [parse_number(answer.answer, example.unit) for answer in (one, other)]
        if None not in numbers:
            return numbers[0] == numbers[1]
    if example.kind == "all_of":
        return parse_set(one.answer) == parse_set(other.answer)
    return normalise(one.answer) == normalise(other.answer)


def passage_rank(example: Example, answer: RunAnswer, passages: Mapping[str, RunPassage]) -> tuple[int, int]:
    """The place, from 1, of the first passage read that states a right answer, whichever entry it is of; 0 for none.

    As a substring, and as whole words; pictures are passed over.

    Raises:
        FormatError: a passage that was read is not among `passages`.
    """
    texts = list(_texts(answer, passages))
    places = [
        next((place for place, text in enumerate(texts, 1) if states(example, text, whole_words=whole)), 0)
        for whole in (False, True)
    ]
    return places[0], places[1]


def _texts(answer: RunAnswer, passages: Mapping[str, RunPassage]) -> Iterator[str]:
    for name in dict.fromkeys(hit.passage for hit in answer.hits if hit.passage is not None):
        if name not in passages:
            raise FormatError(
                f"The answer to {answer.id!r} read the passage {name!r}, and the run has no text of it. Expected every "
                "passage that was read among the run's passages; evaluate again."
            )
        yield passages[name].text
