"""The calculator against published values, each with its source (tests/data/optics_*vectors.json).

Rows marked ``agree`` agree within the printed rounding or their stated tolerance; rows marked ``disagree``
are known mistakes or other definitions, and a right formula must not give them.
"""

from __future__ import annotations

import json
import math
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from rig.optics import aperture, diffraction, limits, magnification, prescriptions, steps
from rig.optics import depth_of_field as dof
from rig.optics.trace import trace_lens

DATA = Path(__file__).parents[1] / "data"
ROWS = json.loads((DATA / "optics_vectors.json").read_text(encoding="utf-8"))
MORE = json.loads((DATA / "optics_more_vectors.json").read_text(encoding="utf-8"))
"""Read by us in the stored pages that they name: the rest of tables above, and other sources."""

FOOT_MM = 304.8


def _wave_from_n(m, N, P):
    return dof.wave_dof(aperture.numerical_aperture(m, aperture.effective_f_number(N, m, P)))


def _geo_from_n(m, N, P, c):
    return dof.geometric_dof(aperture.effective_f_number(N, m, P), c, m)


def _geo_step_na_um(NA, m, c, overlap):
    ne = aperture.effective_f_number_from_na(m, NA)
    return 1000 * steps.step_for_overlap(dof.geometric_dof(ne, c, m), overlap)


def _near(f, N, c, s):
    return s - limits.near_depth(s, f / N, c, magnification.magnification_from_focus(f, s))


def _far(f, N, c, s):
    return s + limits.far_depth(s, f / N, c, magnification.magnification_from_focus(f, s))


def _worst_contrast_loss():
    s = np.linspace(0.01, 0.5, 50)
    return 100 * np.max(1 - diffraction.defocused_mtf(s, 0.25) / diffraction.defocused_mtf(s, 0.0))


# The rows number the focus states of a lens; these are the magnifications that its patent prints for them.
TRACED = {
    "NIKON AF-S VR MICRO-NIKKOR 105mm": ("nikon-af-s-105-2.8-vr", (0.0, 1.0)),
    "Canon EF 100mm f/2.8L Macro IS": ("canon-ef-100-2.8-l-is", (0.0, 1.0)),
    "Sigma 105mm F2.8 DG DN": ("sigma-105-2.8-dg-dn", (0.0, 0.5, 1.0)),
    "Canon EF 180mm": ("canon-ef-180-3.5-l", (0.0, 0.1, 0.5, 1.0)),
    "CANON RF 100mm": ("canon-rf-100-2.8-l", (0.0, 1.4)),
}


def _traced(lens, state):
    key, magnifications = TRACED[lens]
    return trace_lens(prescriptions.load(key).system(magnifications[state]))


def _trace(lens, state, key):
    seen = _traced(lens, state)
    return {"f": seen.focal_length_mm, "mfd": seen.object_to_image_mm}[key]


FORMULAS = {
    "wave_from_N": _wave_from_n,
    "wave_NA_paraxial": lambda NA: dof.wave_dof_paraxial(na=NA),
    "wave_NA_paraxial_um": lambda NA: 1000 * dof.wave_dof_paraxial(NA),
    "geo_from_N": _geo_from_n,
    "mag_frame": lambda sensor, frame: magnification.magnification_from_frame(
        sensor_width=sensor, frame_width=frame
    ),
    "neff": aperture.effective_f_number,
    "geo_step_NA_um": _geo_step_na_um,
    "hyper": limits.hyperfocal_distance,
    "hyper_nof": lambda f, N, c: limits.hyperfocal_distance(f, N, c) - f,  # as most scales on lenses
    "near": _near,
    "far": _far,
    "f_mfd": lambda D, m: magnification.focal_length_from_distance(distance=D, m=m),
    "qw_loss": _worst_contrast_loss,
    "expo_k": aperture.exposure_factor,
    "trace": _trace,
    "pupil_trace": lambda lens, state: _traced(lens, state).pupils.ratio,
}


MORE_FORMULAS = FORMULAS | {
    "wave_NA_n_um": lambda NA, n, wavelength=dof.WAVELENGTH_MM: (
        1000 * dof.wave_dof_paraxial(NA, n, wavelength)
    ),
    "cutoff": diffraction.mtf_cutoff,
    "mtf50_share": lambda: 100 * diffraction.mtf50_frequency(8.0) / diffraction.mtf_cutoff(8.0),
    "mtf": lambda share: 100 * diffraction.diffraction_mtf(share * diffraction.mtf_cutoff(8.0), 8.0),
    "stops_lost": lambda m: 2 * math.log2(aperture.effective_f_number(2.8, m) / 2.8),
    "hyper_ft": lambda f, N, c: limits.hyperfocal_distance(f, N, c) / FOOT_MM,
    "near_ft": lambda f, N, c, s: _near(f, N, c, s * FOOT_MM) / FOOT_MM,
    "far_ft": lambda f, N, c, s: _far(f, N, c, s * FOOT_MM) / FOOT_MM,
}


def tolerance(published: str, stated: float | None) -> float:
    """Half of the last printed digit, or the stated share, whichever is more."""
    value = Decimal(published)
    if not value.is_finite():
        return 0.0
    rounding = 0.5 * 10.0 ** value.as_tuple().exponent
    floats = 1e-9 * abs(float(value))  # some rows print all the digits of somebody's floats
    return max(rounding * (1 + 1e-9), (stated or 0.0) * abs(float(value)), floats)


def test_every_row_is_run():
    assert {row["formula"] for row in ROWS} == FORMULAS.keys()
    assert len(ROWS) == 237
    assert {row["formula"] for row in MORE} <= MORE_FORMULAS.keys()
    assert len(MORE) == 173


@pytest.mark.parametrize("row", ROWS + MORE, ids=lambda r: r["id"])
def test_published_value(row):
    value = MORE_FORMULAS[row["formula"]](**row["inputs"])
    published = float(row["published"])
    if math.isinf(published):
        agrees = value == published
    else:
        agrees = abs(value - published) <= tolerance(row["published"], row.get("tol"))
    assert agrees == (row["expect"] == "agree"), (
        f"{value} against {row['published']}: {row['source']}, {row['note']}"
    )
