"""The generic sentence frames of verbs: their texts, and a verb put into one."""

import re

# The texts of frames.vrb, by number from 1; wninput(5WN) lists them.
FRAMES = (
    "Something ----s",
    "Somebody ----s",
    "It is ----ing",
    "Something is ----ing PP",
    "Something ----s something Adjective/Noun",
    "Something ----s Adjective/Noun",
    "Somebody ----s Adjective",
    "Somebody ----s something",
    "Somebody ----s somebody",
    "Something ----s somebody",
    "Something ----s something",
    "Something ----s to somebody",
    "Somebody ----s on something",
    "Somebody ----s somebody something",
    "Somebody ----s something to somebody",
    "Somebody ----s something from somebody",
    "Somebody ----s somebody with something",
    "Somebody ----s somebody of something",
    "Somebody ----s something on somebody",
    "Somebody ----s somebody PP",
    "Somebody ----s something PP",
    "Somebody ----s PP",
    "Somebody's (body part) ----s",
    "Somebody ----s somebody to INFINITIVE",
    "Somebody ----s somebody INFINITIVE",
    "Somebody ----s that CLAUSE",
    "Somebody ----s to somebody",
    "Somebody ----s to INFINITIVE",
    "Somebody ----s whether INFINITIVE",
    "Somebody ----s somebody into V-ing something",
    "Somebody ----s something with something",
    "Somebody ----s INFINITIVE",
    "Somebody ----s VERB-ing",
    "It ----s that CLAUSE",
    "Something ----s INFINITIVE",
)
_THIRD = {"be": "is", "have": "has", "do": "does", "go": "goes"}
_ING = {"be": "being", "singe": "singeing", "dye": "dyeing", "age": "aging"}
_DOUBLED = re.compile(r"[^aeiou]*[aeiou][bdglmnprt]")  # one syllable, one vowel, one consonant


def frame_text(number: int) -> str:
    """The text of a frame; a number that wninput(5WN) does not list is named.

    >>> frame_text(8), frame_text(36)
    ('Somebody ----s something', 'frame 36')
    """
    return FRAMES[number - 1] if 0 < number <= len(FRAMES) else f"frame {number}"


def with_verb(frame: str, verb: str) -> str:
    """A frame with a verb in its gap, in the form that the gap asks for.

    >>> with_verb("Somebody ----s something", "take apart"), with_verb("It is ----ing", "drizzle")
    ('Somebody takes apart something', 'It is drizzling')
    """
    first, space, rest = verb.partition(" ")
    said = frame.replace("----ing", f"{_ing(first)}{space}{rest}").replace(
        "----s", f"{_third_person(first)}{space}{rest}"
    )
    return said.replace("----", verb)


def _third_person(verb: str) -> str:
    if verb in _THIRD:
        return _THIRD[verb]
    if verb.endswith(("s", "x", "z", "ch", "sh", "o")):
        return verb + "es"
    if len(verb) > 1 and verb[-1] == "y" and verb[-2] not in "aeiou":
        return verb[:-1] + "ies"
    return verb + "s"


def _ing(verb: str) -> str:
    if verb in _ING:
        return _ING[verb]
    if verb.endswith("ie"):
        return verb[:-2] + "ying"
    if verb.endswith("e") and not verb.endswith(("ee", "oe", "ye")):
        return verb[:-1] + "ing"
    return verb + (verb[-1] if _DOUBLED.fullmatch(verb) else "") + "ing"
