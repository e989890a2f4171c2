"""How much a frame counts at a place: from the energy of its bands to its share in the running means."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from stacker.frames import Image

__all__ = ["LUMA", "NOTHING", "FusionParameters", "inherit", "merge", "score", "smooth", "weigh_rows"]

LUMA = (0.25, 0.5, 0.25)
"""Weights of red, green and blue in a band's energy."""

NOTHING = -1e9
"""Logarithmic weight of a pixel that no frame has touched: exp of its distance to any score is 0."""

_WINDOW_SIGMA = 0.7071
"""Of the window over which energy is summed, in half-size pixels: with the 2 x 2 sums that is 1.5 px."""


@dataclass(frozen=True)
class FusionParameters:
    """How hard the fusion chooses.

    Attributes
    ----------
    softness : float
        Multiplies the noise variance in the activity; larger averages more.
    exponent : float
        Power of the activity in the weight.
    hard_exponent : float
        Power above ``hard_from``, where there is no doubt which frame is sharp.
    hard_from : float
        Logarithm of the activity from which the harder power applies.
    inherit : float
        Share of the finer band in the activity of a coarser one, 0 to 1.
    """

    softness: float = 3.0
    exponent: float = 8.0
    hard_exponent: float = 24.0
    hard_from: float = 3.0
    inherit: float = 0.95


def smooth(energy: Image) -> None:
    """Sum energy over a small window, in place."""
    cv2.GaussianBlur(energy, (3, 3), _WINDOW_SIGMA, energy)


def inherit(activity: Image) -> Image:
    """Logarithmic activity for the next coarser band: averaged as a power, so that the sharp parts decide."""
    return np.asarray(cv2.log(cv2.pyrDown(cv2.exp(activity))))


def score(activity: Image, parameters: FusionParameters) -> Image:
    """Logarithmic weight of a frame by its logarithmic activity."""
    extra = parameters.hard_exponent - parameters.exponent
    beyond = np.maximum(activity - np.float32(parameters.hard_from), 0)
    return np.asarray(cv2.addWeighted(activity, parameters.exponent, beyond, extra, 0, beyond))


def merge(weight: Image, strength: Image) -> Image:
    """Add a logarithmic weight to the logarithm of the sum of weights, and say which share of it that is."""
    larger = np.maximum(strength, weight)
    step = np.minimum(strength, weight)
    np.subtract(step, larger, out=step)
    cv2.exp(step, step)
    np.add(step, np.float32(1), out=step)
    cv2.log(step, step)
    np.add(larger, step, out=strength)
    np.subtract(weight, strength, out=step)
    return np.asarray(cv2.exp(step, step))


def weigh_rows(
    energy: Image,
    inherited: Image | None,
    gate: Image,
    strength: Image,
    parameters: FusionParameters,
    activity: Image,
    y0: int,
    y1: int,
) -> None:
    """Turn energy into this frame's share of all frames so far, for some rows.

    Parameters
    ----------
    energy : ndarray of float32, shape (h, w)
        In units of the noise; replaced by the share, 0 to 1.
    inherited : ndarray of float32, shape (h, w), or None
        Logarithmic activity of the finer band.
    gate : ndarray of float32, shape (h, w)
        Logarithmic weight by reach: 0 inside the frame.
    strength : ndarray of float32, shape (h, w)
        Logarithm of the sum of all frames' weights; this frame's is added.
    parameters : FusionParameters
        How hard to choose.
    activity : ndarray of float32, shape (h, w)
        Is filled with the logarithmic activity.
    y0, y1 : int
        The rows.
    """
    own = energy[y0:y1]
    active = activity[y0:y1]
    np.add(own, np.float32(1), out=active)
    cv2.log(active, active)
    if inherited is not None:
        share = parameters.inherit
        cv2.addWeighted(active, 1 - share, inherited[y0:y1], share, 0, active)
    weight = score(active, parameters)
    np.add(weight, gate[y0:y1], out=weight)
    own[...] = merge(weight, strength[y0:y1])
