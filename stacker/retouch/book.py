"""The file of retouches beside a stack folder: read, changed, written; see docs/layers.md."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import pydantic

from stacker.errors import DataError, UserError
from stacker.fusion.methods import Method
from stacker.io.atomic import write_text

__all__ = [
    "BOOK_VERSION",
    "FARTHEST_PX",
    "MOST_RADIUS_PX",
    "FromFrame",
    "FromFused",
    "FromMethod",
    "MaskFile",
    "Polygon",
    "Region",
    "Retouch",
    "RetouchBook",
    "Source",
    "Strokes",
    "book_path",
]

BOOK_VERSION = 1
"""What this software writes and the newest that it reads."""

_MOST_FEATHER_PX = 1000.0

FARTHEST_PX, MOST_RADIUS_PX = 10_000_000, 16_000
"""Beyond that OpenCV cannot draw: it has 32 bits for sixteenths of a pixel, 32767 px for a line's width."""

_Coordinate = Annotated[float, pydantic.Field(ge=-FARTHEST_PX, le=FARTHEST_PX)]
_Point = tuple[_Coordinate, _Coordinate]


class _Record(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Polygon(_Record):
    """The inside of a polygon, in pixels of the reference view."""

    kind: Literal["polygon"] = "polygon"
    points_px: tuple[_Point, ...] = pydantic.Field(min_length=3)


class Strokes(_Record):
    """What a round brush has passed over, in pixels of the reference view."""

    kind: Literal["strokes"] = "strokes"
    lines_px: tuple[tuple[_Point, ...], ...] = pydantic.Field(min_length=1)
    radius_px: float = pydantic.Field(gt=0, le=MOST_RADIUS_PX)

    @pydantic.field_validator("lines_px")
    @classmethod
    def _has_points(cls, lines: tuple[tuple[_Point, ...], ...]) -> tuple[tuple[_Point, ...], ...]:
        if not all(lines):
            raise ValueError("a stroke has at least one point")
        return lines


class MaskFile(_Record):
    """A picture, white where something is taken; ``at_px`` of the reference view is its first pixel."""

    kind: Literal["mask"] = "mask"
    file: str
    at_px: tuple[int, int]


Region = Annotated[Polygon | Strokes | MaskFile, pydantic.Field(discriminator="kind")]


class FromFrame(_Record):
    """A frame, found by its name: its number may be another one when the stack is made again."""

    kind: Literal["frame"] = "frame"
    name: str


class FromFused(_Record):
    """The picture as it was fused: takes retouches before this one back."""

    kind: Literal["fused"] = "fused"


class FromMethod(_Record):
    """The same frames, fused by another method."""

    kind: Literal["method"] = "method"
    method: Method


Source = Annotated[FromFrame | FromFused | FromMethod, pydantic.Field(discriminator="kind")]


class Retouch(_Record):
    """A region and where it is taken from.

    Attributes
    ----------
    region : Polygon, Strokes or MaskFile
        Where.
    source : FromFrame, FromFused or FromMethod
        What is to be seen there.
    feather_px : float
        Width over which the region's edge fades.
    note : str
        For people.
    """

    region: Region
    source: Source
    feather_px: float = pydantic.Field(default=4.0, ge=0, le=_MOST_FEATHER_PX)
    note: str = ""


class RetouchBook(_Record):
    """The retouches of a stack, in the order in which they are applied.

    Attributes
    ----------
    retouches : tuple of Retouch
        What is applied.
    undone : tuple of Retouch
        What was taken back, the latest last; forgotten when another is added.
    """

    format: Literal["focusrig-retouches"] = "focusrig-retouches"
    version: int = BOOK_VERSION
    retouches: tuple[Retouch, ...] = ()
    undone: tuple[Retouch, ...] = ()

    def added(self, retouch: Retouch) -> RetouchBook:
        """With one more."""
        return RetouchBook(retouches=(*self.retouches, retouch))

    def undo(self) -> RetouchBook:
        """Without the last one.

        Raises
        ------
        UserError
            When there is none.
        """
        if not self.retouches:
            raise UserError("There is no retouch to undo")
        return RetouchBook(retouches=self.retouches[:-1], undone=(*self.undone, self.retouches[-1]))

    def redo(self) -> RetouchBook:
        """With the one that was undone last.

        Raises
        ------
        UserError
            When there is none.
        """
        if not self.undone:
            raise UserError("There is no retouch to redo")
        return RetouchBook(retouches=(*self.retouches, self.undone[-1]), undone=self.undone[:-1])

    def save(self, path: Path) -> None:
        """Write the file, complete or not at all.

        Raises
        ------
        DataError
            When it cannot be written.
        """
        write_text(path, self.model_dump_json(indent=1) + "\n")

    @staticmethod
    def load(path: Path) -> RetouchBook:
        """Read a file; an empty book where there is none.

        Raises
        ------
        DataError
            When it is damaged, not one, or of a newer version.
        """
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            return RetouchBook()
        except OSError as error:
            raise DataError(f"The retouches in {path} cannot be read: {error.strerror}") from error
        try:
            table = pydantic.TypeAdapter(dict[str, Any]).validate_json(content)
            version = table.get("version")
            if isinstance(version, int) and version > BOOK_VERSION:
                raise DataError(
                    f"{path} has version {version} of the retouches; this software reads versions up to "
                    f"{BOOK_VERSION}: update it"
                )
            return RetouchBook.model_validate(table)
        except pydantic.ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"]) or "the file"
            raise DataError(f"The retouches in {path} are damaged: {where}: {first['msg']}") from error


def book_path(stack_folder: Path) -> Path:
    """Where the retouches of a stack folder are: beside it, so that they stay when it is replaced.

    Parameters
    ----------
    stack_folder : Path
        As `stacker.load_stack` reads it; need not be there.

    Returns
    -------
    Path
        ``NAME.retouch.json`` of ``NAME.stack``, and of folders that are called otherwise.
    """
    # Only that suffix: moth.v1 and moth.v2 would else have their retouches in common.
    return stack_folder.with_name(stack_folder.name.removesuffix(".stack") + ".retouch.json")
