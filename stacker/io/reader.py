"""Reads the frames of one stack: all turned, balanced and developed alike."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from stacker.errors import DataError, StackerError, UserError
from stacker.frames import Frame
from stacker.io.decode import is_raw_file, read_frame, upright
from stacker.io.development import Development, GreyPatch, Recipe, SensorLevels
from stacker.io.grey import factors_of_grey, gains_of_grey
from stacker.io.pages import Pages
from stacker.io.sensor.faults import faults_in_frames, faults_told

__all__ = ["FrameReader"]


class FrameReader:
    """Decides with the first frame how all are read.

    All are turned as the first one that can be read: a camera that points down changes its mind about what is
    upright between frames.

    Parameters
    ----------
    asked : Development
        How frames are to be developed.
    pages : Pages, optional
        Memory for their pixels; fresh memory for each by default.
    """

    def __init__(self, asked: Development, pages: Pages | None = None) -> None:
        self._asked, self._pages = asked, pages
        self._orientation: int | None = None
        self._recipe: Recipe | None = None
        self._notes: tuple[str, ...] = ()

    @property
    def recipe(self) -> Recipe | None:
        """What was decided; None before the first frame."""
        return self._recipe

    @property
    def notes(self) -> tuple[str, ...]:
        """What a person should know about how it was decided."""
        return self._notes

    def begin(self, paths: Sequence[Path], first: int) -> None:
        """Decide for a set of files, of which several may be looked at.

        Parameters
        ----------
        paths : sequence of Path
            All frames, in order.
        first : int
            Index of the one that the stack begins with: its white balance is that of all.

        Raises
        ------
        UserError
            When the grey patch's frame is not there, or the patch is not within it.
        DataError
            When the patch is clipped or black.
        """
        grey = self._asked.grey
        if grey is not None and grey.frame is not None and not 1 <= grey.frame <= len(paths):
            raise UserError(
                f"--grey names frame {grey.frame}; the frames are numbered from 1 to {len(paths)}"
            )
        shown = first if grey is None or grey.frame is None else grey.frame - 1
        order = [paths[first], *(path for path in paths if path != paths[first])]
        self._recipe = self._decided(order, paths[shown])
        self._recipe = faults_told(self._asked, self._recipe, order)
        self._recipe, told = faults_in_frames(self._asked, self._recipe, paths)
        self._notes = (*self._notes, *told)
        if self._recipe.levels is None and self._asked.of_raw_only:
            self._notes = (
                *self._notes,
                f"none of the frames is RAW: {', '.join(self._asked.of_raw_only)} changes nothing",
            )

    def read(self, path: Path | str) -> Frame:
        """Read a frame; see `stacker.read_frame`.

        Raises
        ------
        UserError
            When the file is not there or may not be read.
        DataError
            When it is no complete image; the message names the file.
        """
        path = Path(path)
        recipe = self._recipe or self._recipe_of_first(path)
        frame = read_frame(path, self._orientation, recipe, self._pages)
        self._recipe = recipe  # only now: a frame that cannot be read decides nothing
        self._orientation = self._orientation or frame.metadata.orientation
        return frame

    def _recipe_of_first(self, path: Path) -> Recipe:
        grey = self._asked.grey
        if grey is not None and grey.frame not in {None, 1}:
            raise UserError("Frames that come one by one are balanced by the first: leave --grey's number")
        return faults_told(self._asked, self._decided([path], path), [path])

    def _decided(self, order: Sequence[Path], shown: Path) -> Recipe:
        asked = self._asked
        recipe = Recipe(highlights=asked.highlights, ev=asked.ev, space=asked.space)
        levels = next(filter(None, map(self._levels, order)), None)
        if asked.grey is not None:
            if is_raw_file(shown):
                levels = _balanced_levels(shown, levels, asked.grey)
            else:
                frame = read_frame(shown)
                recipe = replace(recipe, gains=gains_of_grey(frame.pixels, asked.grey, shown.name))
        return replace(recipe, levels=levels)

    def _levels(self, path: Path) -> SensorLevels | None:
        """Of a RAW frame; None of others, and of one that cannot be read, which is told in its turn."""
        from stacker.io.raw import levels_of, opened
        from stacker.io.raw_metadata import camera_of

        with suppress(StackerError):
            if is_raw_file(path):
                with opened(path, str(path)) as raw:
                    levels, note = levels_of(raw, camera_of(path), self._asked)
                self._notes = () if note is None else (f"{path.name}: {note}",)
                return levels
        return None


def _balanced_levels(path: Path, levels: SensorLevels | None, patch: GreyPatch) -> SensorLevels:
    """With the white balance that makes a patch of a RAW frame grey."""
    from stacker.io.raw import counted_light, levels_of, opened, orientation_of
    from stacker.io.raw_metadata import camera_of

    with opened(path, str(path)) as raw:
        levels = levels or levels_of(raw, camera_of(path), Development())[0]
        orientation = orientation_of(raw)
        light = counted_light(raw, levels)
    if light.ndim == 2 or light.shape[2] < 3:
        raise DataError(f"{path.name} is of a body without colours: there is nothing to balance")
    red, green, blue = factors_of_grey(upright(light, orientation), patch, path.name)
    return replace(levels, multipliers=(red, green, blue, green))
