"""The hub's door, tried on a small server that speaks the hub's API, and on none."""

import hashlib
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save

from builders import tokenizer
from ravlm.encoders.compact_language import CompactLanguageEncoder
from ravlm.errors import FormatError, PathError
from ravlm.safe.hub import check_weights, fetch

NAME = "tester/tiny-reader"
NEWEST, OLDER = "a" * 40, "b" * 40
COMMITS = {"main": NEWEST, NEWEST: NEWEST, "v1": OLDER, OLDER: OLDER}


class Hub:
    """A hub with one model in two revisions; `asked` lists the paths that were asked for."""

    def __init__(self, files: dict[str, dict[str, bytes]]) -> None:
        self.files = files
        self.asked: list[str] = []
        hub = self

        class Handler(BaseHTTPRequestHandler):
            def do_HEAD(self) -> None:
                hub.answer(self, body=False)

            def do_GET(self) -> None:
                hub.answer(self, body=True)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def answer(self, handler: BaseHTTPRequestHandler, *, body: bool) -> None:
        path = handler.path.partition("?")[0]
        self.asked.append(path)
        status, headers, content = self.found(path)
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        if body:
            handler.wfile.write(content)

    def found(self, path: str) -> tuple[int, dict[str, str], bytes]:
        api, _, revision = path.partition(f"/api/models/{NAME}")
        revision = revision.removeprefix("/revision/") or "main"
        if not api and revision in COMMITS:
            commit = COMMITS[revision]
            siblings = [{"rfilename": name} for name in self.files[commit]]
            told = {"id": NAME, "modelId": NAME, "sha": commit, "siblings": siblings, "private": False, "tags": []}
            return 200, {"Content-Type": "application/json"}, json.dumps(told).encode()
        commit = COMMITS.get(revision.removeprefix("/tree/"), "")
        if not api and commit:
            listed = [
                {"type": "file", "path": name, "size": len(content), "oid": hashlib.sha256(content).hexdigest()}
                for name, content in self.files[commit].items()
            ]
            return 200, {"Content-Type": "application/json"}, json.dumps(listed).encode()
        before, _, rest = path.partition(f"/{NAME}/resolve/")
        revision, _, name = rest.partition("/")
        files = self.files.get(COMMITS.get(revision, ""), {})
        if not before and name in files:
            content = files[name]
            etag = f'"{hashlib.sha256(content).hexdigest()}"'
            return 200, {"ETag": etag, "X-Repo-Commit": COMMITS[revision]}, content
        return 404, {"X-Error-Code": "RevisionNotFound" if NAME in path else "RepoNotFound"}, b""

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


def saved(folder: Path, width: int) -> dict[str, bytes]:
    """A model's files with some beside that must not be fetched."""
    torch.manual_seed(0)
    CompactLanguageEncoder(tokenizer=tokenizer(), width=width, layers=1, heads=2, longest=16).save_pretrained(folder)
    files = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    return files | {"pytorch_model.bin": b"pickled", "tf_model.h5": b"h5", "run.py": b"code", "onnx/model.onnx": b"o"}


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    folder = tmp_path_factory.mktemp("models")
    opened = Hub({NEWEST: saved(folder / "new", 8), OLDER: saved(folder / "old", 4)})
    yield opened
    opened.close()


def run(script: str, home: Path, address: str, **more: str) -> Any:
    """What a script in a process of its own prints last: the hub's address is read when its client is imported."""
    environment = {
        "HF_HOME": str(home),
        "HF_ENDPOINT": address,
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_ETAG_TIMEOUT": "2",
    }
    environment |= {"PATH": "", "OMP_NUM_THREADS": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1", **more}
    source = f"import json\nimport ravlm.errors\nfrom ravlm.safe.hub import fetch\n{script}\n"
    done = subprocess.run(
        [sys.executable, "-c", source], capture_output=True, text=True, env=environment, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


TRY = """
def told(*arguments, **options):
    try:
        return str(fetch(*arguments, **options).folder)
    except ravlm.errors.HubError as error:
        return f"HubError {error}"
"""


def test_an_encoder_comes_from_the_hub_pinned_to_its_commit(hub: Hub, tmp_path: Path) -> None:
    hub.asked.clear()
    script = f"""
from ravlm.encoders.choose import load_encoder
new, old = load_encoder({NAME!r}), load_encoder({NAME!r}, revision="v1")
new.save_pretrained({str(tmp_path / "copy")!r})
copy = load_encoder({str(tmp_path / "copy")!r})
wrong = []
for trainable in ("last", True, 0, 1.0, None):
    try:
        load_encoder({NAME!r}, trainable=trainable)
    except ravlm.errors.ConfigError as error:
        wrong.append(f"trainable is {{trainable!r}}, the last blocks" in str(error))
print(json.dumps([[e.width, e.origin, e.revision, e.fingerprint()] for e in (new, old, copy)] + [wrong]))
"""
    new, old, copy, wrong = run(script, tmp_path / "home", hub.address)
    assert new[:3] == [8, NAME, NEWEST]
    assert old[:3] == [4, NAME, OLDER]
    assert copy == new
    assert wrong == [True] * 5
    about = json.loads((tmp_path / "copy" / "config.json").read_text())["ravlm"]
    assert (about["origin"], about["revision"]) == (NAME, NEWEST)
    assert f"{NAME}, revision `{NEWEST}`" in (tmp_path / "copy" / "README.md").read_text()
    assert any(path.endswith("model.safetensors") for path in hub.asked)
    assert not [path for path in hub.asked if path.endswith((".bin", ".h5", ".py", ".onnx"))]


def test_what_was_fetched_is_there_without_the_hub(hub: Hub, tmp_path: Path) -> None:
    home, kept = tmp_path / "home", tmp_path / "kept"
    script = f"{TRY}\nprint(json.dumps([told({NAME!r}), told({NAME!r}, 'v1', cache_dir={str(kept)!r})]))"
    newest, older = run(script, home, hub.address)
    assert Path(newest).name == NEWEST
    assert Path(newest).is_relative_to(home)
    assert Path(older).name == OLDER
    assert Path(older).is_relative_to(kept)
    asked = len(hub.asked)
    again = f"{TRY}\nprint(json.dumps([told({NAME!r}), told({NAME!r}, 'v1')]))"
    found, missing = run(again, home, hub.address, HF_HUB_OFFLINE="1")
    assert found == newest
    assert missing.startswith(f"HubError The hub did not give '{NAME}' at revision 'v1'")
    local = f"{TRY}\nprint(json.dumps(told({NAME!r}, local_files_only=True)))"
    assert run(local, home, hub.address) == newest
    assert len(hub.asked) == asked
    unreachable = f"{TRY}\nprint(json.dumps([told({NAME!r}), told('tester/other')]))"
    found, missing = run(unreachable, home, "http://127.0.0.1:9")
    assert found == newest
    assert missing.startswith("HubError")


def test_what_the_hub_has_not_is_told_with_the_ways_without_it(hub: Hub, tmp_path: Path) -> None:
    script = f"{TRY}\nprint(json.dumps([told('tester/nothing'), told({NAME!r}, 'v9')]))"
    nothing, revision = run(script, tmp_path / "home", hub.address)
    gone = run(f"{TRY}\nprint(json.dumps(told({NAME!r})))", tmp_path / "home", "http://127.0.0.1:9")
    assert nothing.startswith("HubError The hub did not give 'tester/nothing' (")
    assert revision.startswith(f"HubError The hub did not give '{NAME}' at revision 'v9' (")
    assert gone.startswith(f"HubError The hub did not give '{NAME}' (")
    for message in (nothing, revision, gone):
        assert all(way in message for way in ("--local-dir FOLDER", "HF_HOME", "`architecture`"))
        assert len(message) < 1000


@pytest.mark.parametrize("source", ["./none", "/none/there", "~/none", "a/b/c", "a b", "..", "a\\b", ""])
def test_what_is_no_name_is_not_asked_for(source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("huggingface_hub.snapshot_download", lambda *_, **__: pytest.fail("the hub was asked"))
    if source in ("", ".."):  # folders
        assert fetch(source).revision is None
        return
    with pytest.raises(PathError, match="no hub name either"):
        fetch(source)


def test_a_file_is_no_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model").write_text("x")
    with pytest.raises(PathError, match="found a file there"):
        fetch("model")


def test_a_folder_has_no_revision(tmp_path: Path) -> None:
    assert fetch(tmp_path).folder == tmp_path
    with pytest.raises(PathError, match="a folder has no revision 'v1'"):
        fetch(tmp_path, "v1")


def test_weights_have_to_be_safetensors(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="found no weights"):
        check_weights(tmp_path)
    (tmp_path / "model.pt").write_bytes(b"x")
    (tmp_path / "a.bin").write_bytes(b"x")
    with pytest.raises(FormatError, match=r"found a\.bin, model\.pt, which may hold code"):
        check_weights(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(save({"x": torch.zeros(1)}))
    check_weights(tmp_path)
