"""The README's picture: three test questions of the shipped world, the entry each photo shows, the words that answer.

    ravlm dataset make flags --out flags
    python benchmarks/readme_picture.py flags docs/images/how-it-answers.svg

It shows what is to be found (the dataset's own answer in its own article), not what a model found.
"""

import base64
import sys
import textwrap
from pathlib import Path
from xml.sax.saxutils import escape

from ravlm.data.dataset import Dataset
from ravlm.grading import reference_answer
from ravlm.knowledge.passages import sentence_around
from ravlm.records import Entry, Example

SHOWN = ("test-zw-highest_point-en-0", "test-jp-area-en-1", "test-gr-capital-zh-0")
HEIGHT, TOP, WIDTH = 168, 40, 980  # pixels: a row, the headings, the whole
ANSWER, INK, MUTED, PAPER = "#ffe08a", "#1f2328", "#59636e", "#f6f8fa"
FONT = "font-family=\"-apple-system, 'Segoe UI', 'Noto Sans', 'Noto Sans CJK SC', 'PingFang SC', sans-serif\""


def picture(path: Path, x: int, y: int, width: int, height: int) -> str:
    """A picture inside the drawing, kept whole."""
    kind = "png" if path.suffix == ".png" else "jpeg"
    data = base64.b64encode(path.read_bytes()).decode()
    return f'<image x="{x}" y="{y}" width="{width}" height="{height}" href="data:image/{kind};base64,{data}"/>'


def words(lines: list[str], x: int, y: int, size: int = 14, fill: str = INK, weight: int = 400) -> str:
    """Lines of text below each other."""
    spans = "".join(f'<tspan x="{x}" y="{y + i * (size + 6)}">{line}</tspan>' for i, line in enumerate(lines))
    return f'<text font-size="{size}" font-weight="{weight}" fill="{fill}">{spans}</text>'


def wrapped(text: str, columns: int) -> list[str]:
    """The text in lines; Chinese characters are twice as wide and break anywhere."""
    if text.isascii() or " " in text:
        return textwrap.wrap(text, columns)
    return [text[i : i + columns // 2] for i in range(0, len(text), columns // 2)]


def evidence(example: Example, entry: Entry) -> tuple[str, str]:
    """The sentence of the entry that holds the answer, and the words of the answer in it."""
    for section in entry.sections:
        for answer in (reference_answer(example), *example.answers):
            at = section.text.find(answer)
            if at >= 0 and section.language == example.language:
                return sentence_around(section.text, (at, at + len(answer))), answer
    raise ValueError(f"no section of {entry.id} holds the answer to {example.id}")


def marked(lines: list[str], answer: str) -> list[str]:
    """The lines as SVG with the answer's words in bold, where a line holds them."""
    bold = f'<tspan font-weight="700" text-decoration="underline">{escape(answer)}</tspan>'
    return [bold.join(map(escape, line.split(answer))) for line in lines]


def row(dataset: Dataset, example: Example, entry: Entry, y: int) -> str:
    """One question from photo to answer."""
    sentence, answer = evidence(example, entry)
    whole = answer.replace(" ", "\u00a0")  # an answer is not broken into two lines
    sentence = sentence.replace(answer, whole)
    return "\n".join(
        [
            f'<line x1="20" x2="{WIDTH - 20}" y1="{y}" y2="{y}" stroke="#d1d9e0"/>',
            picture(dataset.image_path(example.images[0]), 20, y + 16, 190, 136),
            words([escape(line) for line in wrapped(example.question or "", 24)], 224, y + 44),
            f'<path d="M404 {y + 84} h24 m-8 -6 l8 6 l-8 6" fill="none" stroke="{MUTED}" stroke-width="2"/>',
            picture(dataset.image_path(entry.images[0]), 444, y + 50, 110, 74),
            words([escape(entry.title)], 444, y + 36, 14, INK, 600),
            words(marked(wrapped(sentence, 28), whole), 570, y + 66),
            f'<path d="M784 {y + 84} h24 m-8 -6 l8 6 l-8 6" fill="none" stroke="{MUTED}" stroke-width="2"/>',
            f'<rect x="820" y="{y + 60}" width="{WIDTH - 834}" height="46" rx="8" fill="{ANSWER}"/>',
            words([escape(answer)], 832, y + 89, 15, INK, 700),
        ]
    )


def main(data: Path, out: Path) -> None:
    """Draw the picture as one SVG that loads nothing."""
    dataset = Dataset.open(data)
    entries = {entry.id: entry for entry in dataset.knowledge()}
    examples = {example.id: example for example in dataset.split("test")}
    rows = [
        row(dataset, examples[name], entries[examples[name].entries[0]], TOP + i * HEIGHT)
        for i, name in enumerate(SHOWN)
    ]
    heads = {20: "A photo and a question", 444: "The entry in your knowledge base, and its words", 820: "The answer"}
    titles = "\n".join(words([title], x, 26, 13, MUTED, 600) for x, title in heads.items())
    high = TOP + len(SHOWN) * HEIGHT
    size = f'viewBox="0 0 {WIDTH} {high}" width="{WIDTH}" height="{high}"'
    out.write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} {FONT}>\n'
        f'<rect width="100%" height="100%" fill="{PAPER}"/>\n{titles}\n' + "\n".join(rows) + "\n</svg>\n",
        encoding="utf-8",
    )
    print(f"{out}: {out.stat().st_size:,} bytes")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
