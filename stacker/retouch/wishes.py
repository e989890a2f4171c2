"""What a person says about a retouch, made one: points of the picture, numbers of frames, mask files."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

from stacker.errors import UserError
from stacker.fusion.methods import Method
from stacker.outputs.registered import used_places
from stacker.result import Stack
from stacker.retouch.book import (
    FARTHEST_PX,
    MOST_RADIUS_PX,
    FromFrame,
    FromFused,
    FromMethod,
    MaskFile,
    Polygon,
    Region,
    Retouch,
    Source,
    Strokes,
)

__all__ = ["parse_points", "region_of", "source_of", "told"]


def source_of(stack: Stack, frame: str | None, fused: bool, method: str | None) -> Source:
    """Where a region is taken from: exactly one of a frame, the fused picture and a method.

    Parameters
    ----------
    stack : Stack
        The stack.
    frame : str, optional
        A number from 1 in the order of the stack, or a file's name.
    fused : bool
        The picture as it was fused.
    method : str, optional
        Another method.

    Raises
    ------
    UserError
        When it is none or several, or there is no such frame or method.
    """
    if [frame is not None, fused, method is not None].count(True) != 1:
        raise UserError("Say what to take: one of --frame, --fused and --method")
    if method is not None:
        if method not in {one.value for one in Method}:
            raise UserError(f"A method is {', '.join(one.value for one in Method)}, not {method}")
        return FromMethod(method=Method(method))
    return FromFused() if frame is None else FromFrame(name=_frame_name(stack, frame))


def _frame_name(stack: Stack, text: str) -> str:
    reports = [stack.reports[place] for place in used_places(stack)]
    numbers = {str(report.index + 1): report.name for report in reports}
    names = [report.name for report in reports]
    if text in names:
        return text
    if text in numbers:
        return numbers[text]
    left_out = {str(report.index + 1) for report in stack.reports} | {report.name for report in stack.reports}
    if text in left_out:
        raise UserError(f"The frame {text} was left out of the stack")
    last = max(report.index for report in stack.reports) + 1
    raise UserError(f"There is no frame {text}: this stack has frames 1 to {last}")


def region_of(
    stack: Stack,
    polygon: str | None,
    strokes: Sequence[str],
    radius_px: float | None,
    mask: Path | None,
    folder: Path,
) -> Region:
    """A region in pixels of the picture, as one of the reference view: exactly one of the three kinds.

    Parameters
    ----------
    stack : Stack
        The stack.
    polygon : str, optional
        ``x,y x,y x,y …``.
    strokes : sequence of str
        The same of brush strokes.
    radius_px : float, optional
        Of the brush.
    mask : Path, optional
        A picture as large as the stack's.
    folder : Path
        Where the file of retouches is; the mask is named relative to it.

    Raises
    ------
    UserError
        When it is none or several, or something is missing or wrong.
    """
    if [polygon is not None, bool(strokes), mask is not None].count(True) != 1:
        raise UserError("Say where: one of --region, --stroke and --mask")
    if bool(strokes) != (radius_px is not None):
        raise UserError("A brush has strokes and a radius: give --stroke and --radius together")
    x, y = stack.origin_px

    def placed(text: str) -> tuple[tuple[float, float], ...]:
        return tuple((px + x, py + y) for px, py in parse_points(text))

    if polygon is not None:
        points = placed(polygon)
        if len(points) < 3:
            raise UserError(f"A region has at least 3 corners, not {len(points)}")
        return Polygon(points_px=points)
    if mask is None:
        if radius_px is None or not 0 < radius_px <= MOST_RADIUS_PX:
            raise UserError(
                f"The radius of a brush is above 0 px and {MOST_RADIUS_PX} at most, not {radius_px}"
            )
        return Strokes(lines_px=tuple(placed(stroke) for stroke in strokes), radius_px=radius_px)
    return _mask_of(stack, mask, folder)


def _mask_of(stack: Stack, mask: Path, folder: Path) -> MaskFile:
    from stacker.io.decode import read_frame

    picture = read_frame(mask)
    height, width = stack.image.shape[:2]
    if (picture.width, picture.height) != (width, height):
        raise UserError(
            f"{mask} is {picture.width} × {picture.height} px, but the picture is {width} × {height} px"
        )
    relative = os.path.relpath(mask.absolute(), folder.absolute())
    return MaskFile(file=Path(relative).as_posix(), at_px=stack.origin_px)


def parse_points(text: str) -> list[tuple[float, float]]:
    """``x,y x,y …`` in pixels.

    Raises
    ------
    UserError
        When it is something else.
    """
    number = r"-?\d+(?:\.\d+)?"
    parts = text.split()
    if not parts or not all(re.fullmatch(f"{number},{number}", part) for part in parts):
        raise UserError(f'Points are "x,y x,y …" in pixels of the picture, not {text!r}')
    points = [(float(x), float(y)) for x, y in (part.split(",") for part in parts)]
    if any(
        abs(place) > FARTHEST_PX / 2 for point in points for place in point
    ):  # the picture has a place, too
        raise UserError(f"Points are at most {FARTHEST_PX // 2} px off, which {text!r} is not")
    return points


def told(retouch: Retouch) -> str:
    """A retouch in words."""
    region, source = retouch.region, retouch.source
    if isinstance(region, Polygon):
        where = f"a polygon of {len(region.points_px)} corners"
    elif isinstance(region, Strokes):
        count = len(region.lines_px)
        where = f"{count} brush stroke{'s' if count != 1 else ''} of {2 * region.radius_px:g} px"
    else:
        where = f"the mask {region.file}"
    what = {"frame": "from ", "fused": "from the fused picture", "method": "fused again by "}[source.kind]
    if isinstance(source, FromFrame):
        what += source.name
    elif isinstance(source, FromMethod):
        what += source.method.value
    note = f": {retouch.note}" if retouch.note else ""
    return f"{where} {what}, feather {retouch.feather_px:g} px{note}"
