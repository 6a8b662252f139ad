"""Joint image-text models (CLIP, SigLIP, Chinese-CLIP): two encoders under one name, both in one space."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jaxtyping import Float
from tokenizers import Tokenizer
from torch import Tensor, nn

from ravlm.encoders.base import Encoder, Trainable, write_config
from ravlm.encoders.faults import option_faults, refuse, shape_faults
from ravlm.encoders.transformers_language import TransformersLanguageEncoder
from ravlm.encoders.transformers_parts import (
    JOINT_TYPES,
    build_model,
    is_joint,
    load_model,
    outline,
    save_library_files,
    transformers_faults,
)
from ravlm.encoders.transformers_tokenizer import as_library_tokenizer, load_tokenizer, spoken
from ravlm.encoders.transformers_visual import TransformersVisualEncoder, default_processor, load_processor, sized
from ravlm.errors import ConfigError
from ravlm.tensors import Encoded, TextBatch


class JointEncoder(Encoder):
    """Both towers of a joint model: `visual` and `language` are encoders, their `pooled` vectors comparable.

    Args:
        model: a model of transformers with two towers.
        processor: its image processor.
        tokenizer: its tokeniser.
        trainable: which weights learn, in each tower: "none", "all", or the last n layers; the scale and the bias of
            their similarity never do.

    Raises:
        ConfigError: the model has not two towers.
    """

    kind = "joint"

    def __init__(self, model: nn.Module, processor: Any, tokenizer: Any, *, trainable: Trainable = "none") -> None:
        super().__init__()
        config: Any = model.config
        if not is_joint(config):
            raise ConfigError(
                f"{config.model_type!r} has no two towers. Choose a joint model: clip, siglip, siglip2, chinese_clip."
            )
        self.visual = TransformersVisualEncoder(model, processor)
        self.language = TransformersLanguageEncoder(model, tokenizer)
        self._whole = [model]  # in a list: its parts are registered once, by the towers
        self.width, self.pooled_width = self.visual.width, self.visual.pooled_width
        self.declare_trainable(trainable)

    @classmethod
    def from_architecture(
        cls,
        architecture: str,
        *,
        tokenizer: Tokenizer,
        image_size: int | None = None,
        trainable: Trainable = "all",
        **options: Any,
    ) -> "JointEncoder":
        """A joint model type of transformers (`clip`, `siglip`, ...) with random weights.

        `options` are those of its configuration; those of its towers stand in `vision_config` and `text_config`.

        Raises:
            ConfigError: there is no such model type, or an option has no such name or does not fit; all at once.
        """
        made = as_library_tokenizer(tokenizer)
        options = spoken(architecture, sized(architecture, options, image_size), made)
        faults = transformers_faults(architecture, options, JOINT_TYPES)
        refuse(f"The encoder {architecture!r} can't be built", faults)
        model: Any = build_model(architecture, options)
        return cls(model, default_processor(architecture, model.config, image_size), made, trainable=trainable).eval()

    def forward(self, images: Tensor, texts: TextBatch) -> tuple[Encoded, Encoded]:
        """What each tower makes of its side."""
        return self.visual(images), self.language(texts)

    def similarity(self, visual: Encoded, language: Encoded) -> Float[Tensor, "b1 b2"]:
        """Scale * cos(picture, text) + bias of every pair, as the model was trained (Radford et al. 2021, fig. 3).

        The bias is SigLIP's (Zhai et al. 2023, eq. 1); other models have none.
        """
        images = nn.functional.normalize(visual.pooled, dim=-1)
        texts = nn.functional.normalize(language.pooled, dim=-1)
        whole: Any = self._whole[0]
        scores: Tensor = whole.logit_scale.exp() * images @ texts.T
        return scores + whole.logit_bias if self.paired else scores

    @property
    def paired(self) -> bool:
        """Whether the model was trained on each pair alone, as SigLIP: the similarity's sigmoid is a probability."""
        return hasattr(self._whole[0], "logit_bias")

    def blocks(self) -> list[list[nn.Parameter]]:
        """Those of both towers, counted from the end."""
        visual, language = self.visual.blocks(), self.language.blocks()
        n = max(len(visual), len(language))
        visual, language = [[]] * (n - len(visual)) + visual, [[]] * (n - len(language)) + language
        return [a + b for a, b in zip(visual, language, strict=True)]

    def declare_trainable(self, trainable: Trainable) -> None:
        for tower in (self.visual, self.language):
            tower.declare_trainable(trainable)
        self.trainable = trainable

    def example(self) -> Any:
        raise NotImplementedError("each tower has its own")

    def settings(self) -> dict[str, Any]:
        return {"visual": self.visual.settings(), "language": self.language.settings()}

    def fingerprint_text(self) -> str:
        return self.visual.fingerprint_text() + self.language.fingerprint_text()

    def save_files(self, folder: Path, about: dict[str, Any]) -> None:
        parts = (self._whole[0], self.visual.processor, self.language.tokenizer)
        write_config(folder, save_library_files(folder, *parts), about)

    @classmethod
    def folder_faults(cls, folder: Path, about: Mapping[str, Any], options: Mapping[str, Any]) -> list[str]:
        model, processor, tokenizer = outline(folder), load_processor(folder), load_tokenizer(folder)
        faults = shape_faults(folder, model)
        return faults + option_faults(lambda given: cls(model, processor, tokenizer, **given), options)

    @classmethod
    def load_files(cls, folder: Path, about: Mapping[str, Any], options: Mapping[str, Any]) -> "JointEncoder":
        return cls(load_model(folder), load_processor(folder), load_tokenizer(folder), **options)
