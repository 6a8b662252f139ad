"""What the lines of WNDB say in short: file numbers, sense keys, glosses.

Told by lexnames(5WN), senseidx(5WN) and wndb(5WN).
"""

import re
from collections.abc import Sequence

TYPE_NUMBERS = {"n": 1, "v": 2, "a": 3, "r": 4, "s": 5}
_LEXNAMES = (
    "adj.all adj.pert adv.all noun.Tops noun.act noun.animal noun.artifact noun.attribute noun.body noun.cognition "
    "noun.communication noun.event noun.feeling noun.food noun.group noun.location noun.motive noun.object noun.person "
    "noun.phenomenon noun.plant noun.possession noun.process noun.quantity noun.relation noun.shape noun.state "
    "noun.substance noun.time verb.body verb.change verb.cognition verb.communication verb.competition "
    "verb.consumption verb.contact verb.creation verb.emotion verb.motion verb.perception verb.possession verb.social "
    "verb.stative verb.weather adj.ppl"
)
LEXNAMES = tuple(_LEXNAMES.split())


def lexname(number: int) -> str:
    """The name of a lexicographer file; a number that lexnames(5WN) does not list stays a number.

    >>> lexname(5), lexname(51)
    ('noun.animal', '51')
    """
    return LEXNAMES[number] if 0 <= number < len(LEXNAMES) else f"{number:02d}"


def sense_key(word: str, ss_type: str, file: int, lex_id: int, head: tuple[str, int] | None = None) -> str:
    """The key that names a word's sense in all versions of WordNet.

    Args:
        word: the word, with spaces.
        ss_type: n, v, a, s, r.
        file: the number of the lexicographer file.
        lex_id: what tells senses of the word in that file apart.
        head: of an adjective satellite, the first word of the synset it belongs to, with its lex_id. The word keeps
            its marker, as in `aghast%5:00:00:afraid(p):00`; senseidx(5WN) does not say so, cntlist.rev does.

    >>> sense_key("domestic dog", "n", 5, 0), sense_key("bad", "s", 0, 1, ("unfavorable", 2))
    ('domestic_dog%1:05:00::', 'bad%5:00:01:unfavorable:02')
    """
    tail = f"{_key_word(head[0])}:{head[1]:02d}" if head else ":"
    return f"{_key_word(word)}%{TYPE_NUMBERS[ss_type]}:{file:02d}:{lex_id:02d}:{tail}"


def stated_key(made: str, stated: Sequence[str]) -> str:
    """The key that index.sense states for the sense of a made key, else the made one."""
    if not stated or made in stated:
        return made
    word = made.rpartition("%")[0]
    return next((key for key in stated if key.rpartition("%")[0] == word), made)


def _key_word(word: str) -> str:
    return word.replace(" ", "_").lower()


def split_gloss(gloss: str) -> tuple[str, list[str]]:
    """A gloss as its definition and its examples, which begin with the first part in quotation marks after a `;`.

    >>> split_gloss('a tame wolf (see "wolf"); barks; "the dog barked; it ran"; "good dog"')
    ('a tame wolf (see "wolf"); barks', ['"the dog barked; it ran"', '"good dog"'])
    """
    if '"' not in gloss:
        return gloss.strip("; "), []
    parts, quoted = [""], False
    for piece in re.split(r'([;"])', gloss):
        quoted ^= piece == '"'
        if piece == ";" and not quoted:
            parts.append("")
        else:
            parts[-1] += piece
    parts = [part.strip() for part in parts if part.strip()]
    first = next((place for place, part in enumerate(parts) if part.startswith('"')), len(parts))
    return "; ".join(parts[:first]), parts[first:]
