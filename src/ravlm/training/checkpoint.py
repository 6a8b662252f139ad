"""Checkpoints: the whole state of a run in one folder, written whole or not at all."""

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load, save
from torch import Tensor, nn

from ravlm.encoders.base import Encoder
from ravlm.safe.files import write_bytes_atomic, write_text_atomic
from ravlm.training.optim import Average

FOLDER = "checkpoints"


@dataclass
class TrainingState:
    """What a stage works on: after `step` optimiser steps of `stage`."""

    stage: str
    step: int
    model: nn.Module
    optimizers: Sequence[torch.optim.Optimizer]
    average: Average
    curve: list[dict[str, Any]]


def save_checkpoint(out: Path, state: TrainingState, stages: Sequence[str]) -> None:
    """Write the state beside the earlier ones, put it in place with one rename, then drop the earlier ones."""
    name = f"{stages.index(state.stage)}-{state.stage}-{state.step:07d}"
    folder, partial = out / FOLDER / name, out / FOLDER / f".{name}.partial"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    tensors = {f"model/{key}": value for key, value in _changing(state.model).items()}
    tensors |= {f"average/{key}": value for key, value in state.average.state.items()}
    for place, optimizer in enumerate(state.optimizers):
        for index, moments in optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer-{place}/{index}/{key}": value for key, value in moments.items()}
    write_bytes_atomic(
        partial / "state.safetensors", save({k: v.detach().cpu().contiguous().clone() for k, v in tensors.items()})
    )
    about = {"stage": state.stage, "step": state.step, "curve": state.curve}
    write_text_atomic(partial / "state.json", json.dumps(about))
    if folder.exists():
        shutil.rmtree(folder)
    partial.rename(folder)
    for earlier in (out / FOLDER).iterdir():
        if earlier.name < name:
            shutil.rmtree(earlier)


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

    def part(self, name: str) -> dict[str, Tensor]:
        """The tensors below `name`."""
        return {k.removeprefix(f"{name}/"): v for k, v in self.tensors.items() if k.startswith(f"{name}/")}

    def restore(self, state: TrainingState) -> None:
        """Put everything back where it was."""
        state.step, state.curve = self.step, list(self.curve)
        self.restore_model(state.model)
        for key, value in self.part("average").items():
            state.average.state[key].copy_(value)
        for place, optimizer in enumerate(state.optimizers):
            self._restore_moments(optimizer, self.part(f"optimizer-{place}"))

    def restore_model(self, model: nn.Module) -> None:
        """Put the weights back; those of an encoder that stands still are where they came from."""
        model.load_state_dict({**model.state_dict(), **self.part("model")})

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


def last_checkpoint(out: Path) -> Checkpoint | None:
    """The newest whole checkpoint, None when there is none."""
    folders = sorted(p for p in (out / FOLDER).glob("[0-9]*") if p.is_dir()) if (out / FOLDER).is_dir() else []
    if not folders:
        return None
    about = json.loads((folders[-1] / "state.json").read_text(encoding="utf-8"))
    tensors = load((folders[-1] / "state.safetensors").read_bytes())
    return Checkpoint(about["stage"], about["step"], about["curve"], tensors)
