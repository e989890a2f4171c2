"""What the stacker says about frames, and what it gives in the end."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from stacker.frames import Frame, FrameMetadata, FrameSource, Image
from stacker.fusion.base import DepthIndex
from stacker.io.encode import write_image
from stacker.io.saving import Saving
from stacker.options import Options
from stacker.registration.chain import Registration, Verdict
from stacker.registration.exposure import Levels
from stacker.registration.rail import PupilFit
from stacker.registration.similarity import Matrix, Similarity

__all__ = ["LEAST_DETAIL", "Covered", "FrameReport", "Stack", "report_of"]

LEAST_DETAIL = 0.0005
"""Share of the picture's detail below which a frame contributes nothing to speak of."""


@dataclass(frozen=True)
class FrameReport:
    """What the stacker found out about a frame.

    Attributes
    ----------
    index : int
        Place in the stack, from 0; the order of arrival unless it was given.
    name : str
        Of the file or array.
    transform : tuple of 9 floats
        Row by row, the 3 × 3 transform of frame pixels to pixels of the reference view; see `matrix`.
    scale, rotation_deg, shift_px : float, float, (float, float)
        The same as parts: rotation clockwise, shift of the frame's centre, right and down.
    correlation : float
        With the neighbour it was matched to, -1 to 1; 1 for the first frame.
    misfit_px : float
        What scale, rotation and shift leave over at the corners; infinite where nothing could be matched.
    gain, offset : tuple of float
        Factors applied to red, green and blue, and what was added then, in 1/255 of white.
    sharpness : float
        Of the sharpest parts; comparable within a stack. See `stacker.sharpness`.
    predicted : float
        0 to 1: how much of its shift comes from the frames around it, since too little is in focus in it.
    verdict : Verdict
        Whether it could be matched; when not, the transform is a prediction.
    used : bool
        False when the frame was left out.
    seconds : float
        Wall time that adding it took.
    position_mm : float or None
        Where on the rail it was taken, growing towards the subject, if that was told.
    """

    index: int
    name: str
    transform: tuple[float, ...]
    scale: float
    rotation_deg: float
    shift_px: tuple[float, float]
    correlation: float
    misfit_px: float
    gain: tuple[float, float, float]
    offset: tuple[float, float, float]
    sharpness: float
    predicted: float
    verdict: Verdict
    used: bool
    seconds: float
    position_mm: float | None = None

    @property
    def registered(self) -> bool:
        """False when the transform is a prediction."""
        return self.verdict is Verdict.REGISTERED

    @property
    def levels(self) -> Levels:
        """Gain and offset together."""
        return Levels(np.array(self.gain), np.array(self.offset))

    @property
    def matrix(self) -> Matrix:
        """Frame to reference view, shape (3, 3)."""
        return np.array(self.transform).reshape(3, 3)


@dataclass(frozen=True)
class Covered:
    """Where something lies over all frames that does not move with the subject: a stamp, a border, dust.

    Attributes
    ----------
    share : float
        Of the frame, with the few pixels around that registration leaves out as well.
    box_px : tuple of int
        What it lies within: left, top, right and bottom, in pixels of the frames.
    """

    share: float
    box_px: tuple[int, int, int, int]

    @classmethod
    def by(cls, mask: Image, size: tuple[int, int]) -> Covered:
        """What a mask of any size (uint8, not 0 there) says of frames of so many pixels across and down."""
        ends = []
        for axis, side in zip((0, 1), size, strict=True):
            at = np.flatnonzero(mask.any(axis=axis))
            ratio = side / mask.shape[1 - axis]
            ends.append((round(float(at[0]) * ratio), min(side, round(float(at[-1] + 1) * ratio))))
        (left, right), (top, bottom) = ends
        return cls(float((mask > 0).mean()), (left, top, right, bottom))


@dataclass(frozen=True)
class Stack:
    """The result.

    Attributes
    ----------
    image : ndarray, shape (H, W, 3)
        RGB, in the frames' type.
    valid : ndarray of bool, shape (H, W)
        False in corners that no frame reaches; there the image is made up smoothly.
    origin_px : tuple of int
        Where the image's first pixel lies in the reference view: (x, y).
    reports : tuple of FrameReport
        By index.
    shares : tuple of float
        For each report, the share of the detailed parts of the picture in which that frame is the sharpest.
    sources : tuple of FrameSource or None
        For each report, the file that the frame was read from; None for arrays.
    depth : DepthIndex or None
        Which frame is the sharpest, place by place, as shares of an index of the reports; None when the
        method does not know.
    noise_sigma : float
        Of the frames, in units of 1/255 of white.
    method, reason : str
        How the frames were fused, and, when that was chosen automatically, why.
    frame_size : tuple of int
        Width and height of the frames, in pixels.
    options : Options
        What was asked for.
    pupil_fit : PupilFit or None
        The pupil distance that fits the frames best, with its residuals, when their positions are known.
    metadata : FrameMetadata
        Of the first frame added, grey if all frames are; written by `save`.
    covered : Covered, optional
        Where something lies over the frames; registration has left it out, the picture has not.
    """

    image: Image
    valid: np.ndarray[Any, np.dtype[np.bool_]]
    origin_px: tuple[int, int]
    reports: tuple[FrameReport, ...]
    shares: tuple[float, ...]
    sources: tuple[FrameSource | None, ...]
    depth: DepthIndex | None
    noise_sigma: float
    method: str
    reason: str
    frame_size: tuple[int, int]
    options: Options
    pupil_fit: PupilFit | None
    metadata: FrameMetadata
    covered: Covered | None = None

    @property
    def transforms(self) -> tuple[Matrix, ...]:
        """Frame to reference view, shape (3, 3) each, of every report."""
        return tuple(report.matrix for report in self.reports)

    @property
    def gains(self) -> tuple[tuple[float, float, float], ...]:
        """Factors applied to red, green and blue, of every report."""
        return tuple(report.gain for report in self.reports)

    @property
    def offsets(self) -> tuple[tuple[float, float, float], ...]:
        """What was added to red, green and blue after that, in 1/255 of white, of every report."""
        return tuple(report.offset for report in self.reports)

    @property
    def unused(self) -> tuple[FrameReport, ...]:
        """Frames that were used and contributed nothing to speak of: under `LEAST_DETAIL`."""
        pairs = zip(self.reports, self.shares, strict=True)
        return tuple(report for report, share in pairs if report.used and share < LEAST_DETAIL)

    def save(self, path: Path | str, saving: Saving | None = None) -> tuple[str, ...]:
        """Write TIFF, PNG, JPEG or DNG, atomically, with the frames' EXIF.

        Parameters, what is returned and errors are those of `stacker.write_image`.
        """
        from stacker.about import telling_of

        return write_image(Path(path), self.image, telling_of(self), saving)

    def save_transforms(self, path: Path | str) -> None:
        """Write where the frames lie, for `stacker.load_transforms`: the same set under other light.

        Raises
        ------
        DataError
            When the disk is full or the write fails.
        """
        from stacker.io.atomic import write_text
        from stacker.registration.saved import SavedTransform, transforms_as_json

        frames = (
            (report.index, SavedTransform(report.name, report.transform, report.verdict))
            for report in self.reports
        )
        write_text(Path(path), transforms_as_json(self.frame_size, frames))

    def save_folder(self, path: Path | str) -> None:
        """Write all of this as a stack folder, which `stacker.load_stack` reads; see docs/stack-folder.md.

        Raises
        ------
        UserError
            When something else has that name, or nothing may be written there.
        DataError
            When the disk is full or the write fails.
        """
        from stacker.folder import save_stack

        save_stack(self, Path(path))


def _triple(values: np.ndarray[Any, np.dtype[np.float64]]) -> tuple[float, float, float]:
    return float(values[0]), float(values[1]), float(values[2])


def report_of(
    index: int,
    frame: Frame,
    found: Registration,
    used: bool,
    seconds: float,
    position_mm: float | None = None,
) -> FrameReport:
    """Put together what is known of a frame."""
    centre = (frame.width - 1) / 2, (frame.height - 1) / 2
    motion = Similarity.nearest(found.transform, centre)
    return FrameReport(
        index=index,
        name=frame.name,
        transform=tuple(float(value) for value in found.transform.ravel()),
        scale=motion.scale,
        rotation_deg=math.degrees(motion.rotation_rad),
        shift_px=motion.shift_px,
        correlation=found.correlation,
        misfit_px=found.misfit_px,
        gain=_triple(found.gain),
        offset=_triple(found.offset),
        sharpness=found.sharpness,
        predicted=found.predicted,
        verdict=found.verdict,
        used=used,
        seconds=seconds,
        position_mm=position_mm,
    )
