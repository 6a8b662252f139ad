"""Answers to questions about images, with citations, from a model's folder; follows the knowledge as it changes."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from ravlm.encoders.pictures import stack_pictures
from ravlm.errors import QuestionError
from ravlm.heads.calibration import CalibratedHead
from ravlm.heads.candidates import CandidateHead
from ravlm.heads.wanted import ANYTHING
from ravlm.knowledge.passages import guess_language, sentence_around
from ravlm.knowledge.store import KnowledgeBase
from ravlm.model.folder import INDEX, load_model
from ravlm.model.indexes import follow
from ravlm.model.vlm import Output, RetrievalAugmentedVLM
from ravlm.records import Answer, Citation, Decoded, Hit, Piece, Wanted
from ravlm.retrieval.entity import EntityThenPassageRetriever
from ravlm.retrieval.image import ImageIndex
from ravlm.retrieval.regions import middle
from ravlm.tasks.captioning import prompt
from ravlm.tensors import Batch, Encoded, TextBatch

if TYPE_CHECKING:
    from ravlm.answering.explanation import Explanation

LONGEST_QUESTION = 2000  # characters
RANKED = 10  # entries ranked for each picture
MODALITIES = ("image", "question", "knowledge")


@dataclass(frozen=True)
class Asked:
    """A question about a picture, and the type of its answer where it is known."""

    image: Image.Image
    question: str
    language: str
    wanted: Wanted = ANYTHING


@dataclass(frozen=True)
class Found:
    """What the pictures of a batch of questions look like to the model, and what was found for each.

    `seen` and `keys` [b, v] are the visual encoder's; `ranked` are the nearest entries of each picture as (entry id,
    its nearest image id, cosine), best first; `hits` is what will be read.
    """

    seen: Encoded
    keys: Float[np.ndarray, "b v"]
    ranked: list[list[tuple[str, str, float]]]
    hits: list[list[Hit]]


class Answerer:
    """Knowledge base + retriever + reader.

    Open one from a model's folder with `Answerer.open`. The knowledge base may change at any time: `refresh` (called by
    every `ask`) notices, and only new pictures are encoded.
    """

    def __init__(
        self, model: RetrievalAugmentedVLM, knowledge: KnowledgeBase, images: ImageIndex, index: Path | None = None
    ) -> None:
        retriever = model.knowledge_retriever
        if not isinstance(retriever, EntityThenPassageRetriever):
            raise TypeError("an Answerer needs a retriever that goes from entry to passage")
        self.model = model.eval()
        self.knowledge = knowledge
        self.retriever = retriever
        self._images = images
        self._index = index

    @classmethod
    def open(cls, folder: Path, device: torch.device | None = None) -> "Answerer":
        """The answerer of a model's folder. Errors: see `ravlm.model.folder.load_model`."""
        model, knowledge, images = load_model(folder, device)
        return cls(model, knowledge, images, folder / INDEX)

    @property
    def behind(self) -> int:
        """By how many versions the knowledge base is newer than what is answered from."""
        return self.knowledge.latest() - self.knowledge.version

    def refresh(self) -> bool:
        """Move to the newest version of the knowledge base; True when it had changed."""
        self.knowledge.refresh()
        if self.knowledge.fingerprint == self._images.stamp.knowledge:
            return False
        self._images = follow(self.model, self.knowledge, self._images)
        return True

    def save_index(self) -> None:
        """Keep the picture keys for the next start, where the folder can be written."""
        if self._index is not None:
            self._images.save(self._index)

    @property
    def describes(self) -> bool:
        """Whether the model was taught to describe pictures about which nothing is asked."""
        head = self.model.output_layer
        return isinstance(head, CalibratedHead) and head.describes

    def ask(
        self,
        image: Image.Image,
        question: str | None = None,
        language: str | None = None,
        *,
        wanted: Wanted = ANYTHING,
        follow: bool = True,
    ) -> Answer:
        """Answer one question about one picture, from the newest version of the knowledge.

        Without a question the picture is described, in English where no language is given, by a model that was taught
        to.

        `wanted` is the type of the answer; output layers that read answers out of passages keep to it. With `follow`
        off, the version last refreshed to is answered from; the answer says how far it is behind.

        Raises:
            QuestionError: the question is empty or longer than `LONGEST_QUESTION` characters; or a type is wanted of a
                model that can't keep to one; or there is no question, and the model does not describe pictures.
        """
        question = self.question(question, language)
        if wanted != ANYTHING and not isinstance(self.model.output_layer, CandidateHead):
            layer = type(self.model.output_layer).__name__
            raise QuestionError(
                f"A kind of answer was asked for, and this model's output layer, a {layer}, can't keep to one: only "
                "those that read answers out of passages can (`candidates`). Ask without it."
            )
        began = time.perf_counter()
        if follow:
            self.refresh()
        refreshed = time.perf_counter()
        asked = [Asked(image, question, language or guess_language(question), wanted)]
        found = self.find(asked)
        located = time.perf_counter()
        answer = self.answer(asked, found.seen, found.hits)[0]
        now = time.perf_counter()
        timings = {"refresh": refreshed - began, "find": located - refreshed, "answer": now - located}
        return replace(answer, timings=timings, version=self.knowledge.version, behind=self.behind)

    def question(self, given: str | None, language: str | None = None) -> str:
        """What is asked: the given question, or the prompt to describe the picture. Errors: see `ask`."""
        if given is not None:
            return check_question(given)
        if not self.describes:
            raise QuestionError(
                "There is no question, and this model was not taught to describe pictures. Ask something about the "
                "picture, or train a model with captions: configs/captions.toml shows how."
            )
        return prompt(language or "en")

    def explain(
        self,
        image: Image.Image,
        question: str | None = None,
        language: str | None = None,
        *,
        wanted: Wanted = ANYTHING,
        follow: bool = True,
    ) -> "Explanation":
        """Answer as `ask` does, and measure what the answer stands on; see `ravlm.answering.explain.explain`."""
        from ravlm.answering.explain import explain

        return explain(self, image, self.question(question, language), language, wanted=wanted, follow=follow)

    @torch.no_grad()
    def look(self, views: Iterable[Image.Image]) -> Encoded:
        """What the visual encoder makes of the parts of pictures that are compared: see `regions.middle`."""
        pixels = stack_pictures([self.model.visual_encoder.preprocess(view) for view in views])
        return self.model.visual_encoder(pixels.to(self.device))

    @torch.no_grad()
    def find(self, asked: Sequence[Asked], seen: Encoded | None = None) -> Found:
        """Look at the pictures and find what to read, in the version of the base last refreshed to.

        With `seen`, what `look` made of them or of what stands in for them, they are not looked at.
        """
        seen = seen or self.look(middle(a.image) for a in asked)
        language = self.model.language_encoder(self._texts(asked)) if self.retriever.reads_question else None
        keys = self.retriever.query_keys(seen, language)
        ranked = self.retriever.images.search(keys, RANKED)
        hits = [
            self.retriever.read(row[: self.retriever.entries], a.question, a.language)
            for row, a in zip(ranked, asked, strict=True)
        ]
        return Found(seen, keys, ranked, hits)

    def _texts(self, asked: Sequence[Asked]) -> TextBatch:
        return self.model.language_encoder.tokenize([a.question for a in asked]).to(self.device)

    def pieces(self, asked: Asked) -> tuple[Piece, ...]:
        """What `find` compares with the knowledge: the middle of the picture with pictures, the question with passages.

        The weights are the gains that the model has learnt for the two.
        """
        eye, words = float(self.retriever.log_scale.detach().exp()), float(self.retriever.text_gain.detach())
        return (
            Piece("region", weight=eye, image=middle(asked.image), origin="middle"),
            Piece("question", weight=words, text=asked.question),
        )

    @torch.no_grad()
    def read(self, asked: Sequence[Asked], seen: Encoded, hits: Sequence[Sequence[Hit]]) -> Output:
        """What the model makes of a batch of questions, not decoded yet; see `answer`."""
        batch = Batch(
            images=torch.zeros(len(asked), 3, 0, 0, device=self.device),
            texts=self._texts(asked),
            questions=[a.question for a in asked],
            languages=[a.language for a in asked],
            seen=seen,
            wanted=[a.wanted for a in asked],
        )
        output: Output = self.model(batch, hits)
        return output

    @torch.no_grad()
    def answer(self, asked: Sequence[Asked], seen: Encoded, hits: Sequence[Sequence[Hit]]) -> list[Answer]:
        """Answer a batch of questions from these hits (an empty row: without evidence).

        `seen` is what the visual encoder made of the pictures: see `find`.
        """
        output = self.read(asked, seen, hits)
        decoded = self.model.decode(output)
        weights = output.fused.weights
        return [self._answer(decoded[i], hits[i], output, i, weights) for i in range(len(asked))]

    @property
    def device(self) -> torch.device:
        """Where the model computes."""
        return self.retriever.log_scale.device

    def _answer(
        self, decoded: Decoded, hits: Sequence[Hit], output: Output, row: int, weights: Tensor | None
    ) -> Answer:
        citations = []
        for support in decoded.support:
            passage = output.knowledge.passages[row][support.hit]
            if passage is None:
                continue
            citations.append(
                Citation(
                    entry_id=passage.entry_id,
                    title=self.knowledge.get(passage.entry_id).title,
                    passage_id=passage.id,
                    section=passage.section,
                    text=passage.text,
                    span=support.span,
                    sentence=sentence_around(passage.text, support.span),
                    image_id=hits[support.hit].image_id,
                    probability=support.probability,
                )
            )
        named = {} if weights is None else dict(zip(MODALITIES, weights[row].tolist(), strict=True))
        return Answer(
            text=decoded.text,
            confidence=decoded.confidence,
            abstained=decoded.abstained,
            citations=tuple(citations),
            hits=tuple(hits),
            alternatives=decoded.alternatives,
            interval=decoded.interval,
            weights=named,
        )


def check_question(question: str) -> str:
    """The question without surrounding space.

    Raises:
        QuestionError: it is empty or too long.
    """
    stripped = question.strip()
    if not stripped:
        raise QuestionError('The question is empty. Ask something about the picture, in quotes: "What is ...?"')
    if len(stripped) > LONGEST_QUESTION:
        raise QuestionError(
            f"The question has {len(stripped):,} characters; at most {LONGEST_QUESTION:,} are read. Shorten it."
        )
    return stripped
