"""How the scenes of the benchmarks are shot; `benchmarks.stacks` renders them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["EVERY", "FURTHER", "HELD_OUT", "RECIPES", "Recipe"]


@dataclass(frozen=True)
class Recipe:
    """How one scene is shot.

    Parameters
    ----------
    name : str
        One of `hardware_sims.scenes.STUDIES` or `SCENES`, or of `benchmarks.depth_scenes`.
    frames : int
        Of the stack. The first and last planes of focus lie a little outside the subject.
    width_mm, depth_mm : float
        Of the subject.
    magnification, effective_f_number, pupil_distance_mm : float
        Of the lens. A plane one mm off focus is blurred over magnification² / effective f-number mm of the
        sensor; the size changes by depth over pupil distance.
    iso : float
        Sets the noise: white is 50000 electrons at 100.
    flicker : float
        Brightness of the frames differs by up to this share.
    drift_px : float
        Sideways wander over the stack, in pixels of a 1500 px frame; jitter is a tenth of it.
    """

    name: str
    frames: int
    width_mm: float
    depth_mm: float
    magnification: float
    effective_f_number: float
    pupil_distance_mm: float
    iso: float
    flicker: float
    drift_px: float

    @property
    def positions_mm(self) -> list[float]:
        """Carriage positions, near end first."""
        margin = 0.06 * self.depth_mm  # at both ends almost everything is blurred
        return [float(x) for x in np.linspace(-margin, self.depth_mm + margin, self.frames)]


def _by_name(*recipes: Recipe) -> dict[str, Recipe]:
    return {recipe.name: recipe for recipe in recipes}


RECIPES = _by_name(
    # Size changes by 14 %; half a step is a blur of 3 px at 1500 px.
    Recipe("bristles", 16, 36.0, 24.0, 1.0, 11.3, 170.0, 400.0, 0.03, 12.0),
    Recipe("glints", 18, 36.0, 24.0, 1.0, 11.3, 240.0, 100.0, 0.01, 6.0),
    Recipe("porcelain", 18, 36.0, 26.0, 1.0, 11.3, 300.0, 400.0, 0.02, 6.0),
    # ISO 6400 is a noise of about 4 of 255.
    Recipe("slope", 20, 36.0, 24.0, 1.0, 11.3, 200.0, 6400.0, 0.02, 8.0),
    # A 10 × objective of numerical aperture 0.28; 3.9 µm a slice.
    Recipe("mineral", 120, 2.4, 0.42, 10.0, 17.9, 20.0, 100.0, 0.01, 10.0),
    Recipe("wings", 14, 36.0, 20.0, 1.0, 11.3, 260.0, 200.0, 0.02, 6.0),
)

FURTHER = _by_name(
    Recipe("needles", 20, 36.0, 22.0, 1.0, 11.3, 200.0, 400.0, 0.02, 8.0),
    Recipe("medal", 12, 36.0, 10.0, 1.0, 11.3, 200.0, 200.0, 0.02, 8.0),
    Recipe("petals", 18, 36.0, 22.0, 1.0, 11.3, 210.0, 200.0, 0.02, 8.0),
)
"""Scenes made when the engine had been tuned on the others, to find out what that is worth elsewhere. They
are of `hardware_sims` too, but the figures of other pages are of `RECIPES` alone."""

HELD_OUT = _by_name(
    # A coin of relief, close up: 3 px a slice at 750 px.
    Recipe("coin", 14, 12.0, 3.0, 3.0, 16.0, 90.0, 200.0, 0.01, 6.0),
    # Few frames that lie far apart: 10 px a slice.
    Recipe("page", 7, 36.0, 24.0, 1.0, 8.0, 250.0, 200.0, 0.02, 6.0),
    Recipe("dome", 16, 36.0, 24.0, 1.0, 11.3, 250.0, 400.0, 0.01, 6.0),
    Recipe("leaf", 15, 36.0, 24.0, 1.0, 11.3, 200.0, 800.0, 0.02, 6.0),
    Recipe("grit", 18, 36.0, 24.0, 1.0, 11.3, 220.0, 6400.0, 0.02, 6.0),
)
"""How the scenes of `benchmarks.depth_scenes` are shot: nothing is to be fitted to these."""

EVERY = RECIPES | FURTHER | HELD_OUT
