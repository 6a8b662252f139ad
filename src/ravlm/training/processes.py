"""Several processes of one run: the same batch on each, a share of its rows to each, one gradient for all."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch
from torch import Tensor, nn

from ravlm.optional import require

_WAIT = timedelta(days=1)  # for the first process, which may have a large knowledge base to build
_FEWEST = 2  # rows of a process: batch normalisation needs two


@dataclass(frozen=True)
class Share:
    """This process among those of a run; by default the only one.

    Each draws the whole batch from the same generator and takes its own rows of it. A stage that takes no rows is still
    right, and no faster: each process then computes the same.
    """

    rank: int = 0
    of: int = 1

    @property
    def first(self) -> bool:
        """Whether this is the process that writes, prints and builds what all read."""
        return self.rank == 0

    def rows(self, n: int) -> slice:
        """This process's rows of a batch of `n`; all of them where there are not two for each process."""
        return slice(n * self.rank // self.of, n * (self.rank + 1) // self.of) if self._shared(n) else slice(0, n)

    def weight(self, n: int) -> float:
        """What a mean over this process's rows is multiplied by, so that the processes' mean is that over all `n`."""
        rows = self.rows(n)
        return (rows.stop - rows.start) * self.of / n if self._shared(n) else 1.0

    def weight_of(self, count: int, device: torch.device) -> float:
        """`weight`, where a loss is the mean of `count` of this process's rows or tokens.

        The processes tell each other: every one must call it as often.
        """
        mean = torch.tensor(float(count), device=device)
        self.mean([mean])
        return count / float(mean) if mean > 0 else 1.0

    def gather(self, own: Tensor, n: int) -> Tensor:
        """The whole batch [n, ...] of which each process has its rows; gradients find back to the process they are of.

        A loss over all rows, computed by each process, then has the gradients of one process after `mean`.
        """
        if not self._shared(n):
            return own
        whole: Tensor = _Gather.apply(own, self.rows(n), n)
        return whole

    def mean(self, tensors: Sequence[Tensor]) -> None:
        """Give each tensor, in place, its mean over the processes; one message for all of them."""
        if self.of == 1:
            return
        flat = _summed(torch.cat([tensor.detach().flatten().float() for tensor in tensors])) / self.of
        for tensor, mean in zip(tensors, torch.split(flat, [tensor.numel() for tensor in tensors]), strict=True):
            tensor.data.copy_(mean.view_as(tensor))

    def from_first(self, value: float, device: torch.device) -> float:
        """The first process's number, on every process."""
        if self.of == 1:
            return value
        return float(_summed(torch.tensor(value if self.first else 0.0, dtype=torch.float64, device=device)))

    def wait(self) -> None:
        """Go on when every process has come here."""
        if self.of > 1:
            _state().wait_for_everyone()

    def _shared(self, n: int) -> bool:
        return self.of > 1 and n >= _FEWEST * self.of


def join_processes() -> Share:
    """This process's place among those that `torchrun` started; alone where it started none.

    Raises:
        MissingExtra: there are several, and accelerate is not installed.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        return Share()
    state = _state()
    return Share(state.process_index, state.num_processes)


def leave_processes(share: Share) -> None:
    """End the connection to the other processes, where there are any."""
    if share.of > 1:
        _state().destroy_process_group()


def share_gradients(share: Share, parts: nn.Module, loss: float) -> float:
    """Give gradients and running statistics their means over the processes; returns the loss's.

    A parameter that no process has a gradient of keeps none.
    """
    if share.of == 1:
        return loss
    learning = [p for p in parts.parameters() if p.requires_grad]
    has = [torch.tensor(float(p.grad is not None), device=p.device) for p in learning]
    for p in learning:
        p.grad = torch.zeros_like(p) if p.grad is None else p.grad
    statistics = [buffer for buffer in parts.buffers() if buffer.is_floating_point()]
    value = torch.tensor(loss, device=learning[0].device)
    share.mean([*(p.grad for p in learning if p.grad is not None), *statistics, *has, value])
    for p, some in zip(learning, has, strict=True):
        p.grad = p.grad if some else None
    return float(value)


class _Gather(torch.autograd.Function):
    """All processes' rows; backward, the sum of all processes' gradients of this one's rows."""

    @staticmethod
    def forward(ctx: Any, own: Tensor, rows: slice, n: int) -> Tensor:
        ctx.rows = rows
        whole = own.new_zeros(n, *own.shape[1:], dtype=torch.float32)
        whole[rows] = own
        return _summed(whole)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        return _summed(gradients[0].contiguous())[ctx.rows], None, None


def _summed(tensor: Tensor) -> Tensor:
    from accelerate.utils import reduce

    summed: Tensor = reduce(tensor, "sum")
    return summed


def _state() -> Any:
    """What accelerate knows of the processes; the first call connects them."""
    accelerate = require("accelerate", "models")
    return accelerate.PartialState(cpu=not torch.accelerator.is_available(), timeout=_WAIT)
