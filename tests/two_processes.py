"""Several processes of one run: `torchrun` on this machine, and what each of them does."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from ravlm.training.processes import Share, join_processes, leave_processes
from small_stage import Product, trained

HERE = Path(__file__).parent


def torchrun(*words: object, processes: int = 2) -> subprocess.CompletedProcess[str]:
    """Start a command of Python in so many processes; skips the test where none may listen."""
    try:
        with socket.socket() as tried:
            tried.bind(("127.0.0.1", 0))
            tried.listen()
    except OSError as error:
        pytest.skip(f"no port can be opened here ({error}): torchrun needs one")
    launch = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", str(processes)]
    launch += ["--rdzv-backend", "c10d", "--rdzv-endpoint", "127.0.0.1:0"]
    path = os.pathsep.join([str(HERE), *sys.path])
    settings = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": path, "CUDA_VISIBLE_DEVICES": ""}
    return subprocess.run([*launch, *map(str, words)], capture_output=True, text=True, env=settings)


CASES = {
    "even": {"batch": 8},
    "odd": {"batch": 7, "accumulate": 2},
    "too few": {"batch": 3},
    "still": {"batch": 8, "rates": {"body": 0.0}},
}


def values(share: Share) -> dict[str, Tensor]:
    """The mean, the rows and the gathered rows that this process has, and what came of their gradients."""
    n = 5
    own = torch.arange(5.0)[share.rows(n)].clone().requires_grad_()
    whole = share.gather(own, n)
    (whole.square().sum() / 2).backward()  # on every process the whole loss: its gradient for a row is the row
    mean = torch.tensor([float(share.rank), 10.0])
    share.mean([mean])
    assert own.grad is not None
    first = torch.tensor(share.from_first(float(share.rank + 3), torch.device("cpu")))
    weight = torch.tensor(share.weight_of(3 - share.rank, torch.device("cpu")))
    return {
        "weight": weight,
        "own": own.detach(),
        "whole": whole.detach(),
        "gradient": own.grad,
        "mean": mean,
        "first": first,
    }


def results(share: Share, out: Path) -> dict[str, Tensor]:
    """The weights after each case of training, what was drawn, what would have been dropped."""
    found = {}
    for name, settings in CASES.items():
        stage = Product(**settings)
        weights, curve = trained(stage, out / name, share=share)
        found |= {f"{name}/{key}": value for key, value in weights.items()}
        found[f"{name}/drawn"] = torch.stack(stage.drawn)
        found[f"{name}/dropped"] = torch.tensor(stage.dropped)
        found[f"{name}/losses"] = torch.tensor([float(row["loss"]) for row in curve])
    stage = Product((3.0, 1.0, 2.0, 3.0) if share.first else (), steps=12, validate_every=4)
    found |= {f"validated/{key}": value for key, value in trained(stage, out / "validated", share=share)[0].items()}
    return found


if __name__ == "__main__":
    joined, folder = join_processes(), Path(sys.argv[1])
    parts = values(joined) | results(joined, folder / "runs")
    joined.wait()
    save_file({name: value.contiguous() for name, value in parts.items()}, folder / f"{joined.rank}.safetensors")
    leave_processes(joined)
