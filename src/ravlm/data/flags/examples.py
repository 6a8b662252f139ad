"""The questions of each split: which photo, which wording, which answer."""

from collections.abc import Iterator, Sequence
from typing import Any

from ravlm.data.flags.facts import Country, Value
from ravlm.data.flags.names import LANGUAGES, Language
from ravlm.data.flags.photos import Picture
from ravlm.data.flags.prose import section_of
from ravlm.data.flags.questions import Kind, question
from ravlm.data.flags.seeds import generator
from ravlm.lines import ExampleLine


def training_questions(country: Country, pictures: Sequence[Picture], repeats: int, seed: int) -> Iterator[ExampleLine]:
    """Every (relation, language) of a seen country `repeats` times, each with another wording and photo."""
    rng = generator(seed, "train", country.id)
    turn = 0
    for language in LANGUAGES:
        for relation, value in country.values(language).items():
            asked = set[str]()
            for n in range(repeats):
                made = question(relation, language, "train", rng, avoid=asked)
                asked.add(made.wording)
                name = f"train-{country.alpha2.lower()}-{relation}-{language}-{n}"
                picture = pictures[turn % len(pictures)]
                turn += 7  # no relation keeps meeting the same photos
                yield _example(name, country, relation, value, language, picture, made.text, "train", seen=True)


def validation_questions(country: Country, pictures: Sequence[Picture], count: int, seed: int) -> Iterator[ExampleLine]:
    """`count` questions about a seen country, over all its relations and both languages."""
    rng = generator(seed, "val", country.id)
    asked = [(language, relation) for language in LANGUAGES for relation in country.values(language)]
    for n, i in enumerate(rng.permutation(len(asked))[:count]):
        language, relation = asked[int(i)]
        name = f"val-{country.alpha2.lower()}-{relation}-{language}"
        text = question(relation, language, "train", rng).text
        value = country.values(language)[relation]
        yield _example(name, country, relation, value, language, pictures[n % len(pictures)], text, "train", seen=True)


def test_questions(
    country: Country, pictures: Sequence[Picture], place: int, *, seen: bool, seed: int
) -> Iterator[ExampleLine]:
    """Every (relation, language) once, English twice where the country is unseen; half of them in held-out wordings.

    `place` is the country's place among all: it shifts the photos' turns, so that no relation keeps to one style.
    """
    rng = generator(seed, "test", country.id)
    turn = place
    for language in LANGUAGES:
        for number, (relation, value) in enumerate(country.values(language).items()):
            for n in range(1 if seen or language == "zh" else 2):
                wording: Kind = "heldout" if (place + number + n) % 2 else "train"
                name = f"test-{country.alpha2.lower()}-{relation}-{language}-{n}"
                text = question(relation, language, wording, rng).text
                picture = pictures[turn % len(pictures)]
                turn += 1
                yield _example(name, country, relation, value, language, picture, text, wording, seen=seen)


def caption(entry_id: str, picture: Picture, text: str) -> ExampleLine:
    """A photo of a pattern with its description: it teaches which drawing a photo is of."""
    return ExampleLine(
        id=picture.path.removeprefix("images/").removesuffix(".jpg").replace("/", "-"),
        images=[picture.path],
        kind="captions",
        captions=[text],
        entries=[entry_id],
        groups=["patterns", f"style:{picture.style}"],
    )


def group_of(*, seen: bool, language: Language) -> str:
    """The group under which questions about seen or unseen countries in a language are scored."""
    return ("seen" if seen else "unseen") + ("_zh" if language == "zh" else "")


def _example(
    name: str,
    country: Country,
    relation: str,
    value: Value,
    language: Language,
    picture: Picture,
    text: str,
    wording: Kind,
    *,
    seen: bool,
) -> ExampleLine:
    group = group_of(seen=seen, language=language)
    return ExampleLine(
        id=name,
        images=[picture.path],
        question=text,
        entries=[country.id],
        evidence=[(country.id, section_of(relation, language))],
        language=language,
        groups=[group, f"relation:{relation}", f"style:{picture.style}", f"wording:{wording}"],
        **_answer(value),
    )


def _answer(value: Value) -> dict[str, Any]:
    if value.kind == "number":
        return {"kind": "number", "value": value.number, "unit": value.unit}
    return {"kind": value.kind, value.kind: list(value.answers)}
