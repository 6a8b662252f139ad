"""What a search found, for a terminal and for programs: titles, passages, scores by stage, and what each piece gave."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from ravlm.cli.answers import one_line

if TYPE_CHECKING:
    from ravlm.knowledge.store import KnowledgeBase
    from ravlm.records import Hit, Piece, Query
    from ravlm.retrieval.retriever import Contribution

_SHOWN = 240  # characters of a passage, of a piece's text a third
_DECIMALS = 4  # of an amount; what is 0 in them is not shown
_PIECES = 12  # contributions shown of a hit


def described(
    knowledge: "KnowledgeBase", hits: "Sequence[Hit]", shares: "Sequence[Sequence[Contribution]] | None" = None
) -> list[dict[str, Any]]:
    """Hits with what they point to, for programs; `shares` are what `explain` says of them."""
    from ravlm.knowledge.passages import passages

    made = []
    for place, hit in enumerate(hits):
        entry = knowledge.get(hit.entry_id)
        passage = next((p for p in passages(entry) if p.id == hit.passage_id), None) if hit.passage_id else None
        about: dict[str, Any] = {
            "rank": hit.rank,
            "entry_id": hit.entry_id,
            "title": entry.title,
            "passage_id": hit.passage_id,
            "image_id": hit.image_id,
            "section": passage.section if passage else "",
            "text": passage.text if passage else "",
            "scores": dict(hit.scores),
        }
        if shares is not None:
            about["pieces"] = [
                {"piece": piece_of(share.piece), "stage": share.stage, "amount": share.amount}
                for share in shares[place]
            ]
        made.append(about)
    return made


def piece_of(piece: "Piece") -> dict[str, Any]:
    """A piece of a query, its picture left out."""
    return {"kind": piece.kind, "weight": piece.weight, "text": piece.text, "origin": piece.origin}


def pieces_of(query: "Query") -> list[dict[str, Any]]:
    """What a query compares with the knowledge."""
    return [piece_of(piece) for piece in (*query.words, *query.views)]


def hit_lines(hit: dict[str, Any]) -> Iterator[str]:
    """A described hit, a line for each thing there is to say of it."""
    section = f", {one_line(hit['section'])}" if hit["section"] else ""
    scores = "  ".join(f"{stage} {score:,.4f}" for stage, score in hit["scores"].items())
    yield f"{hit['rank']:>3}. {one_line(hit['title'])}{section}   ({hit['passage_id'] or hit['entry_id']})   {scores}"
    if hit["text"]:
        yield f"     {shortened(hit['text'], _SHOWN)}"
    gave = [share for share in hit.get("pieces", ()) if round(share["amount"], _DECIMALS)]
    shares = sorted(gave, key=lambda share: -abs(share["amount"]))
    for share in shares[:_PIECES]:
        yield f"       {share['amount']:+.{_DECIMALS}f} {share['stage']} from {piece_line(share['piece'])}"
    if len(shares) > _PIECES:
        yield f"       and {len(shares) - _PIECES:,} more"


def piece_line(piece: dict[str, Any]) -> str:
    """A piece in words: what it is, its text, where it comes from."""
    text = f" {shortened(piece['text'], _SHOWN // 3)!r}" if piece["text"] else ""
    origin = f" ({piece['origin']})" if piece["origin"] else ""
    return f"{piece['kind']}{text}{origin}"


def shortened(text: str, longest: int) -> str:
    """A text on one line, cut at a space where it is too long.

    >>> shortened("one two three", 9)
    'one two…'
    """
    line = one_line(text)
    if len(line) <= longest:
        return line
    space = line.rfind(" ", 0, longest)
    return line[: space if space > longest // 2 else longest - 1].rstrip(" ,;:，、；：") + "…"
