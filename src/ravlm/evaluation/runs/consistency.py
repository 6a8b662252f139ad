"""Whether a run's lines fit one another: what each kind of evidence may have read, and what no line can say."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

from ravlm.evaluation.runs.folder import Run, answers_file
from ravlm.evaluation.runs.records import AskedQuestion, EvidenceKind, ReadHit, RunAnswer, RunPassage
from ravlm.grading import normalise

_HASH = frozenset("0123456789abcdef")
_NEAR = 1e-6  # of rounding, in a sum of probabilities
Faults = Iterator[str]


def line_faults(run: Run) -> Faults:
    """Every fault of the lines, each with its file and id."""
    yield from (f"questions.jsonl: {fault}" for fault in _questions(run))
    yield from (f"passages.jsonl: {fault}" for fault in _passages(run))
    for kind, answers in run.answers.items():
        for answer in answers:
            faults = [*_numbers(answer), *_citations(answer, run.passages), *_hits(answer, run.passages)]
            if kind != "retrieved" and (answer.pieces or answer.ranked):
                faults.append("a query stands where only answers from what was retrieved have one")
            yield from (f"{answers_file(kind)}: {answer.id}: {fault}" for fault in faults)
    for i, asked in enumerate(run.questions):
        given = {kind: lines[i] for kind, lines in run.answers.items() if i < len(lines)}
        for kind, fault in evidence_faults(asked, given):
            yield f"{answers_file(kind)}: {asked.example.id}: {fault}"


def evidence_faults(
    asked: AskedQuestion, answers: Mapping[EvidenceKind, RunAnswer]
) -> Iterator[tuple[EvidenceKind, str]]:
    """What was read under each kind of evidence that the kind does not allow; see `evidence.hits_of`."""
    gold, support = set(asked.example.entries), set(asked.support)
    read = {kind: answer.hits for kind, answer in answers.items()}
    for kind in ("prior", "none"):
        if read.get(kind):
            yield kind, "something was read, and this is without evidence"
    if "oracle" in read:
        if {hit.entry for hit in read["oracle"]} - gold:
            yield "oracle", "an entry was read that is not a right one"
        elif gold and support and not support & {hit.passage for hit in read["oracle"]}:
            yield "oracle", "no supporting passage was read, and there is one"
    if "retrieved" not in answers:
        return
    ranked, found = [entry for entry, _ in answers["retrieved"].ranked], read["retrieved"]
    entries = list(dict.fromkeys(hit.entry for hit in found))
    if entries != [entry for entry in ranked if entry in set(entries)]:
        yield "retrieved", "what was read is not of the entries that were ranked, in their order"
    if "removed" in read and _places(read["removed"]) != _places([hit for hit in found if hit.passage not in support]):
        yield "removed", "what was read is not what was retrieved without the supporting passages"
    if "wrong" in read:
        first = next((entry for entry in ranked if gold and entry not in gold), None)
        if {hit.entry for hit in read["wrong"]} - {first}:
            yield "wrong", "an entry was read that is not the wrong one that was ranked highest"


def _places(hits: Sequence[ReadHit]) -> list[tuple[str, str | None]]:
    return [(hit.entry, hit.passage) for hit in hits]


def _questions(run: Run) -> Faults:
    photos: dict[str, str] = {}
    within = set(run.about["dataset"]["groups"])
    for asked in run.questions:
        name, path = asked.example.id, asked.example.images[0] if asked.example.images else ""
        if len(asked.photo) != 64 or not _HASH.issuperset(asked.photo):
            yield f"{name}: {asked.photo!r} is no SHA-256 of a photo"
        elif photos.setdefault(path, asked.photo) != asked.photo:
            yield f"{name}: the photo {path!r} has another SHA-256 in another question"
        if within and not within & set(asked.example.groups):
            yield f"{name}: it is in none of the groups that were asked"


def _passages(run: Run) -> Faults:
    titles: dict[str, str] = {}
    used = {name for asked in run.questions for name in asked.support}
    used |= {
        hit.passage for answers in run.answers.values() for answer in answers for hit in answer.hits if hit.passage
    }
    for name, passage in run.passages.items():
        if titles.setdefault(passage.entry, passage.title) != passage.title:
            yield f"{name}: its entry has another title in another passage"
        if name not in used:
            yield f"{name}: no answer read it, and it supports none"


def _numbers(answer: RunAnswer) -> Faults:
    """Numbers that can't be: probabilities outside [0, 1], rankings that rise."""
    shares = [answer.confidence, *(cited.probability for cited in answer.citations)]
    if not all(0 <= share <= 1 for share in shares):
        yield "a probability is outside 0 to 1"
    others = [probability for _, probability in answer.alternatives]
    if (
        any(not 0 <= p <= 1 + _NEAR for p in others)
        or sum(others) > 1 + _NEAR
        or any(a < b for a, b in pairwise(others))
    ):
        yield "the probabilities of its alternatives are none, or do not fall"
    if answer.alternatives and normalise(answer.alternatives[0][0]) != normalise(answer.answer):
        yield f"the first of its alternatives is {answer.alternatives[0][0]!r}, but it answers {answer.answer!r}"
    if any(a < b for (_, a), (_, b) in pairwise(answer.ranked)):
        yield "the scores of the entries that were found do not fall"
    if len({entry for entry, _ in answer.ranked}) < len(answer.ranked):
        yield "an entry was found twice"
    if any(seconds < 0 for seconds in answer.timings.values()):
        yield "it took less than no time"


def _citations(answer: RunAnswer, passages: Mapping[str, RunPassage]) -> Faults:
    read = {hit.passage for hit in answer.hits}
    for citation in answer.citations:
        if citation.passage not in read or citation.passage not in passages:
            yield f"it cites {citation.passage!r}, which was not read"
            continue
        text, (start, end) = passages[citation.passage].text, citation.span
        if not 0 <= start < end <= len(text):
            yield f"it cites characters {start} to {end} of a passage that has {len(text):,}"
        elif normalise(text[start:end]) != normalise(answer.answer):
            yield f"it cites {text[start:end]!r}, but answers {answer.answer!r}"


def _hits(answer: RunAnswer, passages: Mapping[str, RunPassage]) -> Faults:
    for hit in answer.hits:
        if (hit.passage is None) == (hit.image is None):
            yield f"a hit of entry {hit.entry!r} is not either a passage or a picture"
        elif hit.passage is not None and (hit.passage not in passages or passages[hit.passage].entry != hit.entry):
            yield f"the hit {hit.passage!r} of entry {hit.entry!r} is in no passage of the run"
