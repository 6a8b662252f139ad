"""What a run that fails leaves behind."""

from pathlib import Path

import pytest

from picture_folders import write_pictures
from ravlm.errors import DatasetError, PathError, TrainingError
from ravlm.training import record
from ravlm.training.pretrain.config import PretrainRunConfig
from ravlm.training.pretrain.run import pretrain
from ravlm.training.processes import Share
from ravlm.training.record import whole_or_nothing


@whole_or_nothing
def run(out: Path, error: BaseException | None, *, share: Share = Share()) -> str:  # noqa: B008  a frozen value
    """Write a file, and fail where an error is given."""
    out.mkdir(exist_ok=True)
    (out / "begun").write_text("")
    if error is not None:
        raise error
    return "done"


def test_what_fails_leaves_nothing_and_what_does_not_stays(tmp_path: Path) -> None:
    out = tmp_path / "out"
    for prepare in (lambda: None, out.mkdir):
        prepare()
        with pytest.raises(TrainingError):
            run(out, TrainingError("no number"))
        assert not out.exists()
    assert run(tmp_path / "whole", None) == "done"
    assert (tmp_path / "whole" / "begun").exists()


@pytest.mark.parametrize("why", ["stopped", "a checkpoint", "not free", "not the first"])
def test_what_can_go_on_or_is_not_its_own_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, why: str) -> None:
    out, error, share = tmp_path / "out", TrainingError("no number"), Share()
    if why == "stopped":
        with pytest.raises(KeyboardInterrupt):
            run(out, KeyboardInterrupt())
    else:
        if why == "a checkpoint":
            monkeypatch.setattr(record, "has_checkpoint", lambda out: True)
        elif why == "not free":
            out.mkdir()
            (out / "mine").write_text("")
        else:
            share = Share(rank=1, of=2)
        with pytest.raises(TrainingError):
            run(out, error, share=share)
    assert (out / "begun").exists()


def test_pre_training_that_fails_may_be_called_again(tmp_path: Path) -> None:
    pictures, out = write_pictures(tmp_path / "pictures"), tmp_path / "out"
    encoder = {"image_size": 32, "channels": [4], "width": 8}
    visual = {"steps": 1, "batch": 4, "encoder": encoder}
    config = PretrainRunConfig.model_validate({"pretrain": {"visual": visual}})
    whole = (pictures / "red" / "2.png").read_bytes()
    (pictures / "red" / "2.png").write_bytes(b"no picture")
    with pytest.raises(DatasetError, match="Mend these, or take them out"):
        pretrain(config, pictures, out)
    assert not out.exists()
    (pictures / "red" / "2.png").write_bytes(whole)
    pretrain(config, pictures, out)
    with pytest.raises(PathError, match="not empty"):
        pretrain(config, pictures, out)
    assert (out / "model.safetensors").is_file()


def test_another_number_of_processes_is_other_means(tmp_path: Path) -> None:
    record.write_run(tmp_path / "out", {}, "float32", processes=2)
    assert record.begun_otherwise(tmp_path / "out", processes=2) == []
    assert record.begun_otherwise(tmp_path / "out") == ["processes: 2, now 1"]
    record.keep_resumed(tmp_path / "out")
    assert record.begun_otherwise(tmp_path / "out", processes=3) == ["processes: 2 and 1, now 3"]
    assert record.kept_with_the_model(tmp_path / "out")["resumed"][0]["processes"] == 1
