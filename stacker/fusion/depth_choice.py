"""Which frames a place is taken from, given the depth there: the weights of the depth map's picture."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np

from stacker.frames import Image
from stacker.fusion.depth import Surface
from stacker.loops.workers import by_loops, run_rows

__all__ = ["NEGLIGIBLE", "POWER", "RIM_LOG", "Choice", "glitter_of_cells"]

_WIDTH = 0.35
"""Sigma of the weight of frames around the index, in focus widths, of a slice at least: two frames mix where
the index lies between them, and next to nothing of the blurred neighbours comes in where it does not."""

_QUIET = 32.0
"""Energy over noise below which frames are averaged more widely, and where detail is weaker than that in
proportion to the noise. Averaging takes noise away, and detail that is too weak to be followed."""

_WIDER = 0.65
"""What is added to the sigma there at most, in focus lengths: how far frames are blurred that lie so many
slices beside the index depends on how long things stay sharp, and a picture of twice the width is blurred
twice as far. Measured in slices instead (0.53 of them, 1 where a length is more) slope had 0.08 dB less at
1500 px and 0.06 at 750 px. Colour noise is taken out afterwards, so that less averaging will do: slope has
38.61 dB at 1500 px and 38.43 at 750 px (``auto``, seed 2, 8 bit, true transforms), with 0.8 38.50 and 38.43,
with 0.55 38.61 and 38.38; porcelain, glints and bristles are within 0.01. An energy (`_QUIET`) of 16 loses
0.24 at 750 px, 128 0.1 on porcelain at 1500 px."""

_JUMP = 3.0
"""Step of the index between neighbouring cells, in focus widths, that no slope has: an edge of depth."""

_JUMP_BESIDE_CRISP, _CRISP = 2.0, 9.0
"""The same within the reach below of detail as crisp as highlights are, by the logarithm of energy over
noise. The index of one behind a nearer thing's blurred rim fades into that of the thing over some cells, and
comes out of the measure without a step of 3: glints gains 0.05 to 0.18 dB (750 px, three seeds; 0.00 and 0.11
at 1500 px). Without asking for crisp detail white print gets dull spots, and lines where frames end
(``pcb-depth`` in docs/quality.md); glints has the same with 6 to 9, mineral loses 0.02 with 8 and 0.01 so."""

_EDGE_CELLS = 5
"""Around edges of depth, as far as a focus measure sees across them, sharpness chooses among all frames
between the two sides: the index is not sure there to the pixel. With 7 glints has up to 0.2 less beside edges
(RMSE), but structural similarity falls by 0.002 at 750 px, as texture beside highlights comes from darker
frames."""

_SURE, _SPILL_CELLS = 0.9, 3
"""Confidence from which a cell says on which side its surroundings are, and how far around detail as crisp as
highlights are none does: there the index is that of the highlight, hidden or not."""

_CRISP_HERE = 8.0
"""Energy over noise, as a logarithm, from which such surroundings choose for a cell. With less the ground
beside the pins of ``pcb`` (docs/quality.md), which their frames have blurred, but clean, gets their glow."""

_VOTE_CELLS, _FEWEST, _ONE_SIDE, _SLACK = 10, 0.1, 0.1, 1.5
"""Reach of the surroundings, in cells; the least share of them that has to be sure; how far their mean is on
the way from one side to the other, at most, where they are all on one; and the focus widths beside that side
that count on. A highlight behind is sharper than the plain, nearer thing through whose blurred rim it is
seen, and one on that thing is brighter than in frames that have it blurred: neither tells which frame is
right. Glints has 0.03 and 0.18 less beside edges (RMSE; 1500 px, two seeds), and the same at 750 px within
0.03; larger surroundings take highlights away that are not hidden."""

POWER = 8.0
"""Power of the energy in that choice."""

_GLARE = 80.0
"""How much brighter frames are held back beside highlights, per white: there a frame with the highlight out
of focus shows its disc, which only ever adds light. Without it glints is 1.0 dB worse (750 px, seeds 1, 2),
porcelain 0.15 dB; 50 and 120 are within 0.2 dB."""

_GLARE_REACH = 20.0
"""Logarithm of the weight by which a darker frame may come to lead, for which frames are looked at."""

NEGLIGIBLE = 5.0
"""Logarithm of the largest weight over one that is left out, a thousandth."""

_REACH = np.float32(np.sqrt(2 * NEGLIGIBLE))
_REACH_BY_GLARE = np.float32(np.sqrt(2 * (NEGLIGIBLE + _GLARE_REACH)))
"""How many sigmas away that is, and beside highlights."""

RIM_LOG = -9.0
"""Logarithm of the weight of the rim of a frame: it is interpolated from beyond the edge."""

_SEEN_CELLS = _EDGE_CELLS + 1
"""How far around a cell the index is looked at."""


@dataclass(frozen=True)
class Choice:
    """Weights by the distance of a frame from the index: a Gaussian.

    The index is never interpolated across an edge of depth: weights are, so that the two sides meet within a
    cell without a frame of between.

    Attributes
    ----------
    near, far : ndarray of float32, shape (h, w)
        Between these all frames count alike, but for their sharpness; the same away from edges of depth.
    edge : ndarray of float32, shape (h, w)
        1 where sharpness chooses, else 0.
    per_width : ndarray of float32, shape (h, w)
        1 / sigma of the Gaussian, in frames.
    glare : ndarray of float32, shape (h, w)
        What is taken off the logarithm of the weight for each 1/255 of white; 0 away from highlights.
    """

    near: Image
    far: Image
    edge: Image
    per_width: Image
    glare: Image

    @classmethod
    def of(
        cls,
        surface: Surface,
        glitter: Image,
        rows: tuple[int, int],
        columns: tuple[int, int],
        memory: Image | None = None,
        compiled: bool | None = None,
    ) -> Choice:
        """Look at some cells.

        Parameters
        ----------
        surface : Surface
            The depth of all cells.
        glitter : ndarray of float32, shape (h, w)
            Where highlights are near, 0 to 1: `stacker.fusion.scoring.glitter`.
        rows, columns : tuple of int
            The first, and the one behind the last; cells beyond the surface are as at its edge.
        memory : ndarray of float32, shape (4, rows, columns), optional
            Zeros at first, for one choice after the other: fresh pages would cost more than the arithmetic.
        compiled : bool, optional
            Whether to use the compiled loop; where numba is installed by default.
        """
        if by_loops(compiled):
            return _by_loop(surface, glitter, rows, columns, memory)
        noise = _part(surface.peak, rows, columns, 0)
        cv2.exp(np.negative(noise, out=noise), noise)
        noise *= np.float32(_QUIET)
        np.minimum(noise, np.float32(1), out=noise)
        noise *= np.float32(_WIDER * surface.focus_length)
        noise += np.float32(_WIDTH * surface.focus_width)
        per_width = np.divide(np.float32(1), noise, out=noise)
        glare = _part(glitter, rows, columns, 0) * np.float32(_GLARE / 255)
        return cls(*_sides(surface, rows, columns), per_width, glare)

    def part(self, where: tuple[slice, slice]) -> Choice:
        """Some rows and columns of it."""
        return Choice(
            *(plane[where] for plane in (self.near, self.far, self.edge, self.per_width, self.glare))
        )

    def log_weight(self, index: float, score: Image, bright: Image) -> Image:
        """Logarithm of the weight of a frame.

        Parameters
        ----------
        index : float
            The frame's.
        score : ndarray of float32, shape (h, w)
            How sharp it is; see `stacker.fusion.depth.DepthTracker.add`.
        bright : ndarray, shape (h, w)
            How bright it is, white at 255; see `stacker.fusion.tiles.brightness`.
        """
        off = np.maximum(np.maximum(self.near - index, index - self.far), 0) * self.per_width
        weight = np.float32(POWER) * self.edge * score - np.float32(0.5) * off * off
        return np.asarray(weight - self.glare * bright)

    @cached_property
    def edged(self) -> bool:
        """Whether sharpness chooses anywhere."""
        return bool(self.edge.any())

    @cached_property
    def glaring(self) -> bool:
        """Whether highlights are near anywhere."""
        return bool(self.glare.any())

    @cached_property
    def reach(self) -> tuple[Image, Image]:
        """The smallest and the largest index that counts anywhere in a column; float32, shape (w,)."""
        off = np.where(self.glare > 0, _REACH_BY_GLARE, _REACH)
        off /= self.per_width
        return (self.near - off).min(axis=0), (self.far + off).max(axis=0)


def _sides(surface: Surface, rows: tuple[int, int], columns: tuple[int, int]) -> tuple[Image, Image, Image]:
    """The first three attributes of a choice."""
    index = _part(surface.index, rows, columns, _SEEN_CELLS)
    around = np.ones((3, 3), np.uint8)
    jump = cv2.dilate(index, around) - cv2.erode(index, around)
    reach = np.ones((2 * _EDGE_CELLS + 1, 2 * _EDGE_CELLS + 1), np.uint8)
    crisp = _part(surface.peak, rows, columns, _SEEN_CELLS + _EDGE_CELLS) > np.float32(_CRISP)
    beside_crisp = cv2.dilate(crisp.astype(np.uint8), reach)[(slice(_EDGE_CELLS, -_EDGE_CELLS),) * 2]
    widths = np.where(beside_crisp, np.float32(_JUMP_BESIDE_CRISP), np.float32(_JUMP))
    steps = (jump > widths * np.float32(surface.focus_width)).astype(np.uint8)
    inner = (slice(_SEEN_CELLS, -_SEEN_CELLS),) * 2
    near = far = np.ascontiguousarray(index[inner])
    edge = np.zeros_like(near)
    if steps.any():
        beside = cv2.dilate(steps, reach)[inner]
        edge, far = beside.astype(np.float32), near.copy()
        cv2.copyTo(cv2.erode(index, reach)[inner], beside, near)
        cv2.copyTo(cv2.dilate(index, reach)[inner], beside, far)
        near, far = _on_one_side(surface, rows, columns, near, far)
    return near, far, edge


def _on_one_side(
    surface: Surface, rows: tuple[int, int], columns: tuple[int, int], near: Image, far: Image
) -> tuple[Image, Image]:
    """The two sides of edges; beside highlights only one of them if sure surroundings are all on that."""
    margin = _VOTE_CELLS + _SPILL_CELLS
    inner, span = (slice(margin, -margin),) * 2, far - near
    peak = _part(surface.peak, rows, columns, margin)
    some = peak[inner] > np.float32(_CRISP_HERE)
    some &= span > np.float32(_JUMP_BESIDE_CRISP * surface.focus_width)
    if not some.any():
        return near, far
    index, confidence = (_part(plane, rows, columns, margin) for plane in (surface.index, surface.confidence))
    spill = np.ones((2 * _SPILL_CELLS + 1, 2 * _SPILL_CELLS + 1), np.uint8)
    highlight = cv2.dilate((peak > np.float32(_CRISP)).astype(np.uint8), spill) > 0
    voting = ((confidence > np.float32(_SURE)) & ~highlight).astype(np.float32)
    share, mean = _around(voting)[inner], _around(voting * index)[inner]
    mean /= np.maximum(share, np.float32(1e-6))
    some &= share > np.float32(_FEWEST)
    part, beside = np.float32(_ONE_SIDE) * span, np.float32(_SLACK * surface.focus_width)
    return (
        np.where(some & (mean > far - part), np.maximum(near, far - beside), near),
        np.where(some & (mean < near + part), np.minimum(far, near + beside), far),
    )


def _around(plane: Image) -> Image:
    """Mean over the surroundings of each cell: two boxes, which make a triangle."""
    once = cv2.blur(plane, (_VOTE_CELLS + 1, _VOTE_CELLS + 1))
    return np.asarray(cv2.blur(once, (_VOTE_CELLS + 1, _VOTE_CELLS + 1)))


def _by_loop(
    surface: Surface, glitter: Image, rows: tuple[int, int], columns: tuple[int, int], memory: Image | None
) -> Choice:
    """In one pass where the index has no steps, which is nearly everywhere."""
    from stacker.fusion.compiled_choice import choice_rows

    height, width = rows[1] - rows[0], columns[1] - columns[0]
    near, per_width, glare, edge = np.zeros((4, height, width), np.float32) if memory is None else memory
    least, most = np.empty((2, width), np.float32)
    found = np.zeros(2, np.uint8)
    numbers = (
        _JUMP_BESIDE_CRISP * surface.focus_width,
        _QUIET,
        _WIDER * surface.focus_length,
        _WIDTH * surface.focus_width,
        _GLARE / 255,
        _REACH,
        _REACH_BY_GLARE,
    )
    run_rows(
        choice_rows,
        height,
        *(np.ascontiguousarray(plane) for plane in (surface.index, surface.peak, glitter)),
        rows[0],
        columns[0],
        _EDGE_CELLS,
        np.array(numbers, np.float32),
        near,
        per_width,
        glare,
        least,
        most,
        found,
        room=7 * (width + 2 * _SEEN_CELLS),
        rows_together=height,
    )
    if found[0]:
        return Choice(*_sides(surface, rows, columns), per_width, glare)
    choice = Choice(near, near, edge, per_width, glare)
    choice.__dict__.update(reach=(least, most), edged=False, glaring=bool(found[1]))
    return choice


def glitter_of_cells(glitter: Image) -> Image:
    """Where highlights are near, cell by cell, from a map at half their resolution."""
    size = 2 * glitter.shape[1], 2 * glitter.shape[0]
    return np.asarray(cv2.resize(glitter, size, interpolation=cv2.INTER_LINEAR))


def _part(plane: Image, rows: tuple[int, int], columns: tuple[int, int], margin: int) -> Image:
    """A part with a margin around it, continued beyond the edges by what is there."""
    height, width = plane.shape
    top, bottom, left, right = rows[0] - margin, rows[1] + margin, columns[0] - margin, columns[1] + margin
    inner = plane[max(0, top) : min(height, bottom), max(0, left) : min(width, right)]
    pads = max(0, -top), max(0, bottom - height), max(0, -left), max(0, right - width)
    return np.asarray(cv2.copyMakeBorder(inner, *pads, cv2.BORDER_REPLICATE))
