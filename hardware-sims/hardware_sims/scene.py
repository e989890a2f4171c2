"""What stands before the lens: sheets with colour, cover and depth, made by code.

A sheet is one continuous surface (or one set of strands) given over lateral coordinates X, Y in mm about
the optical axis: X to the right, Y down in the picture, depth z away from the camera. Sheets are listed far
to near; where two of them cover the same place the later one is in front.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

__all__ = ["Array", "Grid", "Raster", "Scene", "Sheet", "SheetKind"]

Array: TypeAlias = npt.NDArray[Any]
SheetKind: TypeAlias = Literal["backdrop", "surface", "strands"]


@dataclass(frozen=True, slots=True)
class Grid:
    """Square cells over a rectangle of the scene.

    Parameters
    ----------
    left_mm, top_mm : float
        Outer corner of the first cell.
    step_mm : float
        Size of a cell.
    columns, rows : int
        Cells across and down.
    """

    left_mm: float
    top_mm: float
    step_mm: float
    columns: int
    rows: int

    @property
    def x_mm(self) -> Array:
        """Centres of the columns, (columns,) float32."""
        x = self.left_mm + (np.arange(self.columns) + 0.5) * self.step_mm
        return np.asarray(x, dtype=np.float32)

    @property
    def y_mm(self) -> Array:
        """Centres of the rows, (rows,) float32."""
        y = self.top_mm + (np.arange(self.rows) + 0.5) * self.step_mm
        return np.asarray(y, dtype=np.float32)

    def scaled(self, factor: float) -> Grid:
        """The same cells in units `factor` times smaller."""
        return Grid(
            self.left_mm * factor, self.top_mm * factor, self.step_mm * factor, self.columns, self.rows
        )


@dataclass(frozen=True, slots=True)
class Raster:
    """A sheet sampled on a grid.

    Parameters
    ----------
    colour : Array
        (rows, columns, 3) float32, linear RGB, 1 is white at the right exposure; highlights go above.
    cover : Array
        (rows, columns) float32, 0 to 1: the part of the cell that the sheet covers.
    depth_mm : Array
        (rows, columns) float32. Outside the cover it goes on smoothly.
    """

    colour: Array
    cover: Array
    depth_mm: Array

    @classmethod
    def bare(cls, depth_mm: Array) -> Raster:
        """Nothing covered."""
        return cls(np.zeros((*depth_mm.shape, 3), np.float32), np.zeros_like(depth_mm), depth_mm)


@dataclass(frozen=True, slots=True)
class Sheet:
    """One continuous surface or one set of strands.

    Parameters
    ----------
    name : str
        For messages and tests.
    kind : {"backdrop", "surface", "strands"}
        A backdrop covers everything, repeating itself mirrored beyond its bounds. A surface is opaque within
        its cover. Strands are thin and lie at many depths with gaps between them.
    bounds_mm : tuple of float
        Left, top, right, bottom: nothing is covered outside.
    raster : callable
        Samples the sheet on any grid; the same pattern whatever the cell size.
    finest_mm : float
        No need to sample finer than this.
    """

    name: str
    kind: SheetKind
    bounds_mm: tuple[float, float, float, float]
    raster: Callable[[Grid], Raster]
    finest_mm: float = 0.0


@dataclass(frozen=True, slots=True)
class Scene:
    """Sheets before the lens, far to near, with the frame they were composed for.

    Parameters
    ----------
    name : str
        One of `hardware_sims.scenes.SCENES` or `STUDIES`.
    width_mm, height_mm : float
        Frame in the plane z = 0 that the subject fills.
    depth_mm : float
        The subject lies within 0 to this depth; a backdrop is farther.
    seed : int
        Of everything random in it.
    sheets : tuple of Sheet
        Far to near.
    """

    name: str
    width_mm: float
    height_mm: float
    depth_mm: float
    seed: int
    sheets: tuple[Sheet, ...]
