"""The assembled model: the five parts of the mission, and the way a question takes through them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from torch import nn

from ravlm.protocols import FusionModule, KnowledgeRetriever, LanguageEncoder, OutputLayer, VisualEncoder
from ravlm.records import Decoded, Hit
from ravlm.tensors import Batch, Encoded, Fused, Knowledge


@dataclass(frozen=True)
class Output:
    """The output layer's prediction and everything it stood on."""

    prediction: Any
    knowledge: Knowledge
    fused: Fused
    visual: Encoded


class RetrievalAugmentedVLM(nn.Module):
    """Answers questions about images with what a retriever finds.

    Each part is built elsewhere and handed in; `ravlm.protocols` says what it must do. Shapes: see `ravlm.tensors`.
    """

    visual_encoder: VisualEncoder
    language_encoder: LanguageEncoder
    knowledge_retriever: KnowledgeRetriever
    fusion_module: FusionModule
    output_layer: OutputLayer[Any, Any]

    def __init__(
        self,
        visual_encoder: VisualEncoder,
        language_encoder: LanguageEncoder,
        knowledge_retriever: KnowledgeRetriever,
        fusion_module: FusionModule,
        output_layer: OutputLayer[Any, Any],
    ) -> None:
        super().__init__()
        self.visual_encoder = visual_encoder
        self.language_encoder = language_encoder
        self.knowledge_retriever = knowledge_retriever
        self.fusion_module = fusion_module
        self.output_layer = output_layer

    def forward(self, batch: Batch, hits: Sequence[Sequence[Hit]] | None = None) -> Output:
        """Answer a batch; `hits`, when given, stand in for the search (an empty row: no evidence)."""
        visual = batch.seen or self.visual_encoder(batch.images)  # tokens [b, i, v]
        return self.read(batch, visual, self.language_encoder(batch.texts), hits)

    def read(
        self, batch: Batch, visual: Encoded, language: Encoded, hits: Sequence[Sequence[Hit]] | None = None
    ) -> Output:
        """`forward` behind the encoders: a picture or question whose mask is empty in a row is missing there.

        `visual` has tokens [b, i, v], `language` [b, t, l].
        """
        if hits is None:
            hits = self.knowledge_retriever.search(batch, visual, language)  # b lists; no gradient
        knowledge = self.knowledge_retriever.encode(hits)  # tokens [b, k, p, l]
        scores = self.knowledge_retriever.score(visual, language, knowledge)  # [b, k]
        fused = self.fusion_module(visual, language, knowledge, scores)  # pooled [b, d]
        prediction = self.output_layer(fused, knowledge, batch)
        return Output(prediction, knowledge, fused, visual)

    def decode(self, output: Output) -> list[Decoded]:
        """The best answer to each question, with the hits it stands in."""
        return self.output_layer.decode(output.prediction, output.knowledge)
