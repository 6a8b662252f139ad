"""Captions against references: BLEU, ROUGE-L and CIDEr as pycocoevalcap computes them.

English is cut into tokens by its PTB tokeniser (Stanford CoreNLP 3.4.1), as for COCO; that needs Java, and without it a
plain rule takes its place: words of letters and digits in lower case. Of Chinese, every character is a token, as is
usual; Latin letters and digits beside each other are one.
"""

import re
import shutil
from collections.abc import Mapping, Sequence

from pycocoevalcap.bleu.bleu import Bleu
from pycocoevalcap.cider.cider import Cider
from pycocoevalcap.rouge.rouge import Rouge
from pycocoevalcap.tokenizer.ptbtokenizer import PTBTokenizer

from ravlm.knowledge.passages import word_spans

MEASURES = ("BLEU-1", "BLEU-2", "BLEU-3", "BLEU-4", "ROUGE-L", "CIDEr")
PTB, PLAIN, CHARACTERS = "PTB", "words in lower case", "characters"
_WORD = re.compile(r"\w+(?:['’-]\w+)*")  # with what joins its parts
_NOTHING = "."  # a text of no token: the tokeniser would pass over an empty line at the end


def tokeniser_of(language: str) -> str:
    """The name of what cuts a language's captions into tokens here."""
    if language == "zh":
        return CHARACTERS
    return PTB if shutil.which("java") else PLAIN


def tokenised(texts: Sequence[str], tokeniser: str) -> list[str]:
    """Each text as its tokens, in lower case, a space between them; no punctuation."""
    if tokeniser == PTB:
        lines = PTBTokenizer().tokenize({i: [{"caption": text.strip() or _NOTHING}] for i, text in enumerate(texts)})
        return [lines[i][0] for i in range(len(texts))]
    lowered = [text.lower() for text in texts]
    if tokeniser == PLAIN:
        return [" ".join(_WORD.findall(text)) for text in lowered]
    return [" ".join(w for a, b in word_spans(text) if (w := text[a:b])[0].isalnum()) for text in lowered]


def caption_scores(candidates: Sequence[str], references: Sequence[Sequence[str]], tokeniser: str) -> dict[str, float]:
    """The corpus's scores by their names; `references` are those of each candidate.

    CIDEr weighs n-grams by how many candidates' references have them, and so depends on which others are scored.
    """
    owners = [i for i, some in enumerate(references) for _ in some]
    cut = tokenised([*candidates, *(text for some in references for text in some)], tokeniser)
    said: Mapping[int, list[str]] = {i: [text] for i, text in enumerate(cut[: len(candidates)])}
    right: dict[int, list[str]] = {i: [] for i in said}
    for owner, text in zip(owners, cut[len(candidates) :], strict=True):
        right[owner].append(text)
    bleu, _ = Bleu(4).compute_score(right, said, verbose=0)
    rouge, _ = Rouge().compute_score(right, said)
    cider, _ = Cider().compute_score(right, said)
    return dict(zip(MEASURES, map(float, (*bleu, rouge, cider)), strict=True))
