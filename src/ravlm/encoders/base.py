"""What every encoder has: declared gradients, a fingerprint, and a folder that it is saved to and loaded from."""

import hashlib
import json
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal, TypeVar

import torch
from huggingface_hub import ModelCard, ModelCardData, ModelHubMixin
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import nn

import ravlm
from ravlm.encoders.faults import named, refuse
from ravlm.errors import ConfigError, FormatError, PathError, words_of
from ravlm.safe.files import write_bytes_atomic, write_text_atomic
from ravlm.safe.hub import Fetched, check_weights, fetch

CONFIG, WEIGHTS, SECTION = "config.json", "model.safetensors", "ravlm"
FORMAT = 1
Trainable = Literal["none", "all"] | int
"""Which weights learn: none, all, or the last n blocks with everything behind them."""
Some = TypeVar("Some", bound="Encoder")


class Encoder(nn.Module, ModelHubMixin, library_name="ravlm"):
    """The base of all encoders. A subclass gives `kind`, its blocks, its settings, and how it is saved and loaded.

    `width` is that of the tokens, `pooled_width` that of the one vector: they differ where a model pools into another
    space. `origin` is the folder or hub name that the weights came from, `revision` the hub's commit.
    """

    kind: ClassVar[str]
    OPTIONS: ClassVar[tuple[str, ...]] = ("trainable",)
    width: int
    pooled_width: int
    stretches: ClassVar[bool] = False  # whether a visual encoder sees all of a picture, made its square
    trainable: Trainable = "all"
    origin: str | None = None
    revision: str | None = None

    @abstractmethod
    def blocks(self) -> Sequence[Sequence[nn.Parameter]]:
        """The parameters of each block, from the input on; those behind the last block belong to it.

        What stands before the first block (a stem, an embedding) is in none.
        """

    @abstractmethod
    def settings(self) -> dict[str, Any]:
        """What decides the output beside the weights, as JSON: it is saved, and part of the fingerprint."""

    @abstractmethod
    def save_files(self, folder: Path, about: dict[str, Any]) -> None:
        """Write weights and tokeniser into a folder, then `config.json` with `about` in its section `ravlm`."""

    @classmethod
    @abstractmethod
    def load_files(cls: type[Some], folder: Path, about: Mapping[str, Any], options: Mapping[str, Any]) -> Some:
        """Read what `save_files` wrote, or where `about` is empty, what the encoder's own library wrote.

        `options`, some of `OPTIONS`, stand over what was saved.
        """

    def fingerprint_text(self) -> str:
        """What else decides the output, as text: how the library builds the model, a tokeniser."""
        return ""

    @classmethod
    @abstractmethod
    def folder_faults(cls, folder: Path, about: Mapping[str, Any], options: Mapping[str, Any]) -> list[str]:
        """All that will not fit when `load_files` is called with the same, found without reading any weights."""

    @abstractmethod
    def example(self) -> Any:
        """The least that the encoder can be called with: how its output is reached is found with it."""

    def declare_trainable(self, trainable: Trainable) -> None:
        """Say which weights learn; all others get no gradient, and their layers stay as in evaluation.

        Weights that the output does not come from (those behind an earlier layer, a mask token) never learn.

        Raises:
            ConfigError: it is something else, or there are fewer blocks than were asked for.
        """
        self._check_trainable(trainable, len(self.blocks()))
        self.trainable = trainable
        self.requires_grad_(False)
        if trainable != "none":
            reached = self._reached()
            blocks = [block for block in self.blocks() if any(id(p) in reached for p in block)]
            self._check_trainable(trainable, len(blocks))
            last = [p for block in blocks[-trainable:] for p in block] if isinstance(trainable, int) else None
            for parameter in self.parameters() if last is None else last:
                parameter.requires_grad_(id(parameter) in reached)
        self.train(self.training)

    def _check_trainable(self, trainable: object, blocks: int) -> None:
        counts = isinstance(trainable, int) and not isinstance(trainable, bool)
        if trainable not in ("none", "all") and not (counts and trainable in range(1, blocks + 1)):
            raise ConfigError(
                f"trainable is {trainable!r}, the last blocks that learn; this encoder ({self.kind}) has {blocks}. "
                f"Choose 1 to {blocks}, 'none' or 'all'."
            )

    def _reached(self) -> set[int]:
        """The ids of the parameters that the output comes from: their gradients are asked for."""
        training = self.training
        super().train(False)
        self.requires_grad_(True)
        with torch.enable_grad():
            encoded = self(self.example())
            total = encoded.tokens.float().sum() + encoded.pooled.float().sum()
        parameters = list(self.parameters())
        gradients = torch.autograd.grad(total, parameters, allow_unused=True)
        self.requires_grad_(False)
        super().train(training)
        return {id(p) for p, gradient in zip(parameters, gradients, strict=True) if gradient is not None}

    def train(self: Some, mode: bool = True) -> Some:
        """Training mode for what learns alone: frozen layers keep their statistics and drop nothing."""
        super().train(mode)
        if mode:
            _rest(self, dropping=self.trainable == "all")
        return self

    @property
    def learns(self) -> bool:
        """Whether any weight does."""
        return self.trainable != "none"

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.parameters()).device

    def fingerprint(self) -> str:
        """SHA-256 over the weights and all that decides the output; two encoders with the same one are the same."""
        decides = [self.kind, self.settings(), self.fingerprint_text()]
        digest = hashlib.sha256(json.dumps(decides, sort_keys=True).encode())
        hash_weights(self, digest)
        return digest.hexdigest()

    def _save_pretrained(self, save_directory: Path) -> None:
        about = {"format": FORMAT, "kind": self.kind, "version": ravlm.__version__, **self.settings()}
        self.save_files(save_directory, about | {"origin": self.origin, "revision": self.revision})

    @classmethod
    def from_pretrained(
        cls: type[Some],
        pretrained_model_name_or_path: str | Path,
        *,
        revision: str | None = None,
        force_download: bool = False,
        token: str | bool | None = None,
        cache_dir: str | Path | None = None,
        local_files_only: bool = False,
        **options: Any,
    ) -> Some:
        """An encoder from a folder or a hub name: one that `save_pretrained` wrote, or the library's own.

        `options` are those in `OPTIONS` of the class (`layer`, `trainable`, ...) and stand over what was saved. The
        arguments in between are those of `ravlm.safe.hub.fetch`.

        Raises:
            PathError, HubError: there is no such model here or on the hub.
            FormatError: it is of another format or kind, is damaged, or its weights are pickled.
            ConfigError: an option has no such name or does not fit the model, or the weights don't: all faults at once.
        """
        fetched = fetch(
            pretrained_model_name_or_path,
            revision,
            cache_dir=cache_dir,
            local_files_only=local_files_only,
            token=token,
            force_download=force_download,
        )
        return cls.from_fetched(fetched, str(pretrained_model_name_or_path), **options)

    @classmethod
    def from_fetched(cls: type[Some], fetched: Fetched, origin: str, **options: Any) -> Some:
        """The encoder in a folder that the hub's door gave; errors as in `from_pretrained`."""
        refuse(f"The encoder in {fetched.folder} can't be used", cls.faults(fetched, **options))
        about = cls._about(fetched.folder)
        encoder = cls.load_files(fetched.folder, about, options)
        encoder.origin, encoder.revision = origin, fetched.revision
        if fetched.revision is None and about.get("revision"):  # a saved copy remembers the hub's commit
            encoder.origin, encoder.revision = about["origin"], about["revision"]
        return encoder.eval()

    @classmethod
    def faults(cls, fetched: Fetched, **options: Any) -> list[str]:
        """All that does not fit: names of options, their values, shapes of weights; no weights are read for it.

        Raises:
            PathError, FormatError: there is no folder of this kind at all.
        """
        about = cls._about(fetched.folder)
        check_weights(fetched.folder)
        known = {name: value for name, value in options.items() if name in cls.OPTIONS}
        unknown = [fault for name in options for fault in named("option", name, cls.OPTIONS)]
        return unknown + cls.folder_faults(fetched.folder, about, known)

    @classmethod
    def _about(cls, folder: Path) -> dict[str, Any]:
        """What the folder says of the encoder, empty where the encoder's own library wrote it."""
        about: dict[str, Any] = read_config(folder).get(SECTION, {})
        if about.get("kind") == "joint" != cls.kind:
            return {}  # one tower of the two
        if about and about.get("kind") != cls.kind:
            raise FormatError(
                f"The encoder in {folder} is of kind {about.get('kind')!r}, and {cls.__name__} reads {cls.kind!r}. Use "
                "ravlm.load_encoder, which finds the class."
            )
        return about

    def generate_model_card(self, *args: Any, **kwargs: Any) -> ModelCard:
        """What a reader of the folder wants to know, from the encoder itself."""
        from ravlm.encoders.card import CARD

        data = ModelCardData(library_name="ravlm", tags=["ravlm", self.kind, "feature-extraction"])
        values: dict[str, Any] = {
            "class_name": type(self).__name__,
            "fingerprint": self.fingerprint(),
            "parameters": sum(p.numel() for p in self.parameters()),
            "learning": sum(p.numel() for p in self.parameters() if p.requires_grad),
            "encoder": self,
            "version": ravlm.__version__,
            "settings": json.dumps(self.settings(), indent=1, ensure_ascii=False),
        }
        card: ModelCard = ModelCard.from_template(data, template_str=CARD, **values)
        return card


def read_config(folder: Path) -> dict[str, Any]:
    """`config.json` of an encoder's folder, our section's format checked.

    Raises:
        PathError: there is none.
        FormatError: it is no JSON, or of a format that this release does not read.
    """
    path = folder / CONFIG
    if not path.is_file():
        raise PathError(
            f"There is no encoder in {folder}: found no {CONFIG}. Give the folder that save_pretrained wrote, or that "
            "timm, transformers or sentence-transformers did."
        )
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
        section = config.get(SECTION, {})
        version = section.get("format", FORMAT)
    except (ValueError, AttributeError) as error:
        raise FormatError(f"{path} is no JSON object. Copy the folder again.") from error
    if version != FORMAT:
        raise FormatError(
            f"The encoder in {folder} has format {version!r}; this release reads format {FORMAT}. A newer format needs "
            "a newer ravlm: upgrade it, or save the encoder again with this one."
        )
    return dict(config)


def write_config(folder: Path, config: dict[str, Any], about: dict[str, Any]) -> None:
    """Write `config.json`: the library's own keys, and ours in one section."""
    write_text_atomic(folder / CONFIG, json.dumps(config | {SECTION: about}, indent=1, ensure_ascii=False))


def save_weights(module: nn.Module, folder: Path) -> None:
    """Write a module's weights as safetensors."""
    state = {name: value.detach().cpu().contiguous().clone() for name, value in module.state_dict().items()}
    write_bytes_atomic(folder / WEIGHTS, save(state))


def load_weights(module: nn.Module, folder: Path) -> None:
    """Read what `save_weights` wrote.

    Raises:
        FormatError: the file is damaged, or does not fit the module.
    """
    try:
        module.load_state_dict(load((folder / WEIGHTS).read_bytes()))
    except (OSError, ValueError, SafetensorError, RuntimeError) as error:
        raise FormatError(
            f"The weights in {folder / WEIGHTS} can't be used ({type(error).__name__}: {words_of(error)}). They must "
            f"be those that were saved with the {CONFIG} beside them: copy the folder again."
        ) from error


def saved(folder: Path, about: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """The settings of these names.

    Raises:
        FormatError: one is not there.
    """
    missing = [name for name in names if name not in about]
    if missing:
        raise FormatError(f"{folder / CONFIG} lacks {', '.join(missing)}. Copy the folder again.")
    return {name: about[name] for name in names}


def _rest(module: nn.Module, *, dropping: bool) -> None:
    """Put every part of a module none of whose parameters learns into evaluation mode.

    A part without parameters (a dropout) beside one that learns and one that does not drops something only where
    `dropping`.
    """
    learning = [p.requires_grad for p in module.parameters()]
    if not any(learning) and (learning or not dropping):
        module.eval()
    elif not all(learning) or not learning:
        for child in module.children():
            _rest(child, dropping=dropping)


def hash_weights(module: nn.Module, digest: "hashlib._Hash") -> None:
    """Feed the names, shapes, types and values of all weights of a module to a digest, in the order of their names."""
    for name, value in sorted(module.state_dict().items()):
        digest.update(f"{name} {tuple(value.shape)} {value.dtype}".encode())
        digest.update(value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
