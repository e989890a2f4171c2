"""A sweep of frames as numbers: band energies of its tiles, and small pictures to compare."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np

from rig.calibrate.focus import band_energy, tile_size
from rig.calibrate.frames import TakenFrame
from rig.calibrate.images import Array, Picture, read_picture
from rig.calibrate.records import FrameHash
from rig.calibrate.still import check_still, neighbour_shift, thumbnail
from rig.errors import DataError, UserError

__all__ = ["Region", "Sweep", "read_sweep", "refuse_burnt"]

_BURNT_LIMIT = 0.01
"""Share of burnt pixels above which a target is refused: what is cut off at white has lost its contrast."""

_GREY_WIDTH_PX = 1600
_LEAST_TILES = 4
_TEXTURE = 0.5  # as much must the sharpest frame have above the least sharp one
_NEAR_FOCUS = 0.25  # of the largest energy: farther out a shift cannot be told from blur


_LEAST_PX = 32
"""Six lines of a ruler that can be told apart, or two tiles of fine detail, need as much."""


@dataclass(frozen=True)
class Region:
    """A part of the frame, as shares of its width and height."""

    left: float = 0.0
    top: float = 0.0
    width: float = 1.0
    height: float = 1.0

    @classmethod
    def from_text(cls, text: str) -> Region:
        """Read ``"0.4,0.4,0.2,0.2"``: left, top, width, height.

        Raises
        ------
        UserError
            When it is not four such numbers, or not inside the frame.
        """
        right = "left,top,width,height as shares of the frame, such as 0.4,0.4,0.2,0.2"
        try:
            region = cls(*(float(part) for part in text.split(",", 3)))
        except (ValueError, TypeError) as err:
            raise UserError(f'--region: "{text}" cannot be read; write {right}') from err
        inside = (
            region.left >= 0
            and region.top >= 0
            and region.width > 0
            and region.height > 0
            and region.left + region.width <= 1 + 1e-9
            and region.top + region.height <= 1 + 1e-9
        )
        if len(text.split(",")) != 4 or not inside:
            raise UserError(f'--region: "{text}" is not a part of the frame; write {right}')
        return region

    def of(self, image: Array) -> Array:
        """That part of an image, (H, W) or (H, W, C).

        Raises
        ------
        UserError
            When it is too small to measure anything in.
        """
        height, width = image.shape[:2]
        rows = slice(round(self.top * height), round((self.top + self.height) * height))
        columns = slice(round(self.left * width), round((self.left + self.width) * width))
        part = image[rows, columns]
        if min(part.shape[:2]) < _LEAST_PX and part.shape != image.shape:
            raise UserError(
                f"--region: {part.shape[1]} × {part.shape[0]} px of these frames of {width} × {height}; "
                f"take a part of {_LEAST_PX} × {_LEAST_PX} px or more"
            )
        return part


@dataclass(frozen=True)
class Sweep:
    """What was read from the frames of a sweep.

    Attributes
    ----------
    positions_mm : ndarray, shape (n,)
        Rising.
    energy : ndarray, shape (n, rows, columns)
        Of the tiles, in the band asked for.
    frequency_per_px : float
        Middle of the band.
    frames : tuple of FrameHash
    width_px : int
        Of the whole frames.
    simulated : bool
    greys : list of ndarray
        Reduced 8-bit pictures of the whole frames, when they were asked for.
    """

    positions_mm: Array
    energy: Array
    frequency_per_px: float
    frames: tuple[FrameHash, ...]
    width_px: int
    simulated: bool
    greys: list[Array] = field(default_factory=list)


def refuse_burnt(picture: Picture, region: Region, limit: float = _BURNT_LIMIT) -> None:
    """Raise DataError when more than a share of a frame's region is at white."""
    share = float(region.of(picture.burnt).mean())
    if share > limit:
        raise DataError(
            f"{share:.1%} of {picture.name} is burnt, at white in at least one colour (limit {limit:.1%}): "
            "expose shorter or dim the light, and take the frames again"
        )


def read_sweep(
    frames: Sequence[TakenFrame],
    frequency: Callable[[int], float],
    *,
    region: Region | None = None,
    linear: bool = False,
    greys: bool = False,
) -> Sweep:
    """Read the frames of a sweep, one after the other; only numbers and small pictures are kept.

    Parameters
    ----------
    frames : sequence of TakenFrame
        With positions; they are put in rising order.
    frequency : callable
        From the frames' width in px to the middle of the band, in cycles per pixel.
    region : Region, optional
        The part to look at.
    linear : bool
        The files hold linear light.
    greys : bool
        Keep reduced pictures.

    Raises
    ------
    UserError
        When a frame cannot be found, has no position, or is of another size.
    DataError
        When a frame is burnt or cannot be decoded, or something moved across the axis.
    """
    region = region or Region()
    placed = [(f.position_mm, f) for f in frames if f.position_mm is not None]
    if len(placed) != len(frames):
        raise UserError("the positions of these frames are not known: give the distance between them, --step")
    placed.sort(key=lambda pair: pair[0])
    energies, hashes, thumbnails, kept = [], [], [], []
    first: Picture | None = None
    for _, frame in placed:
        picture = read_picture(frame.path, linear=linear)
        first = first or picture
        if picture.light.shape != first.light.shape:
            raise UserError(
                f"{picture.name} is {picture.width_px} px wide and {first.name} {first.width_px} px: frames "
                "of one sweep have one size"
            )
        refuse_burnt(picture, region)
        part = region.of(picture.light)
        tile = min(tile_size(part.shape[1]), *part.shape)
        energies.append(band_energy(part, frequency(first.width_px), tile))
        thumbnails.append(thumbnail(part))
        hashes.append(FrameHash(file=picture.name, sha256=picture.sha256))
        if greys:
            kept.append(_grey(picture.light))
    if first is None or energies[0].size < _LEAST_TILES:
        raise UserError("there is nothing to measure: the frames, or the --region of them, are too small")
    positions = np.array([position for position, _ in placed])
    energy = np.array(energies)
    _refuse_movement(positions, energy, thumbnails, [h.file for h in hashes])
    return Sweep(
        positions_mm=positions,
        energy=energy,
        frequency_per_px=frequency(first.width_px),
        frames=tuple(hashes),
        width_px=first.width_px,
        simulated=first.simulated,
        greys=kept,
    )


def _refuse_movement(positions: Array, energy: Array, thumbnails: list[Array], names: list[str]) -> None:
    total = energy.reshape(len(positions), -1).mean(axis=1)
    if np.ptp(total) < _TEXTURE * total.min():
        return  # noise moves in its own way; who measures will say that there is no texture
    sharp = total - total.min() >= _NEAR_FOCUS * np.ptp(total)
    shifts = np.full((len(positions) - 1, 2), np.nan)
    for k in range(len(positions) - 1):
        if sharp[k] and sharp[k + 1] and positions[k + 1] > positions[k]:
            shifts[k] = neighbour_shift(thumbnails[k], thumbnails[k + 1])
    if np.isfinite(shifts).any():
        check_still(positions, shifts, names)


def _grey(light: Array) -> Array:
    """An 8-bit picture with square-root tones, where noise is even, no wider than is needed to follow it."""
    if light.shape[1] > _GREY_WIDTH_PX:
        factor = _GREY_WIDTH_PX / light.shape[1]
        size = (_GREY_WIDTH_PX, round(light.shape[0] * factor))
        light = np.asarray(cv2.resize(light, size, interpolation=cv2.INTER_AREA))
    return np.asarray(np.sqrt(light) * 255.0 + 0.5, dtype=np.uint8)
