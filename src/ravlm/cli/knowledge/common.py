"""What the verbs of `ravlm knowledge` share: the base that they are given, and how they tell of one."""

from typing import TYPE_CHECKING, Annotated

import typer

from ravlm.cli.console import counted, emit_json, say, table

if TYPE_CHECKING:
    from ravlm.knowledge.store import KnowledgeBase
    from ravlm.knowledge.versions import Version

Base = Annotated[
    str, typer.Argument(metavar="KB", help="A knowledge base, a model's folder, or a location as s3://bucket/name.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]

_VERSIONS = 10  # that `info` tells


def opened(place: str, version: int | None = None) -> "KnowledgeBase":
    """The base at a place, at its newest version or at another."""
    from ravlm.knowledge.store import KnowledgeBase

    return KnowledgeBase.open(place, version=version)


def about(base: "KnowledgeBase") -> dict[str, object]:
    """What a base holds, for programs."""
    return {
        "knowledge": base.location,
        "version": base.version,
        "entries": base.count(),
        "pictures": base.count_pictures(),
        "sources": base.sources(),
        "fingerprint": base.fingerprint,
    }


def _what(version: "Version") -> tuple[str, str]:
    """How many entries a version has, and the beginning of its fingerprint."""
    if version.entries is None or version.fingerprint is None:
        return "damaged", ""
    return f"{version.entries:,}", version.fingerprint[:12]


def held(base: "KnowledgeBase") -> str:
    """How much a base holds, in words."""
    entries = counted(base.count(), "entry", "entries")
    return f"{entries} and {counted(base.count_pictures(), 'picture', 'pictures')}"


def tell(base: "KnowledgeBase", as_json: bool) -> None:
    """Tell what a base holds, and its last versions."""
    versions = base.versions(newest=_VERSIONS)
    if as_json:
        listed = [
            {"version": v.number, "made": v.made.isoformat(), "entries": v.entries, "fingerprint": v.fingerprint}
            for v in versions
        ]
        emit_json({**about(base), "versions": listed})
        return
    say(f"{base.location}: {held(base)}, version {base.version}")
    say(f"fingerprint {base.fingerprint}")
    table(["source", "entries"], [[name or "(none)", f"{count:,}"] for name, count in base.sources().items()])
    say()
    rows = [[f"{v.number}", f"{v.made:%Y-%m-%d %H:%M:%S}", *_what(v)] for v in versions]
    table(["version", "made", "entries", "fingerprint"], rows[::-1])
