"""The streaming stacker: frames one at a time, a preview at any time, the picture at the end."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from stacker.errors import UserError
from stacker.focus.noise import estimate_noise
from stacker.frames import Frame, FrameMetadata, Image, as_frame
from stacker.fusion.base import Fused, Fusion
from stacker.fusion.pyramid import PyramidFusion
from stacker.fusion.window import Window
from stacker.io.decode import read_frame
from stacker.io.encode import write_image
from stacker.options import Border, Options, Unregistered
from stacker.registration.chain import Chain, Registration
from stacker.registration.rail import RailGeometry
from stacker.registration.similarity import Matrix, Similarity

__all__ = ["FrameReport", "Stack", "Stacker"]


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
    gain : tuple of float
        Factors applied to red, green and blue.
    sharpness : float
        Of the sharpest parts; comparable within a stack. See `stacker.sharpness`.
    registered : bool
        False when the transform is a prediction.
    used : bool
        False when the frame was left out (`Unregistered.DROP`).
    seconds : float
        Wall time that adding it took.
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
    sharpness: float
    registered: bool
    used: bool
    seconds: float

    @property
    def matrix(self) -> Matrix:
        """Frame to reference view, shape (3, 3)."""
        return np.array(self.transform).reshape(3, 3)


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
    noise_sigma : float
        Of the frames, in units of 1/255 of white.
    metadata : FrameMetadata
        Of the first frame added; written by `save`.
    """

    image: Image
    valid: np.ndarray[Any, np.dtype[np.bool_]]
    origin_px: tuple[int, int]
    reports: tuple[FrameReport, ...]
    shares: tuple[float, ...]
    noise_sigma: float
    metadata: FrameMetadata

    @property
    def transforms(self) -> tuple[Matrix, ...]:
        """Frame to reference view, shape (3, 3) each, of every report."""
        return tuple(report.matrix for report in self.reports)

    @property
    def unused(self) -> tuple[FrameReport, ...]:
        """Frames that contributed nothing to speak of: under 0.05 % of the detail."""
        return tuple(r for r, share in zip(self.reports, self.shares, strict=True) if share < 0.0005)

    def save(self, path: Path | str, bit_depth: int | None = None, quality: int = 95) -> None:
        """Write TIFF, PNG or JPEG, atomically, with the frames' profile and EXIF; see
        `stacker.write_image`."""
        write_image(Path(path), self.image, self.metadata, bit_depth, quality)


class Stacker:
    """Registers and fuses frames as they come; memory does not depend on how many.

    Parameters
    ----------
    options : Options, optional
        Settings.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> frames = [rng.integers(0, 255, (48, 64, 3), np.uint8) for _ in range(2)]
    >>> stacker = Stacker(Options(align=False))
    >>> reports = [stacker.add(frame) for frame in frames]
    >>> stacker.finish().image.shape
    (48, 64, 3)
    """

    def __init__(self, options: Options | None = None) -> None:
        self._options = options or Options()
        self._chain: Chain | None = None
        self._fusion: Fusion | None = None
        self._first: FrameMetadata | None = None
        self._first_name = ""
        self._size = (0, 0)
        self._dtype: np.dtype[Any] = np.dtype(np.uint8)
        self._noise = 0.0
        self._reports: list[FrameReport] = []

    @property
    def reports(self) -> tuple[FrameReport, ...]:
        """Of all frames so far, in order of arrival."""
        return tuple(self._reports)

    def add(
        self, frame: Frame | Image | Path | str, position_mm: float | None = None, index: int | None = None
    ) -> FrameReport:
        """Register a frame to its neighbour and fold it into the picture.

        Parameters
        ----------
        frame : Frame, ndarray, Path or str
            Anything that `stacker.read_frame` or `stacker.as_frame` takes. All frames have one size.
        position_mm : float, optional
            Rail position, growing towards the subject: helps registration.
        index : int, optional
            Place in the stack when frames do not arrive in order.

        Raises
        ------
        UserError
            When the size differs from that of the first frame.
        DataError
            When a file cannot be decoded.
        """
        started = time.perf_counter()
        taken = self._take(frame)
        if self._chain is None:
            self._begin(taken, position_mm)
        assert self._chain is not None
        assert self._fusion is not None
        self._check_alike(taken)
        found = self._chain.add(taken.pixels, position_mm)
        number = len(self._reports) if index is None else index
        used = found.registered or self._options.unregistered is Unregistered.PREDICT
        if used:
            self._fusion.add(taken.pixels, found.transform, found.gain, number)
        report = _report(number, taken, found, used, time.perf_counter() - started)
        self._reports.append(report)
        return report

    def rewind(self) -> None:
        """Take the first frame as the neighbour of the next one: call it between the two halves of a stack
        that is fused from its middle outward.
        """
        if self._chain is not None:
            self._chain.rewind()

    def preview(self, max_width_px: int = 800) -> np.ndarray[Any, np.dtype[np.uint8]]:
        """The picture so far, reduced.

        Parameters
        ----------
        max_width_px : int
            Width at most.

        Returns
        -------
        ndarray of uint8, shape (h, w, 3)
            RGB.

        Raises
        ------
        UserError
            When no frame has been added.
        """
        fused = self._require_frames().preview(max_width_px)
        crop = self._crop(fused)
        picture = fused.image[crop.slices_in(fused.extent)]
        width = min(max_width_px, crop.width)
        height = max(1, round(crop.height * width / crop.width))
        return np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA))

    def finish(self) -> Stack:
        """The stacked picture of all frames so far; more may be added afterwards.

        Raises
        ------
        UserError
            When no frame has been added.
        """
        fused = self._require_frames().finish()
        assert self._first is not None
        crop = self._crop(fused)
        where = crop.slices_in(fused.extent)
        reports = sorted(self._reports, key=lambda report: report.index)
        return Stack(
            image=np.ascontiguousarray(fused.image[where]),
            valid=fused.reached[where],
            origin_px=(crop.x, crop.y),
            reports=tuple(reports),
            shares=tuple(fused.shares.get(report.index, 0.0) for report in reports),
            noise_sigma=self._noise,
            metadata=self._first,
        )

    def _take(self, frame: Frame | Image | Path | str) -> Frame:
        if isinstance(frame, Frame):
            return frame
        if isinstance(frame, (Path, str)):
            return read_frame(frame)
        return as_frame(frame, f"frame {len(self._reports)}")

    def _begin(self, frame: Frame, position_mm: float | None) -> None:
        """Set everything up from the first frame."""
        options = self._options
        self._first, self._first_name = frame.metadata, frame.name
        self._size, self._dtype = (frame.width, frame.height), frame.pixels.dtype
        self._noise = estimate_noise(frame.pixels)
        self._chain = Chain(
            options.reference.matrix,
            self._geometry(position_mm),
            options.registration_width_px,
            options.align,
            options.exposure,
        )
        self._fusion = PyramidFusion(self._size, self._dtype, self._noise, options.fusion)

    def _geometry(self, first_mm: float | None) -> RailGeometry | None:
        view_mm, pupil_mm = self._options.reference.position_mm, self._options.pupil_distance_mm
        if view_mm is not None and (pupil_mm is None or first_mm is None):
            raise UserError(
                "A view at a rail position needs the pupil distance and the positions of the frames"
            )
        if pupil_mm is None or first_mm is None or not self._options.align:
            return None
        return RailGeometry(pupil_mm, first_mm if view_mm is None else view_mm)

    def _require_frames(self) -> Fusion:
        if self._fusion is None or not any(report.used for report in self._reports):
            raise UserError("There is no picture yet: no frame has been added")
        return self._fusion

    def _crop(self, fused: Fused) -> Window:
        """The part of the canvas that is shown, in (perhaps reduced) pixels of the reference view."""
        if self._options.border is Border.REFERENCE:
            frame = Window(0, 0, self._size[0] // fused.step, self._size[1] // fused.step)
            return frame.intersection(fused.extent)
        rows, columns = np.flatnonzero(fused.reached.any(axis=1)), np.flatnonzero(fused.reached.any(axis=0))
        left, top = int(columns[0]), int(rows[0])
        width, height = int(columns[-1]) + 1 - left, int(rows[-1]) + 1 - top
        return Window(fused.extent.x + left, fused.extent.y + top, width, height)

    def _check_alike(self, frame: Frame) -> None:
        if (frame.width, frame.height) != self._size:
            width, height = self._size
            raise UserError(
                f"{frame.name} is {frame.width} × {frame.height} px, but {self._first_name} is "
                f"{width} × {height} px: "
                "the frames of a stack have one size"
            )
        if frame.pixels.dtype != self._dtype:
            raise UserError(
                f"{frame.name} has {frame.pixels.dtype} samples, but {self._first_name} has {self._dtype}: "
                "the frames of a stack have one bit depth"
            )


def _report(index: int, frame: Frame, found: Registration, used: bool, seconds: float) -> FrameReport:
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
        gain=(float(found.gain[0]), float(found.gain[1]), float(found.gain[2])),
        sharpness=found.sharpness,
        registered=found.registered,
        used=used,
        seconds=seconds,
    )
