"""Captions in English and Chinese against references: the scores of `ravlm score caption`.

English is cut into tokens of the Penn Treebank, as for COCO. Of Chinese, every character is a token, as is usual; Latin
letters and digits beside each other are one.
"""

from collections.abc import Sequence

from ravlm.evaluation.official.caption import MEASURES as OFFICIAL
from ravlm.evaluation.official.caption import caption_scores as scores_of_tokens
from ravlm.evaluation.official.ptb import tokenised as penn_treebank
from ravlm.knowledge.passages import word_spans

MEASURES = tuple(name.replace("Bleu_", "BLEU-").replace("_", "-") for name in OFFICIAL)
PTB, CHARACTERS = "PTB", "characters"


def tokeniser_of(language: str) -> str:
    """The name of what cuts a language's captions into tokens here."""
    return CHARACTERS if language == "zh" else PTB


def tokenised(texts: Sequence[str], tokeniser: str) -> list[str]:
    """Each text as its tokens, in lower case, a space between them; no punctuation."""
    if tokeniser == PTB:
        return penn_treebank(texts)
    lowered = [text.lower() for text in texts]
    return [" ".join(w for a, b in word_spans(text) if (w := text[a:b])[0].isalnum()) for text in lowered]


def caption_scores(
    candidates: Sequence[str], references: Sequence[Sequence[str]], tokeniser: str
) -> tuple[dict[str, float], dict[str, list[float]]]:
    """The corpus's scores by their names, and those of each caption; `references` are those of each candidate.

    CIDEr weighs n-grams by how many candidates' references have them, and so depends on which others are scored.
    """
    cut = iter(tokenised([text for some in references for text in some], tokeniser))
    right = [[next(cut) for _ in some] for some in references]
    overall, each = scores_of_tokens(tokenised(candidates, tokeniser), right)
    names = dict(zip(MEASURES, OFFICIAL, strict=True))
    return {ours: overall[name] for ours, name in names.items()}, {ours: each[name] for ours, name in names.items()}
