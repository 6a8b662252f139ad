"""Any number of processes: the same batches, and the weights of one process."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from ravlm.training.checkpoint import FOLDER
from ravlm.training.processes import Share, join_processes
from two_processes import CASES, HERE, results, torchrun

Found = list[dict[str, Tensor]]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> tuple[Found, dict[str, Tensor], Path]:
    """What each of two processes found, and one alone."""
    pytest.importorskip("accelerate")
    folder = tmp_path_factory.mktemp("processes")
    ran = torchrun(HERE / "two_processes.py", folder)
    assert ran.returncode == 0, ran.stderr[-3000:]
    alone = results(Share(), folder / "alone")
    return [load_file(folder / f"{rank}.safetensors") for rank in (0, 1)], alone, folder


def test_rows_are_all_rows_once() -> None:
    for of in (1, 2, 3, 7):
        for n in range(2 * of, 40):
            rows = [i for rank in range(of) for i in range(n)[Share(rank, of).rows(n)]]
            assert rows == list(range(n))
            weights = [Share(rank, of).weight(n) for rank in range(of)]
            assert sum(weights) == pytest.approx(of)
    assert [Share(rank, 3).rows(5) for rank in range(3)] == [slice(0, 5)] * 3
    assert Share(1, 3).weight(5) == 1.0


def test_alone_nothing_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    share = join_processes()
    assert (share, share.first, share.rows(7), share.weight(7)) == (Share(), True, slice(0, 7), 1.0)
    own = torch.ones(3)
    assert share.gather(own, 3) is own
    share.mean([own])
    assert (share.weight_of(4, own.device), share.weight_of(0, own.device)) == (1.0, 1.0)
    share.wait()
    assert share.from_first(2.5, torch.device("cpu")) == 2.5


def test_rows_are_gathered_with_their_gradients(found: tuple[Found, dict[str, Tensor], Path]) -> None:
    (first, second), _, _ = found
    for process in (first, second):
        assert process["whole"].tolist() == [0, 1, 2, 3, 4]
        assert process["mean"].tolist() == [0.5, 10.0]
        assert process["first"].item() == 3.0
        torch.testing.assert_close(process["gradient"], 2 * process["own"])  # both processes' losses ask for it
    assert [*first["own"].tolist(), *second["own"].tolist()] == [0, 1, 2, 3, 4]
    assert (first["weight"].item(), second["weight"].item()) == pytest.approx((1.2, 0.8))  # 3 and 2 of 5


@pytest.mark.parametrize("case", CASES)
def test_batches_are_the_same_and_weights_those_of_one_process(
    found: tuple[Found, dict[str, Tensor], Path], case: str
) -> None:
    processes, alone, folder = found
    for process in processes:
        assert torch.equal(process[f"{case}/drawn"], alone[f"{case}/drawn"])
        torch.testing.assert_close(process[f"{case}/losses"], alone[f"{case}/losses"], atol=1e-3, rtol=0)
        for name in ("body.0.weight", "body.0.bias", "head.weight", "head.bias"):
            torch.testing.assert_close(process[f"{case}/{name}"], alone[f"{case}/{name}"], atol=1e-5, rtol=0)
            assert torch.equal(process[f"{case}/{name}"], processes[0][f"{case}/{name}"])
    assert [path.name for path in (folder / "runs" / case / FOLDER).iterdir()] == ["0-product-0000020"]


def test_dropout_differs_by_process(found: tuple[Found, dict[str, Tensor], Path]) -> None:
    (first, second), alone, _ = found
    assert torch.equal(first["even/dropped"], alone["even/dropped"])
    assert not (first["even/dropped"] == second["even/dropped"]).any()


def test_all_hear_what_the_first_validated(found: tuple[Found, dict[str, Tensor], Path]) -> None:
    (first, second), alone, _ = found
    for name in ("validated/body.0.weight", "validated/head.weight"):
        assert torch.equal(first[name], second[name])
        torch.testing.assert_close(first[name], alone[name], atol=1e-5, rtol=0)
