"""Captioning: what is said in place of a question, and which pictures are similar to one that is described."""

from collections.abc import Collection, Iterable
from dataclasses import replace

from ravlm.records import Example

_PROMPTS = {"en": "Describe this picture.", "zh": "描述这张图片。"}


def prompt(language: str) -> str:
    """What a model is asked where nothing is, so that it knows in which language to describe a picture.

    >>> prompt("zh-TW"), prompt("fr")
    ('描述这张图片。', 'Describe this picture in fr.')
    """
    return _PROMPTS.get(language.partition("-")[0]) or f"Describe this picture in {language}."


def prompted(example: Example) -> Example:
    """The example, with the prompt of its language where it has no question."""
    return example if example.question is not None else replace(example, question=prompt(example.language))


def similar(example: Example, nearest: Iterable[str], owners: Collection[str]) -> list[str]:
    """The entries whose captions are evidence for a caption that is to be learned: those of similar pictures alone.

    What is found for a picture that training knows is its own entry, where its caption stands: with it a model would
    learn to copy and nothing else. So entries that the example names are left out, and `owners`, those that show the
    very same picture.
    """
    own = {*example.entries, *owners}
    return [entry_id for entry_id in nearest if entry_id not in own]
