"""The table of the official scores, made of the committed results."""

from collections.abc import Mapping
from typing import Any

from cells import markdown, share, times


def scoring_table(results: Mapping[str, Any], language: str) -> str:
    """How fast the scores are beside the official Python, and what the commonest answers score on OK-VQA."""
    vqa, captions, okvqa = results["vqa"], results["captions"], results["okvqa"]
    rows = [
        [f"VQA accuracy of {vqa['n']:,} predictions", times(vqa["times as fast"])],
        [
            f"{captions['n']:,} captions, {captions['references']:,} references: tokens and scores",
            times(captions["times as fast"]),
        ],
        ["... tokens alone", times(captions["official"]["tokens"] / captions["ours"]["tokens"])],
        ["... BLEU, ROUGE-L and CIDEr alone", times(captions["official"]["scores"] / captions["ours"]["scores"])],
    ]
    asked = okvqa["questions"]
    prior = [
        [f"always *{okvqa['answer']}*", share(okvqa["the commonest answer"])],
        ["by the first two words of the question", share(okvqa["the commonest answer by the first two words"])],
    ]
    about = (
        "One run, one core, same texts. Of VQA the other side is a plain transcription of the official rule, of "
        "captions `pycocoevalcap` with its tokeniser in Java. "
        f"{captions['tokens apart']:,} captions were cut otherwise."
    )
    baselines = (
        f"OK-VQA: the commonest answer of {asked['train']:,} questions of training on {asked['testdev']:,} of the "
        "test, by the soft scores of its answers:"
    )
    return (
        markdown(["times as fast as the official Python", ""], rows)
        + f"\n\n{about}\n\n{baselines}\n\n"
        + markdown(["answer", "accuracy"], prior)
    )
