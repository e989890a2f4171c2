"""How far a rail is off the optical axis: the drift of the picture between two positions of the carriage.

A rail parallel to the lens's axis makes the picture grow about its middle; one that is not shifts it as well,
by the same amount for every mm. The middle of the frame is taken for where the axis meets it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from rig.calibrate.follow import follow
from rig.calibrate.images import Array, read_picture
from rig.calibrate.still import neighbour_shift, thumbnail
from rig.calibrate.sweep import refuse_burnt
from rig.calibrate.task import Task
from rig.errors import DataError, UserError

__all__ = ["PictureDrift", "RailTilt", "measure_drift", "measure_tilt"]

_WIDTH_PX = 1600
"""Wider frames are reduced: a drift is told to a few hundredths of a pixel there all the same."""
_COLUMNS, _ROWS = 15, 10
_EDGE = 0.08  # of the frame's sides: what is there may have left the other frame
_SMOOTH_PX = 1.5  # one of the frames is less sharp than the other
_APART_PX = 2.0  # points farther off what most say are at another depth, or were lost
_FEWEST = 12
_BIAS_PX = 0.02  # tracking is that far off for reasons that points have in common
_ROUNDS = 3


@dataclass(frozen=True)
class PictureDrift:
    """How a picture has moved between two frames, in px of the frames.

    Attributes
    ----------
    right_px, down_px : float
        Of its middle.
    sigma_px : float
        Standard error of each.
    growth : float
        Its size, relative to the first frame's.
    turn_deg : float
        By how much it has turned, clockwise.
    points : int
        That were followed.
    """

    right_px: float
    down_px: float
    sigma_px: float
    growth: float
    turn_deg: float
    points: int


@dataclass(frozen=True)
class RailTilt:
    """How far a rail is off the optical axis.

    Attributes
    ----------
    travel_mm : float
        Between the frames, towards the subject.
    drift : PictureDrift
        Over that travel.
    right_px_per_mm, down_px_per_mm, sigma_px_per_mm : float
        Drift of the picture for each mm towards the subject, and the standard error of each.
    right_deg, down_deg : float or None
        By how much the rail points to the left and up of the axis, which drifts the picture right and down;
        None when the magnification or the sensor's width is not known.
    files : tuple of str
        The frames.
    simulated : bool
    """

    travel_mm: float
    drift: PictureDrift
    right_px_per_mm: float
    down_px_per_mm: float
    sigma_px_per_mm: float
    right_deg: float | None
    down_deg: float | None
    files: tuple[str, ...]
    simulated: bool

    @property
    def px_per_mm(self) -> float:
        """Size of the drift."""
        return math.hypot(self.right_px_per_mm, self.down_px_per_mm)


def measure_drift(first: Array, second: Array) -> PictureDrift:
    """Measure how the picture has moved, grown and turned from one frame to another.

    Parameters
    ----------
    first, second : ndarray, shape (H, W)
        Linear light, of one size.

    Raises
    ------
    DataError
        When too little of the one is found in the other.

    References
    ----------
    Phase correlation for the way to look, then points followed both ways (`rig.calibrate.follow`), then a
    similarity by random sampling and least squares (OpenCV's estimateAffinePartial2D).
    """
    factor = max(1.0, first.shape[1] / _WIDTH_PX)
    a, b = (_reduced(light, factor) for light in (first, second))
    height, width = a.shape
    middle = np.array([(width - 1) / 2, (height - 1) / 2])
    x = np.linspace(_EDGE * width, (1 - _EDGE) * width, _COLUMNS)
    y = np.linspace(_EDGE * height, (1 - _EDGE) * height, _ROWS)
    places = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
    small = thumbnail(first), thumbnail(second)
    shift = np.array(neighbour_shift(*small)) * (width / small[0].shape[1])
    matrix = np.array([[1.0, 0.0, shift[0]], [0.0, 1.0, shift[1]]])
    kept = np.zeros(len(places), bool)
    found = places
    for _ in range(_ROUNDS):
        guess = (places - middle) @ matrix[:, :2].T + matrix[:, 2] + middle
        found, good = follow(a, b, places, guess)
        matrix, kept = _similarity(places - middle, found - middle, good)
    left = (found - middle) - ((places - middle) @ matrix[:, :2].T + matrix[:, 2])
    count = int(np.count_nonzero(kept))
    rms = float(np.sqrt((left[kept] ** 2).sum() / (2 * count - 4)))
    growth = float(np.hypot(matrix[0, 0], matrix[1, 0]))
    # Half-way between the frames the picture is half-way between its sizes.
    scale = factor * 2 / (1 + growth)
    return PictureDrift(
        right_px=float(matrix[0, 2]) * scale,
        down_px=float(matrix[1, 2]) * scale,
        sigma_px=math.hypot(rms / math.sqrt(count), _BIAS_PX) * scale,
        growth=growth,
        turn_deg=math.degrees(math.atan2(matrix[1, 0], matrix[0, 0])),
        points=count,
    )


def _reduced(light: Array, factor: float) -> Array:
    size = (round(light.shape[1] / factor), round(light.shape[0] / factor))
    small = cv2.resize(light, size, interpolation=cv2.INTER_AREA) if factor > 1 else light
    grey = np.asarray(np.sqrt(np.clip(small, 0, 1)) * 255 + 0.5, dtype=np.uint8)
    return np.asarray(cv2.GaussianBlur(grey, (0, 0), _SMOOTH_PX))


def _similarity(start: Array, found: Array, good: Array) -> tuple[Array, Array]:
    """The similarity that most points agree on, 2 × 3, and which of them do."""
    kept = np.zeros(len(start), bool)
    matrix = None
    if np.count_nonzero(good) >= _FEWEST:
        cv2.setRNGSeed(1)  # the same frames give the same result
        matrix, inside = cv2.estimateAffinePartial2D(
            start[good], found[good], method=cv2.RANSAC, ransacReprojThreshold=_APART_PX
        )
        if matrix is not None:
            kept[np.flatnonzero(good)] = np.asarray(inside).ravel() == 1
    if matrix is None or np.count_nonzero(kept) < _FEWEST:
        raise DataError(
            f"only {int(np.count_nonzero(kept))} points of the one frame are found in the other: use a flat "
            "target with detail all over, such as a banknote, in focus half-way, or less travel"
        )
    return np.asarray(matrix), kept


def measure_tilt(task: Task, travel_mm: float = 5.0) -> RailTilt:
    """Measure how far the rail is off the axis, from two frames.

    Parameters
    ----------
    task : Task
        On the rig, where the carriage stands half-way; or with two frames, whose positions are known.
    travel_mm : float
        Between the frames that are taken on the rig.

    Raises
    ------
    UserError
        When there are not two frames, or they are at one position.
    RigError
        When the frames cannot be taken or compared; the message says what to do.
    """
    frames = task.images
    if not frames:
        if not travel_mm > 0:
            raise UserError(f"--travel: {travel_mm:g} mm is not above 0; write a length such as 5mm")
        plan = task.plan(task.here_mm - travel_mm / 2, task.here_mm + travel_mm / 2, frames=2)
        with task.capture("tilt", plan, 2, target="texture") as rig:
            frames = tuple(rig.sweep(plan.positions_mm))
    if len(frames) != 2:
        raise UserError(f"a tilt is measured from two frames, and here are {len(frames)}")
    places = [frame.position_mm for frame in frames]
    if None in places or places[0] == places[1]:
        raise UserError(
            "how far the rail moved between the two frames is not known: say --distance 5mm, positive when "
            "the second one is closer to the subject"
        )
    travel_mm = float(places[1] or 0.0) - float(places[0] or 0.0)
    pictures = [read_picture(frame.path, linear=task.linear) for frame in frames]
    for picture in pictures:
        refuse_burnt(picture, task.region)
    if pictures[0].light.shape != pictures[1].light.shape:
        raise UserError(f"{pictures[0].name} and {pictures[1].name} are not of one size")
    drift = measure_drift(*(picture.light for picture in pictures))
    right, down = drift.right_px / travel_mm, drift.down_px / travel_mm
    pixel_mm = _pixel_on_subject_mm(task, pictures[0].width_px)
    return RailTilt(
        travel_mm=travel_mm,
        drift=drift,
        right_px_per_mm=right,
        down_px_per_mm=down,
        sigma_px_per_mm=drift.sigma_px / abs(travel_mm),
        right_deg=None if pixel_mm is None else math.degrees(math.atan(right * pixel_mm)),
        down_deg=None if pixel_mm is None else math.degrees(math.atan(down * pixel_mm)),
        files=tuple(picture.name for picture in pictures),
        simulated=pictures[0].simulated or (task.config.simulated and not task.images),
    )


def _pixel_on_subject_mm(task: Task, width_px: int) -> float | None:
    magnification, width_mm = task.setup.magnification, task.sensor_width_mm
    return None if magnification is None or width_mm is None else width_mm / width_px / magnification
