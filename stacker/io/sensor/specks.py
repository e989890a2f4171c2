"""Specks of dust on the sensor, as data: where their shadows lie, and how much light they let through."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["Dust", "Speck", "speck_of_map", "told_of_dust"]

_FULL = 255
"""A cell holds its share of the largest loss in this many steps: of a speck that takes 5 %, 0.02 % each."""


@dataclass(frozen=True)
class Speck:
    """The shadow of one speck, as a small map.

    Attributes
    ----------
    left_px, top_px : int
        The map's first pixel, in the frame as it is stored: not turned upright.
    step_px : int
        Side of a cell of the map; between the middles of cells it is interpolated, beyond the rim nothing is
        lost.
    columns : int
        Of the map.
    loss : float
        The largest part of the light that is lost, 0 to 1.
    cells : str
        The map row by row, two hexadecimal digits a cell: its share of ``loss`` in 1/255.
    """

    left_px: int
    top_px: int
    step_px: int
    columns: int
    loss: float
    cells: str

    @property
    def losses(self) -> np.ndarray[Any, np.dtype[np.float32]]:
        """The part of the light that is lost, 0 to 1, by cell; shape (rows, columns)."""
        shares = np.frombuffer(bytes.fromhex(self.cells), np.uint8).reshape(-1, self.columns)
        return np.asarray(shares.astype(np.float32) * np.float32(self.loss / _FULL))

    @property
    def rows(self) -> int:
        """Of the map."""
        return len(self.cells) // (2 * self.columns)

    @property
    def centre_px(self) -> tuple[float, float]:
        """Where the middle of the shadow is (x, y), in the frame as it is stored."""
        losses = self.losses
        whole = max(float(losses.sum()), 1e-9)
        x = float((losses.sum(axis=0) * (np.arange(losses.shape[1]) + 0.5)).sum()) / whole
        y = float((losses.sum(axis=1) * (np.arange(losses.shape[0]) + 0.5)).sum()) / whole
        return self.left_px + x * self.step_px - 0.5, self.top_px + y * self.step_px - 0.5

    @property
    def diameter_px(self) -> float:
        """Of the circle as large as the part that loses half of the most or more."""
        area = float((self.losses >= self.loss / 2).sum()) * self.step_px**2
        return 2 * float(np.sqrt(area / np.pi))


@dataclass(frozen=True)
class Dust:
    """All specks of a sensor that are known.

    Attributes
    ----------
    size_px : tuple of int
        Width and height of the frames they are known for, as stored; of RAW frames, of the sensor.
    raw : bool
        Whether these are RAW frames: a developed one of the same body may be cropped otherwise.
    specks : tuple of Speck
        In no order.
    """

    size_px: tuple[int, int]
    raw: bool
    specks: tuple[Speck, ...]


def told_of_dust(dust: Dust, most: int = 3) -> str:
    """How many specks there are, and where the largest lie in the frames as stored."""
    specks = sorted(dust.specks, key=lambda speck: -speck.loss * speck.diameter_px)
    if not specks:
        return "no specks of dust found"
    named = [
        f"{x:.0f}, {y:.0f} ({speck.diameter_px:.0f} px)"
        for speck in specks[:most]
        for x, y in [speck.centre_px]
    ]
    rest = f" and {len(specks) - most} more" if len(specks) > most else ""
    return f"{len(specks)} speck{'s' if len(specks) > 1 else ''} of dust mended, at {'; '.join(named)}{rest}"


def speck_of_map(losses: np.ndarray[Any, Any], left_px: int, top_px: int, step_px: int) -> Speck:
    """A speck of a map of lost light, 0 to 1; shape (rows, columns)."""
    most = round(float(np.clip(losses.max(), 1e-4, 1.0)), 5)
    shares = np.rint(np.clip(losses / most, 0, 1) * _FULL).astype(np.uint8)
    return Speck(left_px, top_px, step_px, shares.shape[1], most, shares.tobytes().hex())
