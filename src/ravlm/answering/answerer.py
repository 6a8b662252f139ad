"""Answers to questions about images, with citations, from a model's folder; follows the knowledge as it changes."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import torch
from PIL import Image
from torch import Tensor

from ravlm.encoders.pictures import stack_pictures
from ravlm.errors import QuestionError
from ravlm.knowledge.passages import guess_language, sentence_around
from ravlm.knowledge.store import KnowledgeBase
from ravlm.model.folder import INDEX, load_model
from ravlm.model.indexes import follow
from ravlm.model.vlm import Output, RetrievalAugmentedVLM
from ravlm.records import Answer, Citation, Decoded, Hit
from ravlm.retrieval.entity import EntityThenPassageRetriever
from ravlm.retrieval.image import ImageIndex
from ravlm.retrieval.regions import middle
from ravlm.tensors import Batch

LONGEST_QUESTION = 2000  # characters
RANKED = 10  # entries ranked for each picture
MODALITIES = ("image", "question", "knowledge")
Evidence = Literal["retrieved", "none", "oracle"]


@dataclass(frozen=True)
class Asked:
    """A question about a picture. `entries` are the right ones, for evidence `oracle` alone."""

    image: Image.Image
    question: str
    language: str
    entries: tuple[str, ...] = ()


@dataclass(frozen=True)
class Answered:
    """An answer, the entries its picture found (best first), and the model's output for whoever looks closer."""

    answer: Answer
    ranked: tuple[str, ...]
    output: Output
    row: int


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

    def ask(self, image: Image.Image, question: str, language: str | None = None, *, follow: bool = True) -> Answer:
        """Answer one question about one picture, from the newest version of the knowledge.

        With `follow` off, the version last refreshed to is answered from; the answer says how far it is behind.

        Raises:
            QuestionError: the question is empty or longer than `LONGEST_QUESTION` characters.
        """
        question = check_question(question)
        began = time.perf_counter()
        if follow:
            self.refresh()
        refreshed = time.perf_counter()
        answered = self.answer([Asked(image, question, language or guess_language(question))])[0].answer
        now = time.perf_counter()
        timings = {"refresh": refreshed - began, "answer": now - refreshed}
        return replace(answered, timings=timings, version=self.knowledge.version, behind=self.behind)

    @torch.no_grad()
    def answer(
        self, asked: Sequence[Asked], evidence: Evidence = "retrieved", without: str | None = None
    ) -> list[Answered]:
        """Answer a batch of questions from the version of the knowledge base last refreshed to.

        `without` takes one of `MODALITIES` away: the picture becomes plain grey, the question empty, or nothing is
        retrieved.
        """
        device = self.retriever.log_scale.device
        questions = ["" if without == "question" else a.question for a in asked]
        batch = Batch(
            images=self._pixels([a.image for a in asked], grey=without == "image").to(device),
            texts=self.model.language_encoder.tokenize(questions).to(device),
            questions=questions,
            languages=[a.language for a in asked],
        )
        seen = self.model.visual_encoder(batch.images)
        queries = self.retriever.query_keys(seen)
        ranked = self.retriever.images.search(queries, RANKED)
        hits: list[list[Hit]] = [[] for _ in asked]
        if evidence != "none" and without != "knowledge":
            chosen = [row[: self.retriever.entries] for row in ranked]
            if evidence == "oracle":
                chosen = [
                    [self.retriever.images.compare(query, entry_id) for entry_id in a.entries]
                    for query, a in zip(queries, asked, strict=True)
                ]
            rows = zip(chosen, batch.questions, batch.languages, strict=True)
            hits = [self.retriever.read(entries, question, language) for entries, question, language in rows]
        output = self.model(replace(batch, seen=seen), hits)
        decoded = self.model.decode(output)
        weights = output.fused.weights
        return [
            Answered(
                self._answer(decoded[i], hits[i], output, i, weights),
                tuple(entry_id for entry_id, _, _ in ranked[i]),
                output,
                i,
            )
            for i in range(len(asked))
        ]

    def _pixels(self, images: Sequence[Image.Image], *, grey: bool) -> Tensor:
        pixels = stack_pictures([self.model.visual_encoder.preprocess(middle(image)) for image in images])
        return torch.full_like(pixels, 127) if grey else pixels

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
