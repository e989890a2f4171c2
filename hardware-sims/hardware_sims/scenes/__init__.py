"""Scenes made by code from a seed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from hardware_sims.scene import Grid, Raster, Scene, Sheet
from hardware_sims.scenes.bracelet import bracelet_sheets
from hardware_sims.scenes.glints import glints_sheets
from hardware_sims.scenes.ground import mineral_sheets, slope_sheets
from hardware_sims.scenes.hairs import hairs_sheets
from hardware_sims.scenes.insect import insect_sheets
from hardware_sims.scenes.medal import medal_sheets
from hardware_sims.scenes.needles import needles_sheets
from hardware_sims.scenes.petals import petals_sheets
from hardware_sims.scenes.statue import porcelain_sheets, statue_sheets
from hardware_sims.scenes.wings import wings_sheets

__all__ = ["SCENES", "STUDIES", "composed", "make_scene"]

_FRAME = (36.0, 24.0)
_DEPTH = 32.0

_MAKERS: dict[str, Callable[[int], tuple[Sheet, ...]]] = {
    "bracelet": bracelet_sheets,
    "insect": insect_sheets,
    "statue": statue_sheets,
}

_STUDY_MAKERS: dict[str, Callable[[int], tuple[Sheet, ...]]] = {
    "bristles": hairs_sheets,
    "glints": glints_sheets,
    "porcelain": porcelain_sheets,
    "slope": slope_sheets,
    "mineral": mineral_sheets,
    "wings": wings_sheets,
    "needles": needles_sheets,
    "medal": medal_sheets,
    "petals": petals_sheets,
}

SCENES: tuple[str, ...] = tuple(_MAKERS)
"""Names that `make_scene` knows, for the bench: a subject before a backdrop."""

STUDIES: tuple[str, ...] = tuple(_STUDY_MAKERS)
"""Further names that `make_scene` knows, each made to be hard for fusion in one way."""


def make_scene(name: str, *, width_mm: float = 36.0, depth_mm: float = 32.0, seed: int = 1) -> Scene:
    """Make a scene that fills a frame.

    Parameters
    ----------
    name : str
        One of `SCENES` or `STUDIES`.
    width_mm : float
        Width of the frame at depth 0; the height is two thirds of it.
    depth_mm : float
        The subject lies between depth 0 and this.
    seed : int
        Of everything random in it.

    Raises
    ------
    ValueError
        For an unknown name or a size not above 0.
    """
    makers = _MAKERS | _STUDY_MAKERS
    if name not in makers:
        raise ValueError(f"there is no scene named {name!r}; there are: {', '.join(makers)}")
    return composed(name, makers[name](seed), width_mm=width_mm, depth_mm=depth_mm, seed=seed)


def composed(
    name: str, sheets: Sequence[Sheet], *, width_mm: float, depth_mm: float, seed: int, deep: float = _DEPTH
) -> Scene:
    """Bring sheets that were composed in a frame of 36 x 24 units to the size of a scene.

    Parameters
    ----------
    name : str
        Of the scene.
    sheets : sequence of Sheet
        Far to near, in units.
    width_mm, depth_mm, seed
        See `make_scene`.
    deep : float
        How many units deep the subject is.

    Raises
    ------
    ValueError
        For a size not above 0.
    """
    if not (width_mm > 0 and depth_mm > 0):
        raise ValueError(f"a scene's width and depth must be above 0 mm, not {width_mm} and {depth_mm}")
    scale = width_mm / _FRAME[0]
    scaled = tuple(_scaled(sheet, scale, depth_mm, deep) for sheet in sheets)
    return Scene(name, width_mm, _FRAME[1] * scale, depth_mm, seed, scaled)


def _scaled(sheet: Sheet, scale: float, depth_mm: float, deep: float) -> Sheet:
    """A sheet composed in units, in mm."""

    def raster(grid: Grid) -> Raster:
        made = sheet.raster(grid.scaled(1.0 / scale))
        if sheet.kind == "backdrop":
            # Its distance behind the subject belongs to the frame's size, not to the depth of the subject.
            depth = depth_mm + (made.depth_mm - deep) * scale
        else:
            depth = made.depth_mm * (depth_mm / deep)
        return replace(made, depth_mm=depth)

    left, top, right, bottom = sheet.bounds_mm
    bounds = (left * scale, top * scale, right * scale, bottom * scale)
    return replace(sheet, bounds_mm=bounds, raster=raster, finest_mm=sheet.finest_mm * scale)
