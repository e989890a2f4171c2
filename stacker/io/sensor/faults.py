"""What the sensor does wrong in all frames alike: pixels that count wrong, and dust that lies on it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np

from stacker.errors import StackerError, UserError
from stacker.frames import Image
from stacker.io.decode import is_raw_file
from stacker.io.development import Development, Recipe, SensorLevels
from stacker.io.sensor.counts import counted
from stacker.io.sensor.dust import dust_of_flat, dust_of_frames
from stacker.io.sensor.dust_light import LightPlane, light_of_counts, light_of_file
from stacker.io.sensor.hot_pixels import LOOKED_AT, hot_in_dark, wrong_pixels

__all__ = ["faults_in_frames", "faults_told"]

_LARGE_PX = 4000
"""Longer side of developed frames from which on dust is looked for in cells of two pixels, and of four from
twice that on: specks are four pixels wide at least in a frame of 6000."""


def faults_told(asked: Development, recipe: Recipe, frames: Sequence[Path]) -> Recipe:
    """With what a dark frame and a flat frame tell; frames need not be there yet, but for the first.

    Raises
    ------
    UserError
        When one of the two is not there, not of the frames' kind and size, or not what it is called.
    """
    if asked.flat is not None:
        recipe = replace(recipe, dust=dust_of_flat(asked.flat, frames, recipe.levels))
    if asked.dark is not None and recipe.levels is not None:
        recipe = replace(recipe, defects=_dark_pixels(asked.dark, recipe.levels))
    return recipe


def faults_in_frames(
    asked: Development, recipe: Recipe, paths: Sequence[Path]
) -> tuple[Recipe, tuple[str, ...]]:
    """With what some of the frames of a stack tell as well, and what a person should know of it.

    Dust is looked for in RAW frames, which are looked at for wrong pixels anyway, in others when asked to.
    """
    levels, raw = recipe.levels, recipe.levels is not None
    pixels = asked.mend_pixels and raw
    dust = asked.flat is None and (raw if asked.mend_dust is None else asked.mend_dust)
    if not pixels and not dust:
        return recipe, ()
    count = min(LOOKED_AT, len(paths))
    some = list(dict.fromkeys(round(at) for at in np.linspace(0, len(paths) - 1, count)))
    planes: dict[int, LightPlane] = {}
    if levels is None:
        planes = _of_developed(paths, some)
    else:
        ends_first = [*some[:1], *some[:0:-1]]
        seen = _counted(paths, ends_first, levels, planes if dust else None)
        found = wrong_pixels(seen, levels) if pixels else ()
        if dust:
            for _ in seen:  # what was not asked for
                pass
        recipe = replace(recipe, defects=tuple(sorted({*recipe.defects, *found})))
    if not dust:
        return recipe, ()
    specks, trouble = dust_of_frames([planes[at] for at in sorted(planes)], recipe.defects, raw=raw)
    asked_for = asked.mend_dust is not None
    if specks is not None and (specks.specks or asked_for):
        recipe = replace(recipe, dust=specks)
    return recipe, (trouble,) if trouble is not None and asked_for else ()


def _counted(
    paths: Sequence[Path], order: Sequence[int], levels: SensorLevels, planes: dict[int, LightPlane] | None
) -> Iterator[tuple[Image, Image]]:
    """What the sensor counted in some frames; their light goes to the planes on the way."""
    for at in order:
        for counts, colours in counted([paths[at]], levels):
            if planes is not None:
                planes[at] = light_of_counts(counts, colours, levels)
            yield counts, colours


def _of_developed(paths: Sequence[Path], some: Sequence[int]) -> dict[int, LightPlane]:
    planes = {}
    for at in some:
        with suppress(StackerError):  # told when its turn comes
            planes[at] = light_of_file(paths[at], _LARGE_PX)
    return planes


def _dark_pixels(dark: Path, levels: SensorLevels) -> tuple[int, ...]:
    if not dark.is_file():
        raise UserError(f"There is no dark frame {dark}")
    if not is_raw_file(dark):
        raise UserError(f"{dark} is no RAW file: a dark frame has to be as the sensor counted it")
    for counts, _ in counted([dark], levels, strict=True):
        return hot_in_dark(counts, levels, str(dark))
    raise UserError(
        f"{dark} is not of the body that took the frames: {levels.camera}, "
        f"{levels.size_px[0]} × {levels.size_px[1]} px"
    )
