"""The tables of the documents, made of the committed results.

    python benchmarks/tables.py

Rewrites what stands between `<!-- figures: FILE -->` and `<!-- end -->` in README.md, README.zh-CN.md and docs/.
"""

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from cells import markdown, share, times
from model_tables import eyes_table, matrix_table, model_table, training_table
from ravlm.evaluation.runs.records import CAUSES
from results_tables import captions_table, fusions_table, joint_table, outputs_table, texts_table
from retrieval_tables import effectiveness_table, retrieval_table
from scoring_tables import scoring_table

ROOT = Path(__file__).parents[1]
MARKED = re.compile(r"(<!-- figures: (\S+) -->\n).*?(<!-- end -->)", re.DOTALL)
WAITING = {"en": "Not measured yet.", "zh": "尚未测量。"}

FLAGS_COLUMNS = {
    "en": {"seen": "seen", "unseen": "unseen", "unseen_zh": "unseen, Chinese"},
    "zh": {"seen": "见过的国家", "unseen": "未见过的国家", "unseen_zh": "未见过的国家，中文"},
}
FLAGS_ROWS = {
    "en": {
        "prior": "prior: the commonest answer of similar training questions",
        "none": "the model, no evidence",
        "retrieved": "**the model**",
        "oracle": "the model, right entry given",
        "removed": "the model, what supports its answer taken away",
        "wrong": "the model, a wrong entry given",
        "R@1": "right entry found first (R@1)",
        "R@5": "right entry among the first five (R@5)",
        "grounded": "right answers that change when their evidence goes",
    },
    "zh": {
        "prior": "先验：相似训练问题最常见的答案",
        "none": "模型，不给证据",
        "retrieved": "**模型**",
        "oracle": "模型，给出正确条目",
        "removed": "模型，拿走支持其答案的内容",
        "wrong": "模型，故意给出错误条目",
        "R@1": "正确条目排第一（R@1）",
        "R@5": "正确条目在前五（R@5）",
        "grounded": "答对且拿走证据后答案改变的比例",
    },
}
GROCERY_HEADS = {
    "en": ("base", "products", "questions", "prior", "no evidence", "**model**", "oracle", "removed", "R@1", "n"),
    "zh": ("知识库", "商品", "问题", "先验", "无证据", "**模型**", "给出正确条目", "拿走证据", "R@1", "数量"),
}
PHOTO_HEADS = {
    "en": ("base", "products", "**R@1**", "R@5", "aim: R@1", "R@5", "floor: R@1", "R@5", "photos"),
    "zh": ("知识库", "商品", "**R@1**", "R@5", "目标：R@1", "R@5", "下限：R@1", "R@5", "照片数"),
}
PHOTO_WORDS = {
    "en": "By photo: the right product found first (R@1), or among the first five (R@5), beside what was aimed at "
    "and what a plain network of the same size and time reaches (floor).",
    "zh": "按照片统计：正确商品排第一（R@1）或进前五（R@5）的比例，旁边是预定目标，"
    "以及同等规模和时间的普通网络所达到的水平（下限）。",
}
GROCERY_EVIDENCE = ("prior", "none", "retrieved", "oracle", "removed")
GROCERY_WORDS = {
    "en": {},
    "zh": {
        "iconic": "仅商品图",
        "photos": "含照片",
        "seen": "见过",
        "unseen": "未见过",
        "numbers": "数值",
        "all": "全部",
    },
}


def flags_table(results: Mapping[str, Any], language: str) -> str:
    """The mean over seeds, with the smallest and the largest in brackets."""

    def cell(scores: Mapping[str, float]) -> str:
        bold = share(scores["mean"])
        return bold if scores["deviation"] is None else f"{bold} ({share(scores['least'])} to {share(scores['most'])})"

    columns, found = FLAGS_COLUMNS[language], results["over_seeds"]
    rows = [[label, *(cell(found[group][row]) for group in columns)] for row, label in FLAGS_ROWS[language].items()]
    return markdown(["", *columns.values()], rows)


def grocery_table(results: Mapping[str, Any], language: str) -> str:
    """A row for each base, group and kind of question: numbers first, then all."""
    words = GROCERY_WORDS[language]
    rows = []
    for base in (name for name in ("iconic", "photos") if name in results):
        for group in ("seen", "unseen"):
            for kind in ("numbers", "all"):
                found = results[base][group][kind]
                of = {name: share(found[name]["value"]) for name in GROCERY_EVIDENCE} | {"R@1": share(found["R@1"])}
                rows.append([*(words.get(w, w) for w in (base, group, kind)), *of.values(), f"{found['n']:,}"])
    by_photo = [
        [
            *(words.get(word, word) for word in (base, group)),
            *(share(values[name]) for values in (found, found["aim"], found["floor"]) for name in ("R@1", "R@5")),
            f"{found['n']:,}",
        ]
        for base, groups in results.get("by photo", {}).items()
        for group, found in groups.items()
    ]
    told = f"\n\n{PHOTO_WORDS[language]}\n\n{markdown(PHOTO_HEADS[language], by_photo)}" if by_photo else ""
    return markdown(GROCERY_HEADS[language], rows) + told


def causes_table(results: Mapping[str, Any], language: str) -> str:
    """What became of the questions of the committed runs, and how true confidence is."""
    head = ["", "right", *CAUSES, "grounded", "ECE", "AURC", "answered", "risk", "n"]
    rows = [
        [f"{name}, {group}", *(share(found[column]) for column in head[1:-1]), f"{found['n']:,}"]
        for name, groups in results.items()
        for group, found in groups.items()
    ]
    return markdown([head[0], *(f"`{cause}`" if cause in CAUSES else cause for cause in head[1:])], rows)


def wikitext_table(results: Mapping[str, Any], language: str) -> str:
    """How many words the fast reader of wikitext keeps, and how fast it is."""
    rows = [
        [f"{what}: {of}", *(share(results[what][key]) for key in ("mean", "median", "tenth", "least"))]
        for what, of in (
            ("recall", "words of the parser that are kept"),
            ("precision", "words that the parser has too"),
        )
    ]
    about = (
        f"{results['pages']} real pages, {results['words']:,} words, against {results['parser']}; tables, references "
        "and others that both treat differently by intention are left out. "
        f"{results['speed']['times faster']:.1f} times as fast."
    )
    return markdown(["over pages", "mean", "median", "10th percentile", "least"], rows) + f"\n\n{about}"


def survival_table(results: Mapping[str, Any], language: str) -> str:
    """What was done to bases, and what was lost."""
    kills, flips, cuts = results["kills"], results["bit flips"], results["truncations"]
    rows = [
        ["`kill -9` of a writer or a build", f"{kills['moments']}", f"{kills['acknowledged and lost']}"],
        ["a flipped bit in a file", f"{flips['made']}", f"{flips['changed an entry and not told']}"],
        ["a file cut short", f"{cuts['made']}", f"{cuts['changed an entry and not told']}"],
    ]
    return markdown(["harm, at random", "times", "entries lost, or changed and not told"], rows)


def knowledge_table(results: Mapping[str, Any], language: str) -> str:
    """Builders against their floors, and a base of a million entries."""
    cn, many, changed = results["conceptnet"], results["a million entries"], results["changes of a million"]
    rows = []
    for name, label in (("wikipedia", "made pages"), ("wikipedia, a real dump", "real pages")):
        if name in results:
            found = results[name]
            rows += [
                [f"wikipedia, {label}: times its floor, one core", f"{found['ratio on one core']:.1f}"],
                [f"wikipedia, {label}: faster on two cores", f"{found['faster on two cores']:.2f}"],
                [f"wikipedia, {label}: entries a second, two cores", _rate(found["two cores"])],
            ]
    rows += [
        ["conceptnet, everything: times its floor", f"{cn['ratio, all']:.1f}"],
        ["conceptnet, English and Chinese: times its floor", f"{cn['ratio, en,zh']:.1f}"],
        ["a million entries: entries a second, the first 100,000", f"{many['entries a second, first 100,000']:,.0f}"],
        ["a million entries: entries a second, the last 100,000", f"{many['entries a second, last 100,000']:,.0f}"],
        ["a million entries: most memory, MB", f"{many['peak MB']:,.0f}"],
        ["a million entries: to open, ms", f"{1000 * changed['open, s']:.0f}"],
        [
            f"after {changed['upserts']:,} single upserts: an upsert, ms (median)",
            f"{changed['last 1,000 upserts, ms']['p50']:.1f}",
        ],
        [
            f"after {changed['upserts']:,} single upserts: a `get`, ms (median)",
            f"{changed['get after, ms']['p50']:.1f}",
        ],
        [f"after {changed['upserts']:,} single upserts: to open, ms", f"{1000 * changed['open after all, s']:.0f}"],
        ["to verify a million entries, s", f"{changed['verify, s']:.0f}"],
    ]
    return markdown(["measured", ""], rows)


def encoders_table(results: Mapping[str, Any], language: str) -> str:
    """From files to vectors, beside the bare encoder and others' loops; the cache; precision; compiling."""
    pictures, texts, compiling = results["pictures"], results["texts"], results["torch.compile"]
    rows = [
        ["ResNet-50: photos a second, from JPEG files to vectors", f"{pictures['a second'][pictures['auto is']]:.1f}"],
        ["... of the bare encoder's forward on ready batches", times(pictures["of the bare forward, float32"])],
        ["... of that, channels last", times(pictures["of the bare forward, float32, channels last"])],
        ["... of a plain timm loop over the files", times(pictures["times the timm loop, float32"])],
        ["MiniLM: texts a second, of 5 to 120 words", f"{texts['a second']['float32']:.0f}"],
        ["... of the bare encoder's forward on ready batches", times(texts["of the bare forward, float32"])],
        ["... of sentence-transformers", times(texts["times sentence-transformers, float32"])],
        ["a second pass with the cache: photos", times(pictures["cache, times"])],
        ["a second pass with the cache: texts", times(texts["cache, times"])],
    ]
    for name, found in (("photos", pictures), ("texts", texts)):
        cosine = f"{found['bfloat16, least cosine']:.4f}"
        rows.append(
            [f"bfloat16 beside float32: {name}", f"{times(found['bfloat16, times float32'])} (cosine {cosine})"]
        )
    for name, found in compiling.items():
        rows.append([f"`torch.compile`: {name}", f"{times(found['times'])} after {found['seconds']:.0f} s"])
    cores = results["measured_with"]["cores"]
    about = f"On {cores} cores, sides taking turns in one process; ratios are medians over rounds."
    return markdown(["measured", ""], rows) + f"\n\n{about}"


def _rate(built: Mapping[str, Any]) -> str:
    return f"{built['kept'] / built['seconds']:,.0f}"


TABLES: dict[str, Callable[[Mapping[str, Any], str], str]] = {
    "benchmarks/results/captions.json": captions_table,
    "benchmarks/results/causes.json": causes_table,
    "benchmarks/results/effectiveness.json": effectiveness_table,
    "benchmarks/results/encoders.json": encoders_table,
    "benchmarks/results/eyes.json": eyes_table,
    "benchmarks/results/flags.json": flags_table,
    "benchmarks/results/fusions.json": fusions_table,
    "benchmarks/results/grocery.json": grocery_table,
    "benchmarks/results/knowledge.json": knowledge_table,
    "benchmarks/results/joint.json": joint_table,
    "benchmarks/results/matrix.json": matrix_table,
    "benchmarks/results/model.json": model_table,
    "benchmarks/results/outputs.json": outputs_table,
    "benchmarks/results/retrieval.json": retrieval_table,
    "benchmarks/results/scoring.json": scoring_table,
    "benchmarks/results/survival.json": survival_table,
    "benchmarks/results/texts.json": texts_table,
    "benchmarks/results/training.json": training_table,
    "benchmarks/results/wikitext.json": wikitext_table,
}


def rewritten(text: str, language: str) -> str:
    """A document with every marked table made anew."""

    def table(found: re.Match[str]) -> str:
        path = ROOT / found[2]
        inside = WAITING[language]
        if path.is_file():
            inside = TABLES[found[2]](json.loads(path.read_text(encoding="utf-8")), language)
        return f"{found[1]}\n{inside}\n\n{found[3]}"

    return MARKED.sub(table, text)


def rewrite_documents() -> None:
    """Make the marked tables of all documents anew."""
    for document in [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]:
        text = document.read_text(encoding="utf-8")
        new = rewritten(text, "zh" if "zh-CN" in document.name else "en")
        if new != text:
            document.write_text(new, encoding="utf-8")


if __name__ == "__main__":
    rewrite_documents()
