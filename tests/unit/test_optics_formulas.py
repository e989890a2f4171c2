"""The formulas of rig.optics: doctests, worked examples, arrays, limits, and how they hang together."""

from __future__ import annotations

import doctest
import importlib
import inspect
import math
import pkgutil

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import rig.kinematics
import rig.optics
import rig.units
from rig.optics import aperture, diffraction, framing, limits, magnification, seams, steps, stops
from rig.optics import depth_of_field as dof
from rig.optics.aperture import ApertureKnowledge, EffectiveSource, MeasuredAperture, TableRow
from rig.optics.setup import describe_setup

MODULES = [importlib.import_module(f"rig.optics.{m.name}") for m in pkgutil.iter_modules(rig.optics.__path__)]
MODULES += [rig.kinematics, rig.units]

MPE65 = tuple(TableRow(2.8, m, ne) for m, ne in ((1, 5.6), (2, 8.4), (3, 11.2), (4, 14.0), (5, 16.8)))

positive = st.floats(1e-3, 1e3)


@pytest.mark.parametrize("module", MODULES, ids=lambda m: m.__name__)
def test_doctests(module):
    result = doctest.testmod(module)
    assert result.failed == 0
    assert result.attempted > 0 or module.__name__ == "rig.optics.numeric"


@pytest.mark.parametrize(
    "formula",
    [
        getattr(m, name)
        for m in MODULES[:-2]
        if not hasattr(m, "__path__")  # packages hold data; their doctests run above
        for name in m.__all__
        if callable(getattr(m, name)) and name.islower()
    ],
    ids=lambda f: f.__name__,
)
def test_every_public_formula_has_a_doctest_where_it_computes(formula):
    if formula.__name__ in {"tidy", "checked_positive", "per_distance"}:
        return
    assert ">>>" in formula.__doc__, f"{formula.__name__} has no example"
    if not inspect.signature(formula).parameters:
        return
    assert "Parameters" in formula.__doc__, f"{formula.__name__} does not say what its symbols and units are"


# Worked examples of the model: 3.76 µm pixels, c = 2 px; columns DoF and step in µm at overlap 0.3.
@pytest.mark.parametrize(
    ("m", "f_number", "known", "dof_um", "step_um"),
    [
        (1.0, 2**2.5, ApertureKnowledge(given=11.1), 318, 223),
        (1.0, 2**2.5, ApertureKnowledge(), 242, 170),
        (5.0, None, ApertureKnowledge(numerical_aperture=0.14), 29.9, 20.9),
        (10.0, None, ApertureKnowledge(numerical_aperture=0.28), 7.4, 5.2),
        (7.5, None, ApertureKnowledge(numerical_aperture=0.28), 7.8, 5.4),
        (50.0, None, ApertureKnowledge(numerical_aperture=0.55), 1.7, 1.2),
    ],
)
def test_worked_examples(m, f_number, known, dof_um, step_um):
    setup = describe_setup(m, f_number, known, 2 * 0.00376, 0.00376)
    digits = 0 if dof_um > 100 else 1
    assert round(setup.dof_mm * 1000, digits) == dof_um
    assert round(steps.step_for_overlap(setup.dof_mm, 0.3) * 1000, digits) == step_um


def test_true_stops():
    assert stops.true_stop(2.8) == pytest.approx(2 * math.sqrt(2), rel=1e-15)
    assert stops.true_stop(np.array([4.0, 5.6, 11.0, 2.9])) == pytest.approx([4, 2**2.5, 2**3.5, 2.9])
    full = [1, 1.4, 2, 2.8, 4, 5.6, 8, 11, 16, 22, 32, 45, 64, 90]
    assert stops.true_stop(np.array(full)) == pytest.approx([2 ** (k / 2) for k in range(14)])


@pytest.mark.parametrize("mark", sorted(stops._MARKS, key=float))
def test_a_mark_is_near_its_stop_and_comes_back(mark):
    true = stops.true_stop(float(mark))
    # 3.5 for 3.56, 13 for 12.7, 1.1 for 1.12: marks are off by up to 3.5 %.
    assert true == pytest.approx(float(mark), rel=0.04)
    assert stops.stop_mark(true) == mark


def test_the_exact_wave_form_and_the_paraxial_one():
    assert dof.wave_dof_paraxial(0.28) / dof.wave_dof(0.28) == pytest.approx(1.02, abs=0.002)
    assert dof.wave_dof_paraxial(0.55) / dof.wave_dof(0.55) == pytest.approx(1.09, abs=0.002)
    tiny = 1e-7  # no cancellation
    assert dof.wave_dof(tiny) == pytest.approx(dof.wave_dof_paraxial(tiny), rel=1e-9)


@given(m=positive, ne=st.floats(0.6, 500))
def test_half_the_wave_dof_is_a_quarter_wave(m, ne):
    na = aperture.numerical_aperture(m, ne)
    if na < 0.99:
        assert dof.wave_defocus(dof.wave_dof(na) / 2, na) == pytest.approx(0.25, rel=1e-9)
    assert aperture.effective_f_number_from_na(m, na) == pytest.approx(ne)


@given(g=positive, w=positive)
def test_the_combination_lies_between_maximum_and_sum(g, w):
    assert max(g, w) <= dof.combined_dof(g, w) * (1 + 1e-12)
    assert dof.combined_dof(g, w) < g + w


@given(f=st.floats(5, 500), m=st.floats(0.05, 20), n=st.floats(1, 64), c=st.floats(0.001, 0.05))
def test_near_and_far_meet_the_close_up_formula(f, m, n, c):
    """With the blur small against the pupil, near + far is 2 Ne c/m², for any P."""
    pupil = f / n
    if c / m < 0.01 * pupil:
        v = limits.entrance_pupil_distance(f, m)
        total = limits.near_depth(v, pupil, c, m) + limits.far_depth(v, pupil, c, m)
        assert total == pytest.approx(dof.geometric_dof(aperture.effective_f_number(n, m), c, m), rel=1e-3)


def test_beyond_hyperfocal_is_infinite():
    m = magnification.magnification_from_focus(28.0, 4000.0)
    assert limits.far_depth(4000.0, 28 / 8, 0.03, m) == math.inf
    both = limits.far_depth(np.array([4000.0, 4000.0]), np.array([28 / 8, 50 / 8]), 0.03, m)
    assert both[0] == math.inf
    assert math.isfinite(both[1])


def test_formulas_take_arrays():
    ne = np.array([4.0, 8.0, 16.0])
    m = np.array([[0.5], [2.0]])
    geometric = dof.geometric_dof(ne, 0.0075, m)
    assert geometric.shape == (2, 3)
    assert geometric[1, 2] == pytest.approx(dof.geometric_dof(16.0, 0.0075, 2.0))
    wave = dof.wave_dof(aperture.numerical_aperture(m, ne))
    assert dof.combined_dof(geometric, wave).shape == (2, 3)
    assert diffraction.airy_diameter(ne).shape == (3,)
    assert framing.framing_growth(np.array([300.0, np.inf, -300.0]), 30.0) == pytest.approx(
        [10 / 9, 1, 10 / 11]
    )
    assert diffraction.defocused_mtf(np.linspace(0, 1, 5), 0.0) == pytest.approx(
        diffraction.diffraction_mtf(np.linspace(0, 1, 5) * diffraction.mtf_cutoff(8.0), 8.0), abs=1e-6
    )


@pytest.mark.parametrize(
    "call",
    [
        lambda: dof.geometric_dof(0.0, 0.01, 1.0),
        lambda: dof.geometric_dof(8.0, 0.01, -1.0),
        lambda: dof.geometric_dof(8.0, float("nan"), 1.0),
        lambda: dof.wave_dof(1.0),
        lambda: dof.wave_dof(1.4, 1.33),
        lambda: steps.step_for_overlap(0.3, 1.0),
        lambda: magnification.magnification_from_focus(50.0, 40.0),
        lambda: stops.true_stop(-5.6),
        lambda: framing.framing_growth(30.0, 32.0),
        lambda: framing.framing_growth(0.0, 1.0),
        lambda: framing.field_of_last_frame(-20.0, 32.0),
        lambda: aperture.effective_f_number(np.array([4.0, 0.0]), 1.0),
    ],
)
def test_out_of_range_is_refused(call):
    with pytest.raises(ValueError):  # noqa: PT011  (each names its own argument)
        call()


def test_telecentric_and_hypercentric_are_no_special_cases():
    assert framing.framing_growth(math.inf, 32.0) == 1.0
    assert framing.field_of_last_frame(math.inf, 32.0) == 1.0
    assert framing.framing_growth(-300.0, 32.0) < 1


def test_limits_hold_for_every_entrance_pupil():
    """Photographic, telecentric and hypercentric: before and behind are one formula in 1/v."""
    g = dof.geometric_dof(8.0, 0.03, 0.5)
    for v, longer in ((300.0, "behind"), (math.inf, "neither"), (-300.0, "before")):
        before, behind = limits.depth_before(g, v), limits.depth_behind(g, v)
        assert 1 / before - 1 / behind == pytest.approx(2 / v if math.isfinite(v) else 0.0, abs=1e-12)
        assert {"behind": behind > before, "before": before > behind, "neither": behind == before == g / 2}[
            longer
        ]
    v = limits.entrance_pupil_distance(100.0, 0.5, 0.8)
    pupil = 100.0 / (8.0 / (1 + 0.5 / 0.8))
    assert limits.depth_before(g, v) == pytest.approx(limits.near_depth(v, pupil, 0.03, 0.5))
    assert limits.depth_behind(g, v) == pytest.approx(limits.far_depth(v, pupil, 0.03, 0.5))
    assert limits.depth_behind(g, np.array([300.0, math.inf, g / 4])) == pytest.approx(
        [limits.depth_behind(g, 300.0), g / 2, math.inf]
    )


def test_hypercentric_and_telecentric_pupils_by_their_ratio():
    assert limits.entrance_pupil_distance(100.0, 1.0, np.array([1.0, 0.0, -0.5])) == pytest.approx(
        [200.0, math.inf, -100.0]
    )


def test_seams_lose_what_the_model_says():
    """Halfway between frames 13–17 % at an overlap of 0.3, 26–33 % at 0, 7–9 % at 0.5, at any aperture."""
    for overlap, low, high in ((0.0, 0.26, 0.33), (0.3, 0.13, 0.17), (0.5, 0.07, 0.09)):
        for ne in (2.8, 5.6, 11, 22, 45):
            na = 1 / (2 * ne)
            depth = dof.combined_dof(dof.geometric_dof(ne, 2 * 0.00376, 1.0), dof.wave_dof(na))
            loss = seams.seam_contrast_loss(steps.step_for_overlap(depth, overlap), na, 1.0, 0.00376)
            assert low - 0.01 < loss < high + 0.01, (overlap, ne, loss)


def test_dioptres_of_a_lens_focus_step():
    """The step from one image distance to the next, in 1/s, by the lens equation itself."""
    f, m, step = 50.0, 0.02, 0.05
    image = f * (1 + m)
    exact = 1000 * ((1 / f - 1 / (image + step / 2)) - (1 / f - 1 / (image - step / 2)))
    assert steps.focus_step_dioptres(step, f, m) == pytest.approx(exact, rel=1e-5)


def test_resolution_takes_arrays():
    ne = np.array([2.0, 11.1, 45.0])
    assert diffraction.sensor_resolution(ne, 0.00376) == pytest.approx(
        [diffraction.sensor_resolution(x, 0.00376) for x in ne]
    )
    assert diffraction.sensor_resolution(ne, None)[0] > 0.5 / 0.00376
    losses = seams.seam_contrast_loss(0.2, 1 / (2 * ne), 1.0, 0.00376)
    assert losses == pytest.approx([seams.seam_contrast_loss(0.2, 1 / (2 * x), 1.0, 0.00376) for x in ne])


@pytest.mark.parametrize(
    ("known", "source", "ne"),
    [
        (
            ApertureKnowledge(numerical_aperture=0.1, given=9.0, unit_focus=True),
            EffectiveSource.OBJECTIVE,
            5.0,
        ),
        (ApertureKnowledge(given=9.0, body_reports_effective=True), EffectiveSource.GIVEN, 9.0),
        (ApertureKnowledge(body_reports_effective=True, unit_focus=True), EffectiveSource.BODY, 4.0),
        (
            ApertureKnowledge(measured=MeasuredAperture(10.0, 8.0, 1.0), table=MPE65),
            EffectiveSource.MEASURED,
            5.0,
        ),
        (ApertureKnowledge(table=MPE65, unit_focus=True), EffectiveSource.TABLE, 8.0),
        (ApertureKnowledge(unit_focus=True, pupil_ratio=0.5), EffectiveSource.UNIT_FOCUS, 12.0),
        (ApertureKnowledge(pupil_ratio=0.5), EffectiveSource.ASSUMED, 4 * 1.67),
    ],
)
def test_the_most_trusted_source_wins(known, source, ne):
    chosen = aperture.choose_effective_aperture(4.0, 1.0, known)
    assert chosen.source is source
    assert chosen.f_number == pytest.approx(ne)
    assert bool(chosen.warnings) == (source is EffectiveSource.ASSUMED)


def test_knowledge_of_another_magnification_is_passed_over_aloud():
    known = ApertureKnowledge(measured=MeasuredAperture(10.0, 8.0, 1.0), table=MPE65)
    chosen = aperture.choose_effective_aperture(4.0, 0.5, known)
    assert chosen.source is EffectiveSource.ASSUMED
    assert "magnification of 1 only" in chosen.warnings[0]
    assert "1 to 5" in chosen.warnings[1]


def test_a_lens_s_table_is_read_between_its_lines():
    chosen = aperture.choose_effective_aperture(stops.true_stop(5.6), 2.5, ApertureKnowledge(table=MPE65))
    assert chosen.f_number == pytest.approx(2**2.5 * 3.5)


def test_without_aperture_nothing_is_invented():
    assert aperture.choose_effective_aperture(None, 1.0, ApertureKnowledge(unit_focus=True)) is None
    assert describe_setup(1.0, None, ApertureKnowledge(), 0.0075, 0.00376) is None


@pytest.mark.parametrize(
    ("ne", "word"),
    [(6.0, None), (10.9, None), (11.1, "softens"), (13.6, "softens"), (13.8, "erases"), (64.0, "erases")],
)
def test_diffraction_warnings(ne, word):
    """p/λ is 6.84 at 3.76 µm: warned above 1.6 of that (10.9), strongly above 2 (13.7)."""
    setup = describe_setup(1.0, 4.0, ApertureKnowledge(given=ne), 0.0075, 0.00376)
    assert [word in w for w in setup.warnings] == ([True] if word else [])


def test_resolution_on_the_subject():
    coarse = describe_setup(1.0, 4.0, ApertureKnowledge(given=8.0), 0.04, 0.02)
    assert coarse.subject_resolution_lp_mm == pytest.approx(25.0)  # the pixels' limit
    fine = describe_setup(10.0, None, ApertureKnowledge(numerical_aperture=0.28), 0.0075, 0.00376)
    assert 700 < fine.subject_resolution_lp_mm < 2 * 0.28 / 0.00055  # under the objective's cut-off


def test_immersion_deepens_the_field():
    air = describe_setup(20.0, None, ApertureKnowledge(numerical_aperture=0.5), 0.0075, 0.00376)
    water = describe_setup(
        20.0, None, ApertureKnowledge(numerical_aperture=0.5), 0.0075, 0.00376, refractive_index=1.33
    )
    assert water.dof_geometric_mm == pytest.approx(1.33 * air.dof_geometric_mm)
    assert water.dof_mm > air.dof_mm
