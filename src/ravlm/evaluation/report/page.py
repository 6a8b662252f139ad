"""The page: one HTML file about one or several runs.

The file loads nothing, runs no script, and says so to the browser in its content security policy. Everything that was
read from data or knowledge is escaped; every picture is decoded and drawn anew before it is put in.
"""

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from ravlm.evaluation.comparing import are_seeds_of_one
from ravlm.evaluation.report.cards import card, choose_examples, main_kind
from ravlm.evaluation.report.measured import confidence_section, finding_section
from ravlm.evaluation.report.parts import Cards, Section
from ravlm.evaluation.report.pictures import Shown, Source
from ravlm.evaluation.report.sections import causes_section, evidence_section, relations_section, training_section
from ravlm.evaluation.report.several import differs_section, letter, runs_section, seeds_section
from ravlm.evaluation.report.tables import Noted, Table, cell
from ravlm.evaluation.report.words import Language, Words, words_in
from ravlm.evaluation.runs.folder import Run
from ravlm.safe.files import write_text_atomic

_PACKAGE = "ravlm.evaluation.report"
_POLICY = "default-src 'none'; img-src data:; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
_SHORT = 12  # hex digits of a fingerprint


@dataclass(frozen=True, slots=True)
class Told:
    """A run as the page tells it: its letter, its id, what was run, and the sections about it alone."""

    letter: str
    id: str
    lead: str
    sections: tuple[Section, ...]


def write_report(
    out: Path,
    runs: Sequence[Run],
    *,
    language: Language = "en",
    sources: Sequence[Source],
    extra: Sequence[Table] = (),
    examples: int = 30,
    seed: int = 0,
) -> None:
    """Write the page; the file appears when it is whole.

    One run: the run. Several: each in a row of a table and in full further below; runs of the same system over seeds
    also get a table over seeds, and two runs that share questions what differs between them.

    Args:
        out: the HTML file.
        runs: at least one.
        language: of the page's own words; what is read from a run stays in its language.
        sources: of pictures, one a run.
        extra: tables that the page shows after the run's own, before the cards.
        examples: how many answers are shown, over all runs; as many again of those that changed between two.
        seed: decides which.

    A picture that is missing or can't be decoded safely is left out, and the page says so in its place.

    Raises:
        ValueError: there is no run.
    """
    if not runs:
        raise ValueError("a report needs at least one run")
    words, shown = words_in(language), [Shown.of(source) for source in sources]
    several = len(runs) > 1
    own = tuple(Section(table.title, [table]) for table in extra)
    told = tuple(
        Told(
            letter(i),
            str(run.summary["run"])[:_SHORT],
            _lead(run, words),
            (
                *_about(run, words),
                *(() if several else own),
                *_cards(run, words, shown[i], examples // len(runs), seed),
            ),
        )
        for i, run in enumerate(runs)
    )
    shared = (*_several(runs, words, shown, examples, seed), *own) if several else ()
    style = resources.files(_PACKAGE).joinpath("report.css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    page = (
        _environment()
        .get_template("page.html.j2")
        .render(
            title=_title(runs, words),
            language=language,
            words=words,
            runs=told,
            shared=_filled(shared),
            style=Markup(style),  # noqa: S704  # a file of this package
            policy=_POLICY.format(digest=digest),
        )
    )
    write_text_atomic(out, page)


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader(_PACKAGE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["cell"] = cell
    environment.filters["short"] = _short
    environment.tests["noted"] = lambda value: isinstance(value, Noted)
    return environment


def _short(number: float) -> str:
    """Three digits, or all of a whole number or a large one."""
    return f"{number:,.0f}" if number == int(number) or abs(number) >= 1000 else f"{number:.3g}"


def _title(runs: Sequence[Run], words: Words) -> str:
    asked = dict.fromkeys((run.about["dataset"]["name"], run.about["dataset"]["split"]) for run in runs)
    title = words.page.comma.join(words.page.title.format(dataset=name, split=split) for name, split in asked)
    return title if len(runs) == 1 else str(words.page.titles.format(n=len(runs), of=title))


def _lead(run: Run, words: Words) -> str:
    """What was run, in a sentence; a second where it was a part of the split."""
    about, w = run.about, words.page
    groups = about["dataset"].get("groups", ())
    seed = about.get("seeds", {}).get("training")
    told = w.lead_no_seed if seed is None else w.lead
    lead = str(
        told.format(
            asked=w.asked.count(len(run.questions)),
            dataset=about["dataset"]["name"],
            split=about["dataset"]["split"],
            model=str(about["model"]["fingerprint"])[:_SHORT],
            version=about["knowledge"]["version"],
            entries=f"{about['knowledge']['entries']:,}",
            kinds=w.comma.join(words.evidence.kinds.of(kind) for kind in run.answers),
            seed=seed,
        )
    )
    return f"{lead} {w.only.format(groups=w.comma.join(groups))}" if groups else lead


def _about(run: Run, words: Words) -> tuple[Section, ...]:
    """The sections about a run alone, but for its cards."""
    makers = (
        evidence_section,
        causes_section,
        finding_section,
        confidence_section,
        relations_section,
        training_section,
    )
    return _filled([make(run, words) for make in makers])


def _cards(run: Run, words: Words, shown: Shown, examples: int, seed: int) -> tuple[Section, ...]:
    kind = main_kind(run)
    if kind is None:
        return ()
    places = choose_examples(run, kind, examples, seed)
    w, found = words.cards, []
    for title, right in ((w.right, True), (w.wrong, False)):
        cards = tuple(card(run, i, kind, shown) for i in places if run.outcomes[i].right[kind] == right)
        found.append(Section(title, [Cards(cards)] if cards else [], "" if right else w.lead.format(seed=seed)))
    return _filled(found)


def _several(runs: Sequence[Run], words: Words, shown: Sequence[Shown], examples: int, seed: int) -> list[Section]:
    found = [runs_section(runs, words)]
    if are_seeds_of_one(runs):
        found.append(seeds_section(runs, words))
    if len(runs) == 2:
        found.append(differs_section((runs[0], runs[1]), words, (shown[0], shown[1]), examples, seed))
    return found


def _filled(sections: Sequence[Section]) -> tuple[Section, ...]:
    """The sections that have something to show."""
    return tuple(section for section in sections if section.parts)
