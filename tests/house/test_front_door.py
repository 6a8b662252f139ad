"""What a program gets from `import ravlm`: the pinned names, quickly, and nothing else."""

import json
import subprocess
import sys
import time
from importlib import import_module

import pytest

import ravlm

NAMES = [
    "Answer",
    "Answerer",
    "AttentionFusion",
    "Bm25Retriever",
    "CandidateHead",
    "Citation",
    "ClassificationHead",
    "CompactLanguageEncoder",
    "CompactVisualEncoder",
    "CrossModalRetriever",
    "DenseRetriever",
    "EntityThenPassageRetriever",
    "Entry",
    "Extractor",
    "FeatureCache",
    "FeatureFusion",
    "GenerationHead",
    "HierarchicalFusion",
    "Hit",
    "HybridRetriever",
    "ImageRetriever",
    "InteractionFusion",
    "JointEncoder",
    "KnowledgeBase",
    "LateInteractionRetriever",
    "MultiLabelHead",
    "Query",
    "RavlmError",
    "RegressionHead",
    "RetrievalAugmentedVLM",
    "TfidfRetriever",
    "TimmVisualEncoder",
    "TransformersLanguageEncoder",
    "TransformersVisualEncoder",
    "__version__",
    "load_encoder",
]
SLOWEST = 0.3  # seconds that `import ravlm` may add to a bare interpreter

LOOK = """
import json, logging, os, random, signal, sys, warnings
def state():
    return [dict(os.environ), logging.root.handlers, logging.root.level, list(logging.root.manager.loggerDict),
            warnings.filters, random.getstate(), os.getcwd(), sys.path, signal.getsignal(signal.SIGINT), sys.excepthook]
before = [repr(part) for part in state()]
{imports}
after = [repr(part) for part in state()]
changed = [place for place, (old, new) in enumerate(zip(before, after)) if old != new]
print(json.dumps({{"changed": changed, "loaded": sorted(name for name in sys.modules if "." not in name)}}))
"""
HEAVY = ("torch", "numpy", "PIL", "lance", "pyarrow", "pydantic", "sklearn", "scipy", "rich", "typer", "tokenizers")


def look(imports: str) -> tuple[dict[str, list[str]], str]:
    """What importing left behind in a fresh interpreter, and what it wrote to stderr."""
    ran = subprocess.run([sys.executable, "-c", LOOK.format(imports=imports)], capture_output=True, check=True)
    return json.loads(ran.stdout), ran.stderr.decode()


def test_the_public_names_are_pinned() -> None:
    assert sorted(ravlm.__all__) == NAMES
    assert sorted(dir(ravlm)) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_every_public_name_is_there(name: str) -> None:
    value = getattr(ravlm, name)
    assert name.startswith("__") or value is getattr(import_module(value.__module__), name)


def test_an_unknown_name_is_refused_with_the_known_ones() -> None:
    with pytest.raises(AttributeError, match=r"no attribute 'VLM'; it has .*RetrievalAugmentedVLM"):
        _ = ravlm.VLM  # type: ignore[attr-defined]


def test_importing_ravlm_does_nothing_and_loads_nothing_heavy() -> None:
    found, errors = look("import ravlm")
    assert found["changed"] == []
    assert set(found["loaded"]) & set(HEAVY) == set()
    assert errors == ""


def test_the_look_sees_what_an_import_could_do() -> None:
    found, _ = look("os.environ['X'] = '1'; logging.basicConfig(); import numpy")
    assert {0, 1} <= {int(place) for place in found["changed"]}
    assert "numpy" in found["loaded"]


def test_the_command_line_starts_without_torch() -> None:
    found, errors = look("import ravlm.cli.main")
    assert {"torch", "lance", "sklearn"} & set(found["loaded"]) == set()
    assert errors == ""


def test_knowledge_is_built_and_searched_without_torch() -> None:
    modules = "knowledge.build, knowledge.sync, knowledge.articles, data.check, data.flags.world, data.grocery"
    imports = "\n".join(f"import ravlm.{name.strip()}" for name in [*modules.split(","), "retrieval.tfidf", "grading"])
    found, _ = look(imports)
    assert "torch" not in found["loaded"]


def test_importing_ravlm_is_quick() -> None:
    """The one figure of time in the tests: best of five fresh interpreters, with and without the import."""

    def best(code: str) -> float:
        taken = []
        for _ in range(5):
            began = time.perf_counter()
            subprocess.run([sys.executable, "-c", code], check=True)
            taken.append(time.perf_counter() - began)
        return min(taken)

    assert best("import ravlm") - best("pass") <= SLOWEST
