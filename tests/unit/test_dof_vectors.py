"""Published rows through the calculator itself: exactly what a row gives goes in as text, fields come out."""

from __future__ import annotations

import json
import math
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rig.dof.report import describe
from rig.dof.request import DofRequest
from rig.dof.resolve import resolve
from rig.errors import UserError

DATA = Path(__file__).parents[1] / "data"
ROWS = [
    row
    for name in ("optics_vectors.json", "optics_more_vectors.json")
    for row in json.loads((DATA / name).read_text(encoding="utf-8"))
]


def _of(f, N, c, s=None):
    distance = {} if s is None else {"focus_distance": f"{s!r}mm"}
    return {
        "focal_length": f"{f!r}mm",
        "aperture": repr(N),
        "as_written": True,
        "coc": f"{c!r}mm",
        **distance,
    }


def _at(m, N, P, c=None):
    blur = {} if c is None else {"coc": f"{c!r}mm"}
    return {"magnification": repr(m), "aperture": repr(N), "pupil_ratio": repr(P), "as_written": True, **blur}


# What a row gives → options; the field it is about; its unit in mm (or 1).
CASES = {
    "wave_from_N": (_at, "dof_wave_mm", 1),
    "geo_from_N": (_at, "dof_geometric_mm", 1),
    "neff": (_at, "effective_f_number", 1),
    "wave_NA_paraxial": (lambda NA: {"na": repr(NA)}, "dof_wave_paraxial_mm", 1),
    "wave_NA_paraxial_um": (lambda NA: {"na": repr(NA)}, "dof_wave_paraxial_mm", 1e-3),
    "wave_NA_n_um": (
        lambda NA, n, wavelength=0.00055: {
            "na": repr(NA),
            "index": repr(n),
            "wavelength": f"{wavelength!r}mm",
        },
        "dof_wave_paraxial_mm",
        1e-3,
    ),
    "mag_frame": (
        lambda sensor, frame: {"sensor": f"{sensor}x24mm", "frame_width": f"{frame}mm", "aperture": "8"},
        "magnification",
        1,
    ),
    "hyper": (_of, "hyperfocal_mm", 1),
    "near": (_of, "near_mm", 1),
    "far": (_of, "far_mm", 1),
    "hyper_ft": (_of, "hyperfocal_mm", 304.8),
    "near_ft": (lambda f, N, c, s: _of(f, N, c, s * 304.8), "near_mm", 304.8),
    "far_ft": (lambda f, N, c, s: _of(f, N, c, s * 304.8), "far_mm", 304.8),
    "cutoff": (
        lambda effective_f_number, wavelength: {
            "magnification": "1",
            "effective_aperture": repr(effective_f_number),
            "wavelength": f"{wavelength!r}mm",
        },
        "mtf_cutoff_lp_mm",
        1,
    ),
}


def calculated(**text):
    return describe(resolve(DofRequest.from_text(**text)))


@pytest.mark.parametrize("row", [r for r in ROWS if r["formula"] in CASES], ids=lambda r: r["id"])
def test_published_rows_through_the_calculator(row):
    options, field, unit = CASES[row["formula"]]
    report = calculated(**options(**row["inputs"]))
    value, published = getattr(report, field), float(row["published"])
    if math.isinf(published):
        assert value is None
        assert report.beyond_hyperfocal is True
        return
    assert value is not None
    rounding = 0.5 * 10.0 ** Decimal(row["published"]).as_tuple().exponent
    allowed = max(rounding * (1 + 1e-9), row.get("tol", 0.0) * published, 1e-9 * published)
    assert (abs(value / unit - published) <= allowed) == (row["expect"] == "agree")


def test_most_rows_can_be_asked():
    assert sum(r["formula"] in CASES for r in ROWS) > 370


number = st.one_of(
    st.floats(1e-3, 1e3).map(lambda x: f"{x:.6g}"),
    st.sampled_from(["0", "-1", "1e300", "1e-300", "nan", "inf", "1/0", "", "x", "f/8", "2px", "30um", "5x"]),
)
names = st.sampled_from(
    ["magnification", "aperture", "effective_aperture", "na", "pupil_ratio", "objective_magnification",
     "tube_lens", "reference_tube_lens", "focal_length", "focus_distance", "coc", "overlap", "wavelength",
     "index", "frame_width", "pixel_pitch", "pixels", "deliver"]
)  # fmt: skip
things = st.sampled_from(["A7R V", "36x24mm", "full-frame", "MP-E 65", "Mitutoyo M Plan Apo 10x", "x", ""])


@settings(max_examples=100, deadline=None)
@given(
    options=st.dictionaries(names, number, max_size=6),
    sensor=st.none() | things,
    lens=st.none() | things,
)
def test_whatever_is_typed_is_answered_or_refused(options, sensor, lens):
    """No traceback, no number that is none: a value, null, or a sentence."""
    try:
        report = calculated(**options, sensor=sensor, lens=lens)
    except UserError as err:
        assert len(str(err)) > 15  # noqa: PT017  (both outcomes are right)
        return
    fields = report.model_dump()
    for name, value in fields.items():
        if isinstance(value, float) and name != "pupil_distance_mm":
            assert math.isfinite(value), name
            assert value >= 0 or name == "near_mm", name
