"""Short texts about the country of a picture: a sentence of its article that states something."""

from collections.abc import Iterator, Sequence

import numpy as np

from ravlm.data.flags.examples import group_of
from ravlm.data.flags.facts import Country
from ravlm.data.flags.names import LANGUAGES, Language
from ravlm.data.flags.photos import Picture
from ravlm.data.flags.prose import Prose
from ravlm.data.flags.questions import Kind, subject
from ravlm.data.flags.seeds import generator
from ravlm.lines import ExampleLine

Articles = dict[Language, list[Prose]]

# {c} is the country, {t} what the section of the article is about.
_WORDINGS: dict[Language, dict[Kind, list[str]]] = {
    "en": {
        "train": [
            "Write a sentence about {c}: {t}.",
            "Tell something about {c}, under the heading {t}.",
            "A sentence on {t}, about {c}, please.",
            "What would a caption say of {c} under {t}?",
            "In one sentence, describe {c}: {t}.",
        ],
        "heldout": ["Say something about {c}, namely on {t}.", "{t}: one sentence about {c}."],
    },
    "zh": {
        "train": [
            "用一句话介绍{c}：{t}。",
            "请写一句关于{c}的话，主题是{t}。",
            "关于{t}，{c}有什么可说的？",
            "以{t}为题，写一句介绍{c}的话。",
            "就{t}说一说{c}。",
        ],
        "heldout": ["请就{t}用一句话描述{c}。", "{t}：介绍一下{c}。"],
    },
}


def texts_about(
    country: Country,
    articles: Articles,
    pictures: Sequence[Picture],
    split: str,
    *,
    place: int,
    repeats: int,
    seen: bool,
    seed: int,
) -> Iterator[ExampleLine]:
    """A text about each section of the country's article that states something, in each language, `repeats` times.

    Every sentence that states a fact is a right text: those that could be said of any country are none. Test texts are
    asked for in held-out wordings every other time.

    Args:
        country: that the pictures show.
        articles: the country's, by language.
        pictures: that are asked about in turn.
        split: whose texts these are.
        place: the country's among all, at which the turns begin.
        repeats: how often each is asked for.
        seen: whether training has the country.
        seed: decides the wordings.
    """
    rng = generator(seed, f"{split}-texts", country.id)
    turn = place
    for language in LANGUAGES:
        for number, prose in enumerate(articles[language]):
            for n in range(repeats if prose.stating else 0):
                wording: Kind = "heldout" if split == "test" and (place + number + n) % 2 else "train"
                picture = pictures[turn % len(pictures)]
                turn += 1
                yield ExampleLine(
                    id=f"{split}-{country.alpha2.lower()}-text-{number}-{language}-{n}",
                    images=[picture.path],
                    question=_asked(prose.title, language, wording, rng),
                    kind="answers",
                    answers=list(prose.stating),
                    entries=[country.id],
                    evidence=[(country.id, prose.title)],
                    language=language,
                    groups=[
                        group_of(seen=seen, language=language),
                        f"relation:text-{number}",
                        f"style:{picture.style}",
                        f"wording:{wording}",
                    ],
                )


def _asked(title: str, language: Language, wording: Kind, rng: np.random.Generator) -> str:
    choices = _WORDINGS[language][wording]
    asked = choices[int(rng.integers(len(choices)))].format(c=subject(language, rng), t=title.lower())
    return asked[0].upper() + asked[1:]
