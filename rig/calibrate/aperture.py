"""Light lost between far and working focus, from two frames of an even target: the aperture follows."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from rig.calibrate.images import Array, Picture
from rig.cameras.frame_exif import FrameExif
from rig.errors import DataError, UserError
from rig.optics.aperture import effective_f_number_from_light_loss
from rig.optics.stops import true_stop

__all__ = ["Level", "LightLoss", "exposure_stops", "level_of", "light_loss"]

_BURNT = 0.001
"""Share of burnt pixels above which the mean of an even target is too low."""

_DARKEST, _BRIGHTEST = 0.004, 0.9
"""Of white: below, eight bits and stray light count; above, noise is cut off at white."""

_BLOCKS = 8
_UNEVEN = 0.20
"""Spread of the blocks, 5th to 95th percentile over the mean, above which light or target are not even."""

_CURVE_ERROR = 0.05
"""Stops per stop of difference in level by which a camera's tone curve may differ from the standard one."""

_GAIN = 0.15
"""Stops: a working focus brighter than the far one by more than that is no working focus."""

_THIRD_TOLERANCE = 0.12  # stops: 1/60 s stands for 1/64 s, 1/15 s for 1/16 s


@dataclass(frozen=True)
class Level:
    """How bright an even target came out.

    Attributes
    ----------
    light : float
        Mean linear light, 1 is white.
    spread_stops : float
        Standard deviation of its parts.
    exif : FrameExif
        Of the frame.
    name : str
        Of the frame.
    """

    light: float
    spread_stops: float
    exif: FrameExif
    name: str


@dataclass(frozen=True)
class LightLoss:
    """A measured loss of light.

    Attributes
    ----------
    stops, sigma_stops : float
        ΔEV from far to working focus, and its standard error.
    effective_f_number, sigma : float
        Ne = N·2^(ΔEV/2), with the true stop behind the marked one.
    compensated_stops : float
        Part of the loss that was not seen but made up for by another shutter time or ISO.
    warnings : tuple of str
    """

    stops: float
    sigma_stops: float
    effective_f_number: float
    sigma: float
    compensated_stops: float
    warnings: tuple[str, ...]


def level_of(picture: Picture, light: Array, burnt: Array) -> Level:
    """Measure the brightness of a part of a frame.

    Parameters
    ----------
    picture : Picture
        For its name and exposure.
    light, burnt : ndarray, shape (H, W)
        The part of it that counts.

    Raises
    ------
    DataError
        When it is burnt, too dark, or not even.
    """
    share = float(burnt.mean())
    if share > _BURNT:
        raise DataError(
            f"{share:.1%} of the target is burnt in {picture.name}: expose both frames shorter, so that "
            "the one at far focus is a little below white"
        )
    mean = float(light.mean())
    if not _DARKEST <= mean <= _BRIGHTEST:
        cure = "expose longer" if mean < _DARKEST else "expose shorter"
        raise DataError(
            f"the target has {mean:.1%} of full light in {picture.name}, which cannot be measured well: "
            f"{cure}, between {_DARKEST:.1%} and {_BRIGHTEST:.0%}"
        )
    rows, columns = (size // _BLOCKS * _BLOCKS for size in light.shape)
    blocks = light[:rows, :columns].reshape(_BLOCKS, rows // _BLOCKS, _BLOCKS, columns // _BLOCKS)
    means = blocks.mean(axis=(1, 3), dtype=np.float64)
    low, high = np.percentile(means, [5, 95])
    uneven = float((high - low) / mean)
    if uneven > _UNEVEN:
        raise DataError(
            f"the target is not even in {picture.name}: its parts differ by {uneven:.0%} (limit "
            f"{_UNEVEN:.0%}). Use a white card, out of focus if need be, lit evenly; or a smaller --region"
        )
    return Level(mean, float(np.std(np.log2(np.maximum(means, 1e-9)))), picture.exif, picture.name)


def _true_shutter(shutter_s: float) -> float:
    """Time behind a marked one: a power of two in thirds of a stop; a time that is no mark stays as it is."""
    thirds = 3 * math.log2(shutter_s)
    return (
        float(2 ** (round(thirds) / 3)) if abs(thirds - round(thirds)) / 3 < _THIRD_TOLERANCE else shutter_s
    )


def exposure_stops(far: FrameExif, working: FrameExif) -> float | None:
    """Return by how many stops the working frame was exposed more, by shutter and ISO; None when not known.

    Examples
    --------
    >>> exposure_stops(FrameExif(1 / 60, 5.6, 100), FrameExif(1 / 15, 5.6, 100))
    2.0
    """
    if far.shutter_s is None or working.shutter_s is None:
        return None
    stops = math.log2(_true_shutter(working.shutter_s) / _true_shutter(far.shutter_s))
    if far.iso and working.iso:
        stops += math.log2(working.iso / far.iso)
    return stops


def light_loss(far: Level, working: Level, marked_f_number: float, *, linear: bool = False) -> LightLoss:
    """Measure the light that a lens loses from far to working focus, and its effective f-number there.

    Parameters
    ----------
    far, working : Level
        Of the same evenly lit target.
    marked_f_number : float
        N as marked, the same for both.
    linear : bool
        The frames hold linear light, so that the tone curve is no source of error.

    Raises
    ------
    UserError
        When the frames have different f-numbers, or the working one is the brighter.

    References
    ----------
    Ne = N·2^(ΔEV/2): light goes with 1/Ne².
    """
    n_far, n_working = far.exif.f_number, working.exif.f_number
    if n_far and n_working and abs(n_far / n_working - 1) > 0.02:
        raise UserError(
            f"the frames have different f-numbers, f/{n_far:g} in {far.name} and f/{n_working:g} in "
            f"{working.name}: set one aperture for both. A body that shows the effective value (Nikon) needs "
            "no measurement: set reports_effective_f_number = true in [camera]"
        )
    more = exposure_stops(far.exif, working.exif)
    seen = math.log2(far.light / working.light)
    stops = seen + (more or 0.0)
    if stops < -_GAIN:
        raise UserError(
            f"{working.name} is brighter than {far.name}, by {-stops:.2f} stops: give the frame at far focus "
            "first, and the one at working focus second"
        )
    curve = 0.0 if linear else _CURVE_ERROR * abs(seen)
    # Framing changes with focus: what is seen may lie off the middle by half of what light differs.
    sigma = math.hypot(curve, far.spread_stops / 2, working.spread_stops / 2)
    true = float(true_stop(marked_f_number))
    effective = float(effective_f_number_from_light_loss(true, stops))
    return LightLoss(
        stops=stops,
        sigma_stops=sigma,
        effective_f_number=effective,
        sigma=effective * math.log(2) / 2 * sigma,
        compensated_stops=more or 0.0,
        warnings=_warnings(more, seen, linear=linear),
    )


def _warnings(more: float | None, seen: float, *, linear: bool) -> tuple[str, ...]:
    warnings = []
    if more is None:
        warnings.append(
            "the frames do not say how they were exposed: the same shutter time and ISO is assumed"
        )
    if not linear and abs(seen) > 0.5:
        warnings.append(
            f"the frames differ by {abs(seen):.1f} stops in brightness, so the camera's tone curve counts: "
            "expose the one at working focus longer until both look alike, or use linear files (--linear)"
        )
    return tuple(warnings)
