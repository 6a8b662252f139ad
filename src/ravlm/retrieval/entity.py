"""Retrieval in two steps: the entry from the picture, the passage from the text."""

from collections import OrderedDict
from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from ravlm.protocols import LanguageEncoder
from ravlm.records import Hit, Passage
from ravlm.retrieval.image import ImageIndex
from ravlm.retrieval.tfidf import TfidfIndex
from ravlm.tensors import Batch, Encoded, Kind, Knowledge

_CACHED_PASSAGES = 20_000


class EntityThenPassageRetriever(nn.Module):
    """The entries whose pictures are nearest to the query picture; within each, the passages by TF-IDF.

    A row of hits holds, for each entry in turn, its picture and then its passages. The query side is the visual
    encoder's `pooled`, which may train; the keys are those of the index. The passages are read by the model's own
    language encoder, which is held here but owned by the model.
    """

    def __init__(
        self,
        *,
        language_encoder: LanguageEncoder,
        images: ImageIndex,
        passages: TfidfIndex,
        visual_width: int,
        entries: int = 3,
        passages_per_entry: int = 4,
    ) -> None:
        super().__init__()
        self._borrowed = (language_encoder,)  # in a tuple, so that its parameters are not registered twice
        self.images = images
        self.passages = passages
        self.entries = entries
        self.passages_per_entry = passages_per_entry
        self.log_scale = nn.Parameter(torch.tensor(20.0).log())
        self.picture = nn.Linear(visual_width, language_encoder.width)
        self._cache: OrderedDict[str, tuple[Tensor, Tensor]] = OrderedDict()

    def replace_indexes(self, images: ImageIndex, passages: TfidfIndex) -> None:
        """Follow a knowledge base that has changed."""
        self.images, self.passages = images, passages
        self._cache.clear()

    def train(self, mode: bool = True) -> "EntityThenPassageRetriever":
        """Passages are cached in evaluation only, while the encoder stands still."""
        self._cache.clear()
        return super().train(mode)

    def rank(self, visual: Encoded, n: int) -> list[list[tuple[str, str, float]]]:
        """The n nearest entries of each picture as (entry id, image id, cosine)."""
        queries = nn.functional.normalize(visual.pooled.detach().float(), dim=-1).cpu().numpy()
        return self.images.search(queries, n)

    def search(self, batch: Batch, visual: Encoded, language: Encoded) -> list[list[Hit]]:
        """The hits of each question: the nearest entries' pictures and passages."""
        ranked = self.rank(visual, self.entries)
        rows = zip(ranked, batch.questions, batch.languages, strict=True)
        return [self.read(entries, question, language_name) for entries, question, language_name in rows]

    def read(self, entries: Sequence[tuple[str, str, float]], question: str, language: str) -> list[Hit]:
        """The pictures of these entries and, for each, the passages that fit the question."""
        hits: list[Hit] = []
        for entry_id, image_id, cosine in entries:
            if image_id:
                hits.append(Hit(entry_id, None, image_id, len(hits) + 1, {"image": cosine}))
            for passage, tfidf in self.passages.within(entry_id, question, self.passages_per_entry, language):
                scores = {"image": cosine, "tfidf": tfidf}
                hits.append(Hit(entry_id, passage.id, image_id or None, len(hits) + 1, scores))
        return hits

    def encode(self, hits: Sequence[Sequence[Hit]]) -> Knowledge:
        """Hits as tokens [b, k, p, l]. A passage that stands in several rows is encoded once."""
        device = self.log_scale.device
        found = [[self._passage(hit) for hit in row] for row in hits]
        unique = sorted({passage.id for row in found for passage in row if passage is not None})
        encoded = self._encode_passages([self.passages.passages[passage_id] for passage_id in unique])
        tokens, offsets, mask = encoded  # [u + 2, p, l]: the last two are "a picture" and "nothing"
        place = {passage_id: u for u, passage_id in enumerate(unique)}

        b, k = len(hits), max((len(row) for row in hits), default=0) or 1
        index = torch.full((b, k), len(unique) + 1)
        kind = torch.full((b, k), int(Kind.NOTHING))
        entry = torch.full((b, k), -1)
        keys = torch.zeros(b, k, self.picture.in_features)
        for i, row in enumerate(hits):
            seen: dict[str, int] = {}
            for j, hit in enumerate(row):
                passage = found[i][j]
                kind[i, j] = int(Kind.PICTURE if passage is None else Kind.TEXT)
                index[i, j] = len(unique) if passage is None else place[passage.id]
                entry[i, j] = seen.setdefault(hit.entry_id, len(seen))
                if hit.image_id is not None:
                    keys[i, j] = torch.from_numpy(self.images.key(hit.entry_id, hit.image_id))
        index, kind, entry, keys = index.to(device), kind.to(device), entry.to(device), keys.to(device)
        gathered = tokens[index]  # [b, k, p, l]
        pictures = self.picture(keys).to(gathered.dtype)  # [b, k, l]
        is_picture = (kind == Kind.PICTURE)[..., None, None]
        first = torch.arange(gathered.shape[2], device=device)[None, None, :, None] == 0
        gathered = torch.where(is_picture & first, pictures.unsqueeze(2), gathered)
        padded = [[*row, *[None] * (k - len(row))] for row in found]
        return Knowledge(gathered, mask[index], kind, entry, keys, offsets[index], hits, padded)

    def score(self, visual: Encoded, language: Encoded, knowledge: Knowledge) -> Float[Tensor, "b k"]:
        """scale * cos(query picture, entry picture); the lowest number where there is no hit."""
        query = nn.functional.normalize(visual.pooled.float(), dim=-1)  # [b, v]
        cosine = (knowledge.keys @ query.unsqueeze(-1)).squeeze(-1)  # [b, k]
        return (self.log_scale.exp() * cosine).masked_fill(knowledge.kind == Kind.NOTHING, -1e4)

    def _passage(self, hit: Hit) -> Passage | None:
        return None if hit.passage_id is None else self.passages.passages[hit.passage_id]

    def _encode_passages(
        self, passages: Sequence[Passage]
    ) -> tuple[Float[Tensor, "u p l"], Int[Tensor, "u p 2"], Tensor]:
        """Tokens, offsets and mask of the passages, followed by one row for a picture and one for nothing."""
        language_encoder = self._borrowed[0]
        rows: dict[str, tuple[Tensor, Tensor]] = {}
        missing = [p for p in passages if p.id not in self._cache]
        if missing:
            texts = language_encoder.tokenize([p.text for p in missing]).to(self.log_scale.device)
            encoded = language_encoder(texts)
            for i, passage in enumerate(missing):
                n = int(texts.mask[i].sum())
                rows[passage.id] = (encoded.tokens[i, :n], texts.offsets[i, :n])
            if not self.training:
                self._cache.update({key: (t.detach(), o) for key, (t, o) in rows.items()})
        rows |= {p.id: self._cache[p.id] for p in passages if p.id in self._cache}
        while len(self._cache) > _CACHED_PASSAGES:
            self._cache.popitem(last=False)

        longest = max((len(rows[p.id][0]) for p in passages), default=1)
        device = self.log_scale.device
        some = rows[passages[0].id][0] if passages else torch.zeros(1, language_encoder.width, device=device)
        tokens = some.new_zeros(len(passages) + 2, longest, some.shape[-1])
        offsets = torch.zeros(len(passages) + 2, longest, 2, dtype=torch.long, device=device)
        mask = torch.zeros(len(passages) + 2, longest, dtype=torch.bool, device=device)
        mask[len(passages), 0] = True
        if passages:
            tokens = torch.cat([nn.utils.rnn.pad_sequence([rows[p.id][0] for p in passages], batch_first=True), tokens[-2:]])
            for i, passage in enumerate(passages):
                n = len(rows[passage.id][0])
                offsets[i, :n], mask[i, :n] = rows[passage.id][1], True
        return tokens, offsets, mask
