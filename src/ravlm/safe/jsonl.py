"""The one door through which lines of JSON written by others become checked values; every fault is found at once."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from ravlm.errors import DatasetError, PathError
from ravlm.safe.files import read_lines

Model = TypeVar("Model", bound=BaseModel)
_SHOWN = 80  # characters of a wrong value that a fault shows
_LISTED = 100  # faults that an error lists


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """One thing that is wrong in a file: where (`line` from 1, 0 for the whole file), what, and what should be."""

    file: str
    line: int
    field: str
    found: str
    expected: str

    def __str__(self) -> str:
        place = f"{self.file}, line {self.line}" if self.line else self.file
        field = f", field {self.field}" if self.field else ""
        return f"{place}{field}: found {self.found}, expected {self.expected}"

    def as_dict(self) -> dict[str, str | int]:
        """The fault's five parts by name."""
        return asdict(self)


def shown(value: Any) -> str:
    """A wrong value as a fault shows it: its repr, cut at 80 characters."""
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def parse_model(model: type[Model], data: bytes, file: str, line: int = 0) -> Model | list[Fault]:
    """`data` (JSON) as a strict model, or all of its faults."""
    try:
        return model.model_validate_json(data)
    except ValidationError as error:
        return faults_of(error, file, line)


def read_models(path: Path, model: type[Model], faults: list[Fault]) -> Iterator[tuple[int, Model]]:
    """The lines of a JSON Lines file as strict models, with their numbers from 1.

    A wrong line is left out and its faults are appended to `faults`; so is a missing file.
    """
    try:
        for number, line in read_lines(path):
            parsed = parse_model(model, line, path.name, number)
            if isinstance(parsed, list):
                faults.extend(parsed)
            else:
                yield number, parsed
    except PathError:
        faults.append(Fault(path.name, 0, "", "no readable file", f"a file {path.name} in {path.parent}"))


def refuse(what: str, faults: list[Fault]) -> None:
    """Raise the error that lists these faults; do nothing where there are none.

    Raises:
        DatasetError: `what` has faults; at most 100 are listed.
    """
    if faults:
        listed = [str(fault) for fault in faults[:_LISTED]]
        if len(faults) > _LISTED:
            listed.append(f"... and {len(faults) - _LISTED:,} more")
        raise DatasetError(f"{what} has {len(faults):,} fault{'s' * (len(faults) > 1)}. Mend them:", listed)


def faults_of(error: ValidationError, file: str, line: int = 0) -> list[Fault]:
    """What a strict model found wrong."""
    return [_fault(file, line, detail) for detail in error.errors(include_url=False, include_context=False)]


def _fault(file: str, line: int, detail: Any) -> Fault:
    field = ".".join(str(part) for part in detail["loc"])
    kind, found = detail["type"], shown(detail["input"])
    if kind == "extra_forbidden":
        return Fault(file, line, field, f"the unknown field with {found}", "only the fields of the format")
    if kind == "missing":
        return Fault(file, line, field, "no such field", "the field, which is required")
    if kind == "json_invalid":
        return Fault(file, line, "", found, f"JSON ({detail['msg'].removeprefix('Invalid JSON: ')})")
    if kind == "value_error":
        return Fault(file, line, field, found, detail["msg"].removeprefix("Value error, "))
    return Fault(file, line, field, found, detail["msg"].removeprefix("Input should be "))
