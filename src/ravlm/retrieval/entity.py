"""Retrieval in two steps: the entry from the picture, the passage from the text."""

from collections import OrderedDict
from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from ravlm.device import in_float32
from ravlm.encoders.tokenizer import MULTIPLE
from ravlm.protocols import LanguageEncoder
from ravlm.records import Hit, Passage
from ravlm.retrieval.edges import edges
from ravlm.retrieval.image import ImageIndex
from ravlm.retrieval.query_encoder import QueryEncoder
from ravlm.retrieval.tfidf import TfidfIndex
from ravlm.tensors import Batch, Encoded, Kind, Knowledge, TextBatch

_CACHED_PASSAGES = 20_000
_AT_ONCE = 32  # passages encoded together while training


class EntityThenPassageRetriever(nn.Module):
    """The entries whose pictures are nearest to the query picture; within each, the passages by TF-IDF.

    A row of hits holds, for each entry in turn, its picture and then its passages. The query side is the visual
    encoder's `pooled`, or what a query encoder makes of it, and may train; the keys are those of the index. The
    passages are read by the model's own language encoder, which is held here but owned by the model.
    """

    def __init__(
        self,
        *,
        language_encoder: LanguageEncoder,
        images: ImageIndex,
        passages: TfidfIndex,
        visual_width: int,
        entries: int = 3,
        passages_per_entry: int = 8,
        query: QueryEncoder | None = None,
    ) -> None:
        super().__init__()
        self._borrowed = (language_encoder,)  # in a tuple, so that its parameters are not registered twice
        self._learns = bool(getattr(language_encoder, "learns", True))
        self.images = images
        self.passages = passages
        self.entries = entries
        self.passages_per_entry = passages_per_entry
        self.log_scale = nn.Parameter(torch.tensor(20.0).log())
        self.text_gain = nn.Parameter(torch.tensor(12.0))
        self.picture = nn.Linear(visual_width, language_encoder.width)
        self.query = query
        self._cache: OrderedDict[str, tuple[Tensor, Tensor]] = OrderedDict()
        self._edges: dict[str, Tensor] = {}

    def replace_indexes(self, images: ImageIndex, passages: TfidfIndex) -> None:
        """Follow a knowledge base that has changed."""
        self.images, self.passages = images, passages
        self._cache.clear()
        self._edges.clear()

    def train(self, mode: bool = True) -> "EntityThenPassageRetriever":
        """Passages are cached while the encoder stands still: in evaluation, and where it does not learn."""
        if self._learns or mode != self.training:  # the precision may be another one, too
            self._cache.clear()
        return super().train(mode)

    @property
    def reads_question(self) -> bool:
        """Whether the question has a part in which entries are found."""
        return self.query is not None and self.query.reads_question

    def queries(self, visual: Encoded, language: Encoded | None = None) -> Float[Tensor, "b v"]:
        """The queries, of unit length; `language` is needed where the question has a part in them."""
        with in_float32(visual.pooled.device):
            found = visual.pooled.float() if self.query is None else self.query(visual, language)
        return nn.functional.normalize(found, dim=-1)

    def query_keys(self, visual: Encoded, language: Encoded | None = None) -> Float[np.ndarray, "b v"]:
        """The queries as they are compared with the keys of the index."""
        return self.queries(visual, language).detach().cpu().numpy()

    def search(self, batch: Batch, visual: Encoded, language: Encoded) -> list[list[Hit]]:
        """The hits of each question: the nearest entries' pictures and passages."""
        ranked = self.images.search(self.query_keys(visual, language), self.entries)
        rows = zip(ranked, batch.questions, batch.languages, strict=True)
        return [self.read(entries, question, language_name) for entries, question, language_name in rows]

    def read(
        self, entries: Sequence[tuple[str, str, float]], question: str, language: str, passages: int | None = None
    ) -> list[Hit]:
        """The pictures of these entries and, for each, the passages that fit the question best."""
        at_most = passages or self.passages_per_entry
        hits: list[Hit] = []
        for entry_id, image_id, cosine in entries:
            if image_id:
                hits.append(Hit(entry_id, None, image_id, len(hits) + 1, {"image": cosine}))
            for passage, tfidf in self.passages.within(entry_id, question, at_most, language):
                scores = {"image": cosine, "tfidf": tfidf}
                hits.append(Hit(entry_id, passage.id, image_id or None, len(hits) + 1, scores))
        return hits

    def encode(self, hits: Sequence[Sequence[Hit]]) -> Knowledge:
        """Hits as tokens [b, k, p, l]. A passage that stands in several rows is encoded once."""
        device = self.log_scale.device
        found = [[self._passage(hit) for hit in row] for row in hits]
        unique = sorted({passage.id for row in found for passage in row if passage is not None})
        shown = sorted({(h.entry_id, h.image_id) for row in hits for h in row if h.passage_id is None and h.image_id})
        read = [self.passages.passages[passage_id] for passage_id in unique]
        tokens, offsets, mask = self._table(read, shown)
        at_edges = self._edge_table(read, offsets)
        place = {passage_id: u for u, passage_id in enumerate(unique)}
        picture_place = {owner: len(unique) + u for u, owner in enumerate(shown)}

        b, k = len(hits), max((len(row) for row in hits), default=0) or 1
        index = torch.full((b, k), len(tokens) - 1)
        kind = torch.full((b, k), int(Kind.NOTHING))
        entry = torch.full((b, k), -1)
        keys = np.zeros((b, k, self.picture.in_features), dtype=np.float32)
        for i, row in enumerate(hits):
            seen: dict[str, int] = {}
            for j, hit in enumerate(row):
                passage = found[i][j]
                kind[i, j] = int(Kind.PICTURE if passage is None else Kind.TEXT)
                index[i, j] = picture_place[hit.entry_id, hit.image_id or ""] if passage is None else place[passage.id]
                entry[i, j] = seen.setdefault(hit.entry_id, len(seen))
                if hit.image_id is not None:
                    keys[i, j] = self.images.key(hit.entry_id, hit.image_id)
        index = index.to(device)
        padded = [[*row, *[None] * (k - len(row))] for row in found]
        return Knowledge(
            tokens=tokens.index_select(0, index.flatten()).view(b, k, *tokens.shape[1:]),  # [b, k, p, l]
            mask=mask[index],
            kind=kind.to(device),
            entry=entry.to(device),
            keys=torch.from_numpy(keys).to(device),
            offsets=offsets[index],
            edges=at_edges[index],
            hits=hits,
            passages=padded,
        )

    def score(self, visual: Encoded, language: Encoded, knowledge: Knowledge) -> Float[Tensor, "b k"]:
        """A gain times cos(query picture, entry picture), plus a gain times TF-IDF; very low where there is no hit."""
        query = self.queries(visual, language)  # [b, v]
        with in_float32(query.device):
            cosine = (knowledge.keys @ query.unsqueeze(-1)).squeeze(-1)  # [b, k]
        tfidf = torch.zeros_like(cosine)
        for i, row in enumerate(knowledge.hits):
            tfidf[i, : len(row)] = torch.tensor([hit.scores.get("tfidf", 0.0) for hit in row])
        scores = self.log_scale.exp() * cosine + self.text_gain * tfidf
        return scores.masked_fill(knowledge.kind == Kind.NOTHING, -1e4)

    def _passage(self, hit: Hit) -> Passage | None:
        return None if hit.passage_id is None else self.passages.passages[hit.passage_id]

    def _table(
        self, passages: Sequence[Passage], pictures: Sequence[tuple[str, str]]
    ) -> tuple[Float[Tensor, "u p l"], Int[Tensor, "u p 2"], Bool[Tensor, "u p"]]:
        """Tokens, offsets and mask of the passages, then of the pictures (one token each), then one row of nothing."""
        device, width = self.log_scale.device, self._borrowed[0].width
        keys = [torch.from_numpy(self.images.key(*owner)) for owner in pictures]
        shown = self.picture(torch.stack(keys).to(device)) if keys else torch.zeros(0, width, device=device)
        if not passages:
            tokens = torch.zeros(0, 1, width, device=device)
            offsets, mask = torch.zeros(0, 1, 2, dtype=torch.long, device=device), torch.zeros(0, 1, device=device) > 0
        elif self.training and self._learns:
            tokens, offsets, mask = self._encoded(passages)
        else:
            tokens, offsets, mask = self._cached(passages)
        more, longest = len(pictures) + 1, tokens.shape[1]
        below = nn.functional.pad(shown.unsqueeze(1), (0, 0, 0, longest - 1, 0, 1)).to(tokens.dtype)
        mask = nn.functional.pad(mask, (0, 0, 0, more))
        mask[len(passages) : -1, 0] = True
        return torch.cat([tokens, below]), nn.functional.pad(offsets, (0, 0, 0, 0, 0, more)), mask

    def _edge_table(self, passages: Sequence[Passage], offsets: Int[Tensor, "u p 2"]) -> Int[Tensor, "u p 2"]:
        """Where answers may begin and end in the passages; nowhere in what stands below them."""
        if len(self._edges) > _CACHED_PASSAGES:
            self._edges.clear()
        table = torch.full_like(offsets, -1)
        for row, passage in enumerate(passages):
            if passage.id not in self._edges:
                self._edges[passage.id] = torch.tensor(edges(passage.text, offsets[row].tolist()))
            found = self._edges[passage.id][: table.shape[1]].to(table.device)
            table[row, : len(found)] = found
        return table

    def _encoded(self, passages: Sequence[Passage]) -> tuple[Tensor, Tensor, Tensor]:
        """Tokens, offsets and mask of the passages, read in parts of like length: padding costs as much as text."""
        texts = self._borrowed[0].tokenize([p.text for p in passages]).to(self.log_scale.device)
        u, longest = texts.ids.shape
        order = texts.mask.sum(1).argsort(stable=True)
        filled = nn.functional.pad(order, (0, -u % _AT_ONCE), value=int(order[-1]))  # few shapes: see `tokenize`
        parts = []
        for rows in filled.view(-1, _AT_ONCE):
            n = min(-(-int(texts.mask[rows].sum(1).max()) // MULTIPLE) * MULTIPLE, longest)
            read = self._borrowed[0](TextBatch(texts.ids[rows, :n], texts.mask[rows, :n], texts.offsets[rows, :n]))
            parts.append(nn.functional.pad(read.tokens, (0, 0, 0, longest - n)))
        return torch.cat(parts)[order.argsort()], texts.offsets, texts.mask

    def _cached(self, passages: Sequence[Passage]) -> tuple[Tensor, Tensor, Tensor]:
        """Tokens, offsets and mask of the passages; only those not met before are encoded."""
        missing = [p for p in passages if p.id not in self._cache]
        if missing:
            texts = self._borrowed[0].tokenize([p.text for p in missing]).to(self.log_scale.device)
            tokens = self._borrowed[0](texts).tokens.detach()
            for i, (passage, n) in enumerate(zip(missing, texts.mask.sum(1).tolist(), strict=True)):
                self._cache[passage.id] = (tokens[i, :n].clone(), texts.offsets[i, :n].clone())
        rows = [self._cache[p.id] for p in passages]
        while len(self._cache) > _CACHED_PASSAGES:
            self._cache.popitem(last=False)
        lengths = torch.tensor([len(tokens) for tokens, _ in rows], device=self.log_scale.device)
        tokens = nn.utils.rnn.pad_sequence([tokens for tokens, _ in rows], batch_first=True)
        offsets = nn.utils.rnn.pad_sequence([offsets for _, offsets in rows], batch_first=True)
        return tokens, offsets, torch.arange(tokens.shape[1], device=lengths.device) < lengths[:, None]
