"""Stage three: retriever and reader learn together, from answers."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Generator, Tensor, nn

from ravlm.device import in_float32
from ravlm.errors import TrainingError
from ravlm.heads.calibration import calibrated
from ravlm.model.vlm import RetrievalAugmentedVLM
from ravlm.records import Example, Hit
from ravlm.retrieval.entity import EntityThenPassageRetriever
from ravlm.retrieval.image import ImageIndex
from ravlm.tasks.teaching import finder_for
from ravlm.tensors import Batch, Encoded, Fused, Knowledge, TextBatch
from ravlm.training.augment import view
from ravlm.training.config import JointConfig
from ravlm.training.loop import Stage
from ravlm.training.losses import (
    attention_distillation,
    likelihood_distillation,
    marginal_likelihood,
    relevance_contrast,
)
from ravlm.training.optim import keep_statistics, learning, trainable
from ravlm.training.questions import QuestionReader
from ravlm.training.read import Reading, eye_learns, question_batch, sample_groups
from ravlm.training.relevance import Relevance
from ravlm.training.validation import ValidationQuestions

_STRENGTH = 0.7  # of the views of photos, where the eye learns: as in matching


@dataclass(frozen=True)
class Asked:
    """A batch of questions and what was found for them.

    `scores` [b, e] are those of all entries that have a picture, inside the graph; `entries` [b, k] are the places of
    those that a question is read from, and `hits` holds, for each question, the hits of each of these. `whole` is the
    size of the batch, of which these are one process's rows.
    """

    batch: Batch
    visual: Encoded
    language: Encoded
    examples: Sequence[Example]
    scores: Float[Tensor, "b e"]
    entries: Int[Tensor, "b k"]
    hits: Sequence[Sequence[Sequence[Hit]]]
    whole: int

    @property
    def of_entries(self) -> Float[Tensor, "b k"]:
        """The scores of the entries that are read."""
        return self.scores.gather(1, self.entries)


class JointStage(Stage):
    """Train the query side together with the reader, on what the retriever finds at every step.

    What can be found is all of the base, or where the settings say so only what is right for some question: an entry
    that never is right is learned to be wrong for all.

    The keys of the index stand still; where the eye learns they are made anew every `refresh` steps, so that which
    weights they come from depends on the step alone: `follow` makes the index anew. The eye learns where the settings
    give it a rate.
    """

    name, title = "joint", "learning to retrieve and read together"
    settings: JointConfig

    def __init__(
        self,
        *,
        model: RetrievalAugmentedVLM,
        retriever: EntityThenPassageRetriever,
        reading: Reading,
        settings: JointConfig,
        follow: Callable[[], object] = lambda: None,
        validation: ValidationQuestions | None = None,
    ) -> None:
        self.settings = settings
        self._model, self._retriever, self._reading = model, retriever, reading
        self._follow, self._questions = follow, validation
        self._groups = reading.groups()
        self._reader = QuestionReader(model.language_encoder, retriever.log_scale.device)
        self._head = calibrated(model.output_layer)
        self._finder = finder_for(self._head)
        query = [retriever.query] if retriever.query is not None else []
        gains = nn.ParameterList([retriever.log_scale, retriever.text_gain])
        self._looks = eye_learns(settings) and bool(learning(model.visual_encoder))
        encoders = {"visual": learning(model.visual_encoder) if self._looks else []}
        encoders |= {"language": learning(model.language_encoder)}
        parts = {name: part for name, found in encoders.items() for part in found}
        parts |= {"fusion": trainable(model.fusion_module), "output": trainable(model.output_layer)}
        self.parts = nn.ModuleDict({**parts, "retriever": nn.ModuleList([*query, retriever.picture, gains])})
        self._entry_ids = retriever.images.entry_ids
        self._relevance = Relevance(self._entry_ids, retriever.passages.passages.values())
        self._searched = self._found_while_learning()
        self._index()

    def _index(self) -> None:
        """The keys of the retriever's index, and whose they are."""
        images = self._retriever.images
        device = self._retriever.log_scale.device
        self._keys = torch.from_numpy(images.keys).to(device)  # [n, v]
        self._entry_of = torch.from_numpy(images.entry_of).to(device)  # [n]

    def _found_while_learning(self) -> Bool[Tensor, " e"]:
        """Which entries can be found: all, or those that are right for some question."""
        if self.settings.searched == "base":
            return torch.ones(len(self._entry_ids), dtype=torch.bool)
        taught = torch.zeros(len(self._entry_ids), dtype=torch.bool)
        for example in self._reading.examples:
            taught |= self._relevance.of([self._told(example)])[0]
        if (found := int(taught.sum())) < 2:
            why = "named by" if self.settings.gold else "known to state the answer to"
            raise TrainingError(
                f"Of {len(self._entry_ids):,} entries with a picture, {found} is {why} a question of train.jsonl, "
                'and it takes two to learn which to find. Leave out searched = "taught", or train on more questions.'
            )
        return taught

    def _told(self, example: Example) -> Example:
        """The example as it may teach: without its entries where these are not to be known."""
        return example if self.settings.gold else replace(example, entries=())

    def prepare(self, step: int) -> None:
        """The index follows the eye, where it learns, every `refresh` steps."""
        if self._looks and step % self.settings.refresh == 0:
            self._follow()
            self._index()

    def kept(self) -> dict[str, Tensor]:
        """The keys that the index had since it was last made, where the eye learns."""
        return {"keys": self._keys} if self._looks else {}

    def put_back(self, kept: Mapping[str, Tensor]) -> None:
        """Give the index these keys."""
        if "keys" in kept:
            images = self._retriever.images
            keys = kept["keys"].cpu().numpy()
            self._retriever.images = ImageIndex(keys, images.owners, images.stamp)
            self._index()

    def loss(self, step: int, generator: Generator) -> Tensor:
        """The sum of the objectives on a batch of questions, and of the reader's loss where none of them has it."""
        eye = trainable(self._model.visual_encoder)
        keep_statistics(eye) if self._looks else eye.eval()
        asked = self.asked(generator)
        wanted, scores = set(self.settings.objectives), asked.of_entries
        there = torch.ones_like(scores, dtype=torch.bool)
        total = torch.zeros((), device=scores.device)
        if "marginal" in wanted:
            total = total + marginal_likelihood(scores, self._log_likelihood(asked), there)
        else:
            loss, fused, knowledge = self.read(asked, injected="injection" in wanted)
            total = total + loss
            if "attention" in wanted:
                attention = _by_entry(fused, knowledge, scores.shape[1])
                total = total + attention_distillation(scores, attention, there)
        if "likelihood" in wanted:
            with torch.no_grad():
                likelihood = self._log_likelihood(asked)
            total = total + likelihood_distillation(scores, likelihood, there)
        if "contrast" in wanted:
            total = total + self.settings.contrast_weight * self._contrast(asked)
        return total * self.share.weight(asked.whole)

    def validation(self) -> float:
        """The mean loss on validation questions, with what is retrieved for them now."""
        if self._questions is None:
            return super().validation()
        if self._looks:
            self._questions.see()
        self._questions.find()
        return self._questions.loss()

    def asked(self, generator: Generator) -> Asked:
        """Draw questions and find, with the query side as it is, the entries that they are read from."""
        settings, reading, retriever = self.settings, self._reading, self._retriever
        drawn = sample_groups(self._groups, settings.batch, generator, settings.together)
        whole = [i for group in drawn for i in group]
        images, device = None, retriever.log_scale.device
        if self._looks and reading.pixels is not None:  # drawn for all rows, so that each process draws the same
            images = view(reading.pixels[reading.photo[whole]].to(device), reading.size, generator, _STRENGTH)
        mine = self.share.rows(len(whole))
        chosen = whole[mine]
        examples = [self._told(reading.examples[i]) for i in chosen]
        images = None if images is None else images[mine]
        batch, language = question_batch(self._reader, reading, chosen, images)
        visual = batch.seen or self._model.visual_encoder(batch.images)
        with in_float32(device):
            cosine = retriever.queries(visual, language) @ self._keys.T  # [b, n]
        hidden = (~self._searched)[torch.from_numpy(retriever.images.entry_of)].repeat(len(chosen), 1)  # [b, n]
        for row, photo in enumerate(reading.photo[chosen].tolist()):
            hidden[row, retriever.images.own(reading.ids[photo])] = True
        cosine = cosine.masked_fill(hidden.to(device), -1.0)
        best = cosine.new_full((len(chosen), len(self._entry_ids)), -1.0)
        best = best.scatter_reduce(1, self._entry_of.expand_as(cosine), cosine, "amax")
        ranking = best.detach().masked_fill(~self._searched.to(device), -2.0)  # below those hidden as the photo's own
        if settings.gold:  # the right ones come first
            ranking = ranking.masked_fill(self._relevance.of(examples).to(device), 2.0)
        entries = ranking.topk(min(settings.entries, int(self._searched.sum())), dim=1).indices  # [b, k]
        scores = retriever.log_scale.exp() * best  # [b, e]
        seen = replace(batch, seen=visual)
        hits = self._hits(examples, cosine.detach().cpu().numpy(), entries.tolist())
        return Asked(seen, visual, language, examples, scores, entries, hits, len(whole))

    def _hits(
        self, examples: Sequence[Example], cosine: Float[np.ndarray, "b n"], entries: Sequence[Sequence[int]]
    ) -> list[list[list[Hit]]]:
        """The hits of each entry of each question: its nearest picture, and its passages."""
        images, found = self._retriever.images, []
        for example, similarity, row in zip(examples, cosine, entries, strict=True):
            each = []
            for entry in row:
                pictures = images.pictures(self._entry_ids[entry])
                nearest = pictures[int(np.argmax(similarity[pictures]))]
                scored = [(*images.owners[nearest], float(similarity[nearest]))]
                question, passages = example.question or "", self.settings.passages
                each.append(self._retriever.read(scored, question, example.language, passages))
            found.append(each)
        return found

    def read(self, asked: Asked, *, injected: bool) -> tuple[Tensor, Fused, Knowledge]:
        """The reader's loss on all entries of a question together.

        Where they are `injected`, its gradient goes through the retrieval scores as well (Hu et al. 2023, REVEAL, 3.3).
        """
        rows = [[hit for hits in each for hit in hits] for each in asked.hits]
        knowledge = self._retriever.encode(rows)
        scores = self._retriever.score(asked.visual, asked.language, knowledge)
        scores = scores if injected else scores.detach()
        fused = self._model.fusion_module(asked.visual, asked.language, knowledge, scores)
        prediction = self._model.output_layer(fused, knowledge, asked.batch)
        targets = self._finder.targets(asked.examples, knowledge)
        return self._head.loss(prediction, targets), fused, knowledge

    def _log_likelihood(self, asked: Asked) -> Float[Tensor, "b k"]:
        """Log p(answer | question, entry): each entry read alone."""
        b, k = asked.entries.shape
        again = torch.arange(b, device=asked.entries.device).repeat_interleave(k)
        visual, language = _rows(asked.visual, again), _rows(asked.language, again)
        knowledge = self._retriever.encode([hits for each in asked.hits for hits in each])
        scores = self._retriever.score(visual, language, knowledge)
        fused = self._model.fusion_module(visual, language, knowledge, scores)
        order, texts = again.tolist(), asked.batch.texts
        batch = replace(
            asked.batch,
            texts=TextBatch(texts.ids[again], texts.mask[again], texts.offsets[again]),
            questions=[asked.batch.questions[i] for i in order],
            languages=[asked.batch.languages[i] for i in order],
            seen=visual,
        )
        prediction = self._model.output_layer(fused, knowledge, batch)
        targets = self._finder.targets([asked.examples[i] for i in order], knowledge)
        return self._head.log_likelihood(prediction, targets).view(b, k)

    def _contrast(self, asked: Asked) -> Tensor:
        """The contrast of the right entries, among those read for a question or for the batch, or all searched ones."""
        relevant = self._relevance.of(asked.examples).to(asked.scores.device)  # [b, e]
        candidates = self._searched.to(relevant.device).expand_as(relevant)
        if self.settings.candidates != "searched":
            candidates = torch.zeros_like(relevant).scatter(1, asked.entries, value=True)
        if self.settings.candidates == "batch":
            candidates = candidates.any(0, keepdim=True).expand_as(candidates)
        return relevance_contrast(asked.scores, relevant, candidates)


def _rows(encoded: Encoded, rows: Int[Tensor, " n"]) -> Encoded:
    return Encoded(encoded.tokens[rows], encoded.mask[rows], encoded.pooled[rows])


def _by_entry(fused: Fused, knowledge: Knowledge, k: int) -> Float[Tensor, "b k"]:
    """The fusion's weights of the hits, summed by entry."""
    weights = fused.passage_weights
    if weights is None:
        raise TypeError("attention can't be distilled from a fusion without weights of passages")
    of = knowledge.entry.unsqueeze(-1) == torch.arange(k, device=weights.device)  # [b, hits, k]
    return (weights.unsqueeze(-1) * of).sum(1)
