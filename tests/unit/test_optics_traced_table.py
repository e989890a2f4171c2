"""The lens table's pupils are those of the patents."""

from __future__ import annotations

import math

import pytest

from rig.optics import prescriptions
from rig.optics.tables import find_lens
from rig.optics.trace import trace_lens

TRACED = [key for key in prescriptions.available() if find_lens(prescriptions.load(key).name)]


def test_the_table_has_the_lenses_that_were_traced():
    assert len(TRACED) >= 7


@pytest.mark.parametrize("key", TRACED)
def test_pupils_of_the_table_are_those_traced(key):
    lens = prescriptions.load(key)
    seen = [trace_lens(lens.system(state.magnification)) for state in lens.states if state.magnification]
    rows = find_lens(lens.name).pupils
    assert rows
    for row in rows:
        traced = min(seen, key=lambda s: abs(math.log(s.magnification / row.magnification)))
        assert traced.magnification == pytest.approx(row.magnification, rel=0.006)
        assert row.focal_length_mm == pytest.approx(traced.focal_length_mm, abs=0.0501)
        assert row.pupil_ratio == pytest.approx(traced.pupils.ratio, abs=0.000501)
        assert row.pupil_distance_mm == pytest.approx(traced.pupil_to_object_mm, abs=0.501)
