"""How the official VQA evaluation normalises an answer, quirks included.

The rules are those of GT-Vision-Lab/VQA, `PythonEvaluationTools/vqaEvaluation/vqaEval.py` (Agrawal et al. 2015, VQA:
Visual Question Answering, section 3); its table of contractions is data under BSD-2. lmms-eval's processor cuts words
in one more way before them.
"""

import re
from collections.abc import Iterator
from functools import lru_cache

_NUMBER_WORDS = "zero one two three four five six seven eight nine ten"
NUMBERS = {"none": "0"} | {word: str(value) for value, word in enumerate(_NUMBER_WORDS.split())}
ARTICLES = ("a", "an", "the")
PUNCTUATION = ';/[]"{}()=+\\_-><@`,?!'

_WRITTEN = """
    'twas ain't aren't can't could've couldn't couldn't've didn't doesn't don't hadn't hadn't've hasn't haven't he'd
    he'd've he's how'd how'll how's isn't it'd it'd've it'll let's ma'am might've mightn't mightn't've must've mustn't
    needn't not've o'clock oughtn't shan't she'd've she's should've shouldn't shouldn't've somebody'd've somebody'll
    somebody's someone'd someone'd've someone'll someone's something'd something'd've something'll that's there'd
    there'd've there're there's they'd they'd've they'll they're they've wasn't we'd've we've weren't what'll what're
    what's what've when's where'd where's where've who'd who'd've who'll who's who've why'll why're why's won't would've
    wouldn't wouldn't've y'all y'all'd've y'all'll you'd you'd've you'll you're you've 'ow's'at
"""
_KEPT = ("lets", "shes")  # words of their own, which the table lets be


def _contractions() -> Iterator[tuple[str, str]]:
    """Each contraction by its spellings that lack one apostrophe; the table's one slip, `somebody'd`, is kept."""
    for word in _WRITTEN.split():
        for place, character in enumerate(word):
            if character == "'" and (lacking := word[:place] + word[place + 1 :]) not in _KEPT:
                yield lacking, word
    yield "somebody'd", "somebodyd"


CONTRACTIONS = dict(_contractions())

_COMMA_IN_NUMBER = re.compile(r"\d,\d")
_COMMAS_IN_NUMBER = re.compile(r"\d,+\d")
# The official pattern begins with `(?!<=\d)`, which was meant as a look-behind and is always true.
_PERIOD = re.compile(r"\.(?!\d)")
_MOST_PERIODS = int(re.UNICODE)  # the official code gives this flag, 32, where `sub` takes the number of replacements


@lru_cache(maxsize=500_000)
def without_punctuation(text: str, many_commas: bool = False) -> str:
    """The text without punctuation: a mark goes, or becomes a space where it stands between two characters.

    Whether it goes is asked of the whole text: one mark beside a space, and each such mark in it goes; a comma within a
    number, and all marks go. Periods go where no digit follows, 32 at most. Colons and apostrophes stay.

    With `many_commas`, several commas one after the other are a comma within a number too, as in lmms-eval.

    >>> without_punctuation("black/white"), without_punctuation("black/ white/grey"), without_punctuation("1,000-ish")
    ('black white', 'black whitegrey', '1000ish')
    """
    in_number = (_COMMAS_IN_NUMBER if many_commas else _COMMA_IN_NUMBER).search(text) is not None
    kept = text
    for mark in PUNCTUATION:
        if mark in text:
            goes = in_number or f"{mark} " in text or f" {mark}" in text
            kept = kept.replace(mark, "" if goes else " ")
    return _PERIOD.sub("", kept, count=_MOST_PERIODS)


@lru_cache(maxsize=500_000)
def words_normalised(text: str) -> str:
    """In lower case, number words as digits, articles left out, contractions with their apostrophes.

    >>> words_normalised("The two dogs dont bark")
    "2 dogs don't bark"
    """
    words = (NUMBERS.get(word, word) for word in text.lower().split())
    return " ".join(CONTRACTIONS.get(word, word) for word in words if word not in ARTICLES)


def flattened(text: str) -> str:
    """Line ends and tabs as spaces, none at either end."""
    return text.replace("\n", " ").replace("\t", " ").strip()


def normalised(text: str) -> str:
    """An answer as the official evaluation compares it.

    >>> normalised("The  dog's, one-eyed!")
    "dog's 1 eyed"
    """
    return words_normalised(without_punctuation(flattened(text)))


@lru_cache(maxsize=500_000)
def processed(text: str) -> str:
    """An answer after the processor of lmms-eval (`EvalAIAnswerProcessor`, first in Pythia).

    Before the official rules it puts the text in lower case, drops commas and question marks, and parts `'s` from its
    word.

    >>> processed("The dog's 1,5?")
    "dog 's 15"
    """
    cut = text.lower().replace(",", "").replace("?", "").replace("'s", " 's").strip()
    return words_normalised(without_punctuation(flattened(cut)))
