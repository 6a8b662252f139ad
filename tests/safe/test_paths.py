from pathlib import Path

import pytest

from ravlm.errors import PathError
from ravlm.safe.paths import inside


def test_a_path_inside_is_joined(tmp_path: Path) -> None:
    assert inside(tmp_path, "a/b c/图.png") == tmp_path / "a" / "b c" / "图.png"
    assert inside(tmp_path, "./a..b") == tmp_path / "a..b"


@pytest.mark.parametrize(
    "path", ["/etc/passwd", "../x", "a/../../x", "a\\..\\..\\x", "C:\\x", "C:x", "\\\\host\\x", "", ".", "a\0b"]
)
def test_a_path_that_may_lead_out_is_refused(tmp_path: Path, path: str) -> None:
    with pytest.raises(PathError):
        inside(tmp_path, path)


def test_a_link_out_is_refused_and_one_within_is_not(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (tmp_path / "secret").write_text("")
    (root / "out").symlink_to(tmp_path)
    (root / "file").write_text("")
    (root / "within").symlink_to(root / "file")
    with pytest.raises(PathError, match="over a link"):
        inside(root, "out/secret")
    assert inside(root, "within") == root / "within"
