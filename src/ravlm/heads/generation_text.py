"""The decoder's tokens: texts become ids, and ids clean text again, copied words as they stand in their passage."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from tokenizers import Tokenizer
from tokenizers.decoders import WordPiece

_KEPT = 20_000  # texts whose tokens are kept
_WIDE = re.compile(r"[\u3000-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff00-\uffef]")
_CLOSING, _OPENING, _INNER = frozenset(",.;:!?%)]}’”"), frozenset("([{‘“"), frozenset("-/'’")


@dataclass(frozen=True)
class Source:
    """Where a token was copied from: `hit` is the place in its row, [`start`, `stop`) its characters in `passage`."""

    hit: int
    passage: str
    start: int
    stop: int

    @property
    def text(self) -> str:
        """The token as it stands there."""
        return self.passage[self.start : self.stop]


class AnswerTokenizer:
    """A tokeniser with the three marks that a decoder needs beside the tokens of texts.

    The ids of `start`, `end` and `pad` are three new ones behind the tokeniser's own, unless they are given: a GPT-2
    has one mark for all three.

    Args:
        tokenizer: of the `tokenizers` library; of one of transformers, its `backend_tokenizer`.
        mark: the id of the one token that begins, ends and fills texts, where the decoder was trained with one.
    """

    def __init__(self, tokenizer: Tokenizer, *, mark: int | None = None) -> None:
        own = int(tokenizer.get_vocab_size())
        self.tokenizer = Tokenizer.from_str(tokenizer.to_str())  # transformers sets and leaves both of these in its own
        self.tokenizer.no_truncation()
        self.tokenizer.no_padding()
        self.start, self.end, self.pad = (own, own + 1, own + 2) if mark is None else (mark, mark, mark)
        self.size = own + 3 if mark is None else own
        unknown = getattr(tokenizer.model, "unk_token", None)
        self._keeps_spaces = tokenizer.decoder is not None and not isinstance(tokenizer.decoder, WordPiece)
        self._unknown = None if unknown is None else tokenizer.token_to_id(unknown)
        self._kept: dict[str, tuple[list[int], list[tuple[int, int]]]] = {}

    def encode(self, text: str) -> list[int]:
        """The ids of a text; what the tokeniser does not know is left out, for nobody could say it."""
        return [i for i in self.places(text)[0] if i != self._unknown]

    def places(self, text: str) -> tuple[list[int], list[tuple[int, int]]]:
        """The ids of a text and each one's half-open range of characters, white space at its ends not counted."""
        if text not in self._kept:
            if len(self._kept) >= _KEPT:
                self._kept.clear()
            read = self.tokenizer.encode(text, add_special_tokens=False)
            self._kept[text] = (list(read.ids), [_trimmed(text, a, b) for a, b in read.offsets])
        return self._kept[text]

    def text(self, ids: Sequence[int], sources: Sequence[Source | None]) -> str:
        """Ids as text: what was copied is cut out of its passage, spaces included where neighbours stood there so.

        All else is the tokeniser's own text. One that keeps no spaces puts them between all words; those between
        Chinese characters and around punctuation are taken away again. A token that the tokeniser does not know has a
        text only where it was copied.
        """
        written, before = "", ""
        last: Source | None = None
        for n, source in enumerate(sources, start=1):
            if source is None and self._keeps_spaces and n < len(sources) and sources[n] is None:
                continue  # read with the next: a letter may be several tokens
            whole = str(self.tokenizer.decode(list(ids[:n])))
            added = whole.removeprefix(before)
            if source is not None and last is not None and _follows(last, source):
                written += source.passage[last.stop : source.stop]
            else:
                word = added.lstrip() if source is None else source.text
                apart = added[:1].isspace() if added or source is None else not self._keeps_spaces
                written += f" {word}" if apart and (self._keeps_spaces or _apart(written, word)) else word
            last, before = source, whole
        return written.strip()


def _follows(last: Source, source: Source) -> bool:
    """Whether a token stands right behind another one, but for white space."""
    between = source.passage[last.stop : source.start]
    return last.hit == source.hit and last.stop <= source.start and not between.strip()


def _apart(before: str, word: str) -> bool:
    """Whether a space belongs between a text and the word behind it."""
    if not before or not word:
        return False
    left, right = before[-1], word[0]
    if _WIDE.match(left) or _WIDE.match(right) or right in _CLOSING | _INNER or left in _OPENING | _INNER:
        return False
    grouped = left in ",." and before[-2:-1].isdigit() and right.isdigit()  # a number, as the tokeniser parts it
    return not grouped


def _trimmed(text: str, start: int, stop: int) -> tuple[int, int]:
    """A range without the white space that byte-level tokenisers take along."""
    inside = text[start:stop]
    first = start + len(inside) - len(inside.lstrip())
    return first, max(start + len(inside.rstrip()), first)
