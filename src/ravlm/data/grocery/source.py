"""Reads the Grocery Store Dataset's folder: products with their statements, and photos by split.

Its quirks, all met here: some files start with a byte order mark, field names and units are partly Swedish, nutrient
blocks can repeat, `ca` can stick to the name before it, and one file is named with a hyphen.
"""

import csv
import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ravlm.data.grocery.fields import COUNTRIES, NUTRIENTS, UNITS, Statement
from ravlm.errors import DatasetError, PathError
from ravlm.lines import SPLITS

DESCRIPTION, PRODUCT = "Description", "Product"
INGREDIENTS, NUTRITION = "Ingredients", "Nutrition values per 100 gram"

_NUTRIENT = re.compile(r"(.+?)\s*ca\s+(\d+(?:[.,]\d+)?)\s+(\w+)")
_AMOUNT = re.compile(r"(?P<about>ca\s+)?(?P<number>\d+(?:[.,]\d+)?)\s*(?P<unit>[a-z]+)")
_IGNORED = {"URL", DESCRIPTION, "Title", NUTRITION}


@dataclass(frozen=True, slots=True)
class Product:
    """One of the fine classes with its article. `icon` is the path of its own picture, relative to the source."""

    id: int
    name: str
    coarse: str
    icon: str
    title: str
    url: str
    description: str
    ingredients: str
    statements: tuple[Statement, ...]

    @property
    def slug(self) -> str:
        return self.name.lower()

    @property
    def unseen(self) -> bool:
        """Held out of training: in the knowledge base, in no training or validation example."""
        return self.id % 3 == 2


@dataclass(frozen=True, slots=True)
class Source:
    """The whole folder: products by fine id, and (path relative to the folder, fine id) by split."""

    root: Path
    products: dict[int, Product]
    photos: dict[str, tuple[tuple[str, int], ...]]


def read_source(root: Path) -> Source:
    """Read and check the folder.

    Raises:
        PathError: it is not there or lacks `classes.csv` or a split's list.
        DatasetError: every file or line that is missing or can't be understood.
    """
    for name in ("classes.csv", *(f"{split}.txt" for split in SPLITS)):
        if not (root / name).is_file():
            raise PathError(
                f"{root} has no file {name}. Expected the folder of the Grocery Store Dataset, with classes.csv, "
                "train.txt, val.txt and test.txt; give that folder as the source."
            )
    faults: list[str] = []
    products: dict[int, Product] = {}
    for row in csv.DictReader(_text(root / "classes.csv").splitlines()):
        product = _product(root, row, faults)
        if product is not None:
            products[product.id] = product
    photos = {split: _photos(root, split, products, faults) for split in SPLITS}
    if faults:
        raise DatasetError(f"{root} can't be read as the Grocery Store Dataset:", faults)
    return Source(root, products, photos)


def _text(path: Path) -> str:
    return unicodedata.normalize("NFC", path.read_text(encoding="utf-8-sig")).replace("\xa0", " ")


def _product(root: Path, row: dict[str, str], faults: list[str]) -> Product | None:
    name = row["Class Name (str)"]
    icon = row["Iconic Image Path (str)"].lstrip("/")
    description = row["Product Description Path (str)"].lstrip("/")
    folder = root / PurePosixPath(icon).parent
    information = sorted(folder.glob("*[_-]Information.txt"))
    missing = [p for p in (icon, description) if not _inside(root, p)]
    if missing or len(information) != 1:
        faults += [f"classes.csv: {name}: {path}: found no such file" for path in missing]
        if len(information) != 1:
            faults.append(f"{folder.name}: found {len(information)} files *_Information.txt, expected 1")
        return None
    fields, nutrients = _fields(information[0], faults)
    return Product(
        id=int(row["Class ID (int)"]),
        name=name,
        coarse=row["Coarse Class Name (str)"],
        icon=icon,
        title=fields.get("Title", name.replace("-", " ")),
        url=fields.get("URL", ""),
        description=" ".join(_text(root / description).split()),
        ingredients=fields.get("Ingredients", "").removeprefix("INGREDIENSER:").strip(),
        statements=tuple(dict.fromkeys([*_statements(information[0].name, fields, faults), *nutrients])),
    )


def _fields(path: Path, faults: list[str]) -> tuple[dict[str, str], list[Statement]]:
    """The headed lines by heading, and the indented nutrient lines, each as a statement."""
    fields: dict[str, str] = {}
    nutrients: list[Statement] = []
    for number, line in enumerate(_text(path).splitlines(), 1):
        heading, colon, value = line.partition(":")
        found = _NUTRIENT.fullmatch(line.strip())
        if found:
            nutrients.append(_nutrient(*found.groups()))
        elif colon and not line.startswith(" "):
            fields[heading.strip()] = value.strip()
        elif line.strip():
            faults.append(f"{path.name}, line {number}: found {line.strip()!r}, expected `name: value` or a nutrient")
    return fields, nutrients


def _nutrient(name: str, number: str, unit: str) -> Statement:
    field = NUTRIENTS.get(name.lower(), name.lower())
    unit = UNITS.get(unit.lower(), unit.lower())
    if field == "energy":
        field = f"energy in {unit}"
    return _number(field, NUTRITION, number, unit, about=True)


def _number(field: str, section: str, number: str, unit: str, *, about: bool) -> Statement:
    value = float(number.replace(",", "."))
    return Statement(field, f"{'ca ' * about}{value:,.10g} {unit}", section, value=value, unit=unit)


def _statements(file: str, fields: dict[str, str], faults: list[str]) -> list[Statement]:
    """What the headed lines state. `Country and volume: Italy, ca 180g` is two statements."""
    found: list[Statement] = []
    for heading, value in fields.items():
        match heading:
            case "Country" | "Manufacturing country":
                found.append(_country(heading.lower(), value))
            case "Country and volume" | "Manufacturer and volume":
                first, _, amount = (part.strip() for part in value.rpartition(","))
                if heading.startswith("Country"):
                    found.append(_country("country", first))
                else:
                    found.append(Statement("manufacturer", first, PRODUCT, (first,)))
                size = _AMOUNT.fullmatch(amount)
                if size:
                    about = size["about"] is not None
                    found.append(_number("volume", PRODUCT, size["number"], size["unit"], about=about))
                else:
                    faults.append(
                        f"{file}: {heading}: found {value!r}, expected a name, a comma and an amount like 180g"
                    )
            case _ if heading not in _IGNORED and heading != INGREDIENTS:
                faults.append(f"{file}: found the unknown field {heading!r}")
    return found


def _country(field: str, value: str) -> Statement:
    return Statement(field, value, PRODUCT, tuple(dict.fromkeys([value, COUNTRIES.get(value, value)])))


def _photos(root: Path, split: str, products: dict[int, Product], faults: list[str]) -> tuple[tuple[str, int], ...]:
    photos = []
    for number, line in enumerate(_text(root / f"{split}.txt").splitlines(), 1):
        path, *labels = (part.strip() for part in line.split(","))
        if not (len(labels) == 2 and labels[0].isdecimal()):
            faults.append(f"{split}.txt, line {number}: found {line!r}, expected `path, fine id, coarse id`")
        elif int(labels[0]) not in products:
            faults.append(f"{split}.txt, line {number}: found the fine id {labels[0]}, which classes.csv lacks")
        elif not _inside(root, path):
            faults.append(f"{split}.txt, line {number}: {path}: found no such file")
        else:
            photos.append((path, int(labels[0])))
    return tuple(photos)


def _inside(root: Path, relative: str) -> bool:
    parts = PurePosixPath(relative).parts
    return ".." not in parts and not PurePosixPath(relative).is_absolute() and (root / relative).is_file()
