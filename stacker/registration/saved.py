"""Registration kept and used again: the same set photographed under other light needs no second matching."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from stacker.errors import DataError, UserError
from stacker.focus.sharpness import sharpness
from stacker.frames import Frame, Image
from stacker.registration.brightness import Brightness
from stacker.registration.chain import Registration, Verdict
from stacker.registration.exposure import Levels, Tones, relative_levels, tones
from stacker.registration.similarity import Matrix, inverse, rescaled

__all__ = ["KnownChain", "SavedTransform", "SavedTransforms", "load_transforms", "transforms_as_json"]

_FORMAT, _VERSION = "focusrig-transforms", 1


@dataclass(frozen=True)
class SavedTransform:
    """Where one frame lies.

    Attributes
    ----------
    name : str
        Of the frame's file.
    transform : tuple of 9 floats
        Row by row, the 3 × 3 transform of frame pixels to pixels of the reference view.
    verdict : Verdict
        What registration thought of it.
    """

    name: str
    transform: tuple[float, ...]
    verdict: Verdict = Verdict.REGISTERED

    @property
    def matrix(self) -> Matrix:
        """Frame to reference view, shape (3, 3)."""
        return np.array(self.transform).reshape(3, 3)


@dataclass(frozen=True)
class SavedTransforms:
    """The registration of a set.

    Attributes
    ----------
    frame_size_px : tuple of int
        Width and height of the frames.
    frames : mapping of int to SavedTransform
        By place in the set; frames that could not be read are missing.
    """

    frame_size_px: tuple[int, int]
    frames: Mapping[int, SavedTransform]

    def check_size(self, frame: Frame) -> None:
        """Make sure that a frame has the size that the transforms are for.

        Raises
        ------
        UserError
            When it has not.
        """
        if (frame.width, frame.height) != self.frame_size_px:
            width, height = self.frame_size_px
            raise UserError(
                f"{frame.name} is {frame.width} × {frame.height} px, but the saved transforms are for frames "
                f"of {width} × {height} px"
            )

    def for_names(self, names: Sequence[str]) -> dict[int, SavedTransform]:
        """For each place in another set its transform: by name if all names are known, else by order.

        Raises
        ------
        UserError
            When the sets have different numbers of frames, or a frame has no transform.
        """
        by_name = {frame.name: frame for frame in self.frames.values()}
        if all(name in by_name for name in names):
            return {index: by_name[name] for index, name in enumerate(names)}
        most = max(self.frames) + 1
        if len(names) != most:
            raise UserError(f"The saved transforms are of {most} frames, but there are {len(names)}")
        missing = [names[index] for index in range(most) if index not in self.frames]
        if missing:
            raise UserError(f"There is no saved transform for {', '.join(missing[:3])}: leave it out")
        return dict(self.frames)


def transforms_as_json(frame_size_px: tuple[int, int], frames: Iterable[tuple[int, SavedTransform]]) -> str:
    """The text of a file of transforms; see `load_transforms`."""
    table = {
        "format": _FORMAT,
        "version": _VERSION,
        "frame_size_px": list(frame_size_px),
        "frames": [
            {
                "index": index,
                "name": frame.name,
                "verdict": frame.verdict.value,
                "transform": list(frame.transform),
            }
            for index, frame in frames
        ],
    }
    return json.dumps(table, indent=1) + "\n"


def load_transforms(path: Path | str) -> SavedTransforms:
    """Read a file of transforms.

    Parameters
    ----------
    path : Path or str
        As `stacker.Stack.save_transforms` writes it.

    Returns
    -------
    SavedTransforms
        The size of the frames, and where each of them lies.

    Raises
    ------
    UserError
        When it is not there, or is something else.
    DataError
        When it is damaged or of a newer version.
    """
    path = Path(path)
    try:
        table = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise UserError(f"The transforms in {path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise UserError(f"{path} is no file of transforms: it is no JSON") from error
    if not isinstance(table, dict) or table.get("format") != _FORMAT:
        raise UserError(f"{path} is no file of transforms")
    if table.get("version") != _VERSION:
        raise DataError(
            f"{path} has version {table.get('version')} of the transforms; this software reads {_VERSION}"
        )
    try:
        frames = {int(frame["index"]): _parsed(frame) for frame in table["frames"]}
        width, height = (int(side) for side in table["frame_size_px"])
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"{path} is damaged: {error!r}") from error
    if not frames:
        raise DataError(f"{path} is damaged: it has no frames")
    return SavedTransforms((width, height), frames)


def _parsed(frame: dict[str, Any]) -> SavedTransform:
    transform = tuple(float(value) for value in frame["transform"])
    if len(transform) != 9 or not all(math.isfinite(value) for value in transform):
        raise ValueError(f"the transform of {frame['name']} is not of 9 numbers")
    if abs(np.linalg.det(np.array(transform).reshape(3, 3))) < 1e-12:
        raise ValueError(f"the transform of {frame['name']} cannot be inverted")
    return SavedTransform(str(frame["name"]), transform, Verdict(frame["verdict"]))


@dataclass(frozen=True)
class _Link:
    tones: Tones
    transform: Matrix
    width_px: int


class KnownChain:
    """A chain whose transforms are known: only brightness is carried from neighbour to neighbour.

    Parameters
    ----------
    known : mapping of int to SavedTransform
        By index.
    exposure : bool
        Whether to match brightness.
    first : Levels, optional
        What makes the first frame as bright as the others are to be; nothing by default.
    """

    def __init__(
        self, known: Mapping[int, SavedTransform], exposure: bool = True, first: Levels | None = None
    ) -> None:
        self._known, self._exposure = known, exposure
        self._brightness = Brightness(_step, first)

    def rewind(self) -> None:
        """Make the first frame the neighbour of the next one; see `Chain.rewind`."""
        self._brightness.rewind()

    def add(self, pixels: Image, index: int) -> Registration:
        """Place the next frame.

        Parameters
        ----------
        pixels : ndarray, shape (H, W, 3)
            RGB.
        index : int
            Its place in the set.
        """
        known = self._known[index]
        levels = Levels.same()
        if known.verdict is not Verdict.FOREIGN and self._exposure:
            levels = self._brightness.add(_Link(tones(pixels), known.matrix, pixels.shape[1]))
        return Registration(
            known.matrix, levels.gain, levels.offset, 1.0, 0.0, known.verdict, sharpness(pixels)
        )


def _step(last: _Link, link: _Link) -> Levels:
    to_moving = inverse(link.transform) @ last.transform
    ratio = link.tones.colours.shape[1] / link.width_px
    return relative_levels(last.tones, link.tones, rescaled(to_moving, ratio))
