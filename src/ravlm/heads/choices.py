"""One of some given choices, by what was read and by what is known by heart."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from ravlm.heads.read_answers import ReadAnswer, ReadAnswers
from ravlm.heads.wanted import key_of
from ravlm.records import Decoded, Wanted


def choose(
    read: ReadAnswers,
    choices: Sequence[str],
    vocabulary: Iterable[tuple[str, float]],
    *,
    readable: bool,
    temperature: float,
    threshold: float,
    count: int,
) -> Decoded:
    """The likeliest choice: p(c) = p(spans of c) + p(none of these) p(c | vocabulary), normalised over the choices.

    `read` are the answers of which each is a choice, `vocabulary` the answers known by heart with their probabilities.
    Where nothing speaks for any choice all are equally likely. It abstains there, below the threshold, and where there
    were passages to read and "none of these" is likelier than the answer's spans.
    """
    wanted = Wanted(choices=tuple(choices))
    by_heart = dict.fromkeys(choices, 0.0)
    for text, probability in vocabulary:
        if (choice := key_of(wanted, text)) is not None:
            by_heart[str(choice)] += probability
    spoken = {str(key_of(wanted, answer.text)): answer for answer in read.answers}
    said = {choice: spoken.get(choice, ReadAnswer(choice, 0.0)) for choice in choices}
    mass = {choice: answer.probability + read.none * by_heart[choice] for choice, answer in said.items()}
    whole = sum(mass.values())
    ranked = sorted(mass, key=lambda choice: (-mass[choice], choices.index(choice)))
    shares = [mass[choice] / whole if whole > 0.0 else 1.0 / len(mass) for choice in ranked]
    answers = tuple(
        replace(said[choice], text=choice, probability=mass[choice]).scaled_to(share)
        for choice, share in zip(ranked, shares, strict=True)
    )
    decoded = ReadAnswers(answers, 0.0, 0.0).tempered(temperature).decoded(threshold, count)
    unread = read.none > said[ranked[0]].probability if readable else whole <= 0.0
    return replace(decoded, abstained=decoded.abstained or unread)
