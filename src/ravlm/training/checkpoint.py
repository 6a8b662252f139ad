"""Checkpoints: the whole state of a run in one folder, written whole or not at all."""

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn

from ravlm.encoders.base import Encoder
from ravlm.errors import FormatError
from ravlm.safe.files import replace_folder_atomic, write_bytes_atomic, write_text_atomic
from ravlm.training.best import Best
from ravlm.training.optim import Average

FOLDER = "checkpoints"
_STATE, _ABOUT = "state.safetensors", "state.json"


@dataclass
class TrainingState:
    """What a stage works on: after `step` optimiser steps of `stage`; `kept` gives what the stage itself keeps."""

    stage: str
    step: int
    model: nn.Module
    optimizers: Sequence[torch.optim.Optimizer]
    average: Average
    curve: list[dict[str, Any]]
    best: Best
    kept: Callable[[], Mapping[str, Tensor]]


def save_checkpoint(out: Path, state: TrainingState, stages: Sequence[str]) -> None:
    """Write the state beside the earlier ones, put it in place with one rename, then drop the earlier ones.

    Where this step has a checkpoint already, it stays: a resumed run comes to the same state.
    """
    name = f"{stages.index(state.stage)}-{state.stage}-{state.step:07d}"
    folder, partial = out / FOLDER / name, out / FOLDER / f".{name}.partial"
    if not folder.exists():
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        write_bytes_atomic(
            partial / _STATE, save({k: v.detach().cpu().contiguous().clone() for k, v in _tensors(state).items()})
        )
        about = {"stage": state.stage, "step": state.step, "curve": state.curve, "best": state.best.about()}
        write_text_atomic(partial / _ABOUT, json.dumps(about))
        replace_folder_atomic(partial, folder)
    for earlier in (out / FOLDER).iterdir():
        if earlier.name < name:  # a partial one, too: its name begins with a point
            shutil.rmtree(earlier)


def _tensors(state: TrainingState) -> dict[str, Tensor]:
    """All tensors of a state, by what they are of."""
    of = {"model": _changing(state.model), "average": state.average.state}
    of |= {"best": state.best.weights, "kept": dict(state.kept())}
    for place, optimizer in enumerate(state.optimizers):
        for index, moments in optimizer.state_dict()["state"].items():
            of[f"optimizer-{place}/{index}"] = moments
    return {f"{name}/{key}": value for name, values in of.items() for key, value in values.items()}


def _changing(model: nn.Module) -> dict[str, Tensor]:
    """The model's state but for encoders that stand still: theirs can be large, and comes from where it came from."""
    still = [f"{name}." for name, part in model.named_modules() if isinstance(part, Encoder) and not part.learns]
    return {key: value for key, value in model.state_dict().items() if not key.startswith(tuple(still))}


@dataclass(frozen=True)
class Checkpoint:
    """A state read back."""

    stage: str
    step: int
    curve: list[dict[str, Any]]
    tensors: Mapping[str, Tensor]
    best: Mapping[str, Any]

    def part(self, name: str) -> dict[str, Tensor]:
        """The tensors below `name`."""
        return {k.removeprefix(f"{name}/"): v for k, v in self.tensors.items() if k.startswith(f"{name}/")}

    def restore(self, state: TrainingState) -> None:
        """Put everything back where it was."""
        state.step, state.curve = self.step, list(self.curve)
        self.restore_model(state.model)
        for key, value in self.part("average").items():
            state.average.state[key].copy_(value)
        state.best = Best(**self.best, weights=self._on(state.average.state, self.part("best")))
        for place, optimizer in enumerate(state.optimizers):
            self._restore_moments(optimizer, self.part(f"optimizer-{place}"))

    def restore_model(self, model: nn.Module) -> None:
        """Put the weights back; those of an encoder that stands still are where they came from."""
        model.load_state_dict({**model.state_dict(), **self.part("model")})

    @staticmethod
    def _on(like: Mapping[str, Tensor], tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return {name: torch.empty_like(like[name]).copy_(value) for name, value in tensors.items()}

    def _restore_moments(self, optimizer: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
        moments: dict[int, dict[str, Tensor]] = {}
        for key, value in tensors.items():
            index, name = key.split("/")
            moments.setdefault(int(index), {})[name] = value
        groups = optimizer.state_dict()["param_groups"]
        optimizer.load_state_dict({"state": moments, "param_groups": groups})
        for parameter, kept in optimizer.state.items():
            for key, value in kept.items():
                if value.shape == parameter.shape:  # in the parameter's memory format: a fused step counts on it
                    kept[key] = torch.empty_like(parameter, memory_format=torch.preserve_format).copy_(value)


def has_checkpoint(out: Path) -> bool:
    """Whether a stopped run left a whole checkpoint in this folder."""
    return bool(_whole(out))


def last_checkpoint(out: Path) -> Checkpoint | None:
    """The newest whole checkpoint, None when there is none.

    Raises:
        FormatError: it is damaged.
    """
    folders = _whole(out)
    if not folders:
        return None
    try:
        about = json.loads((folders[-1] / _ABOUT).read_text(encoding="utf-8"))
        tensors = load((folders[-1] / _STATE).read_bytes())
        return Checkpoint(about["stage"], about["step"], about["curve"], tensors, about["best"])
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        raise FormatError(
            f"The checkpoint {folders[-1]} can't be read ({type(error).__name__}): it is damaged, or of another "
            "version of ravlm. Train anew into another folder."
        ) from error


def _whole(out: Path) -> list[Path]:
    """The whole checkpoints, the newest last."""
    return sorted(path for path in (out / FOLDER).glob("[0-9]*") if path.is_dir())
