"""Whether a lens went as far as it was driven, told by the sizes of its frames."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rig.events import FrameStacked
from rig.lens_drive.pace import DrivePace, short_drives


def sizes(
    units: np.ndarray, *, lost: dict[int, float] | None = None, bend: float = 0.0, noise: float = 3e-5
) -> list[float]:
    """Scales of frames of a lens that grows its picture by 1e-4 a unit, but for the shares that are lost."""
    kept = np.ones(len(units) - 1)
    for drive, share in (lost or {}).items():
        kept[drive] -= share
    pace = 1e-4 * (1 + bend * np.linspace(0, 1, len(kept))) * kept * np.diff(units)
    rng = np.random.default_rng(1)
    grown = np.concatenate([[0.0], np.cumsum(pace)]) + rng.normal(0, noise, len(units))
    return [float(s) for s in np.exp(grown)]


@pytest.mark.parametrize("direction", [1, -1])
@pytest.mark.parametrize("bend", [0.0, 1.0])
def test_half_lost_drives_are_found_and_summed(direction: int, bend: float) -> None:
    units = direction * np.arange(0, 200, 10)
    found = short_drives(units, sizes(units, lost={3: 0.5, 4: 1.0, 11: 0.4}, bend=bend))
    assert found is not None
    assert (found.short, found.drives) == (3, 19)
    assert found.missing_units == pytest.approx(19.0, abs=2.0)


@settings(deadline=None, max_examples=60)
@given(st.integers(7, 60), st.floats(-0.5, 1.0), st.integers(1, 40), st.integers(0, 1000))
def test_a_lens_that_follows_is_not_suspected(frames: int, bend: float, step: int, seed: int) -> None:
    units = np.arange(frames) * step
    noise = np.random.default_rng(seed).normal(0, 2e-6 * step, frames)
    found = short_drives(units, list(np.array(sizes(units, bend=bend, noise=0.0)) * np.exp(noise)))
    assert found is None or found.short == 0


def test_too_few_frames_and_a_lens_that_does_not_breathe_tell_nothing() -> None:
    few = np.arange(0, 60, 10)
    assert short_drives(few, sizes(few)) is None
    units = np.arange(0, 200, 10)
    assert short_drives(units, sizes(units, noise=2e-3)) is None


def test_what_is_missing_is_told_with_what_to_do() -> None:
    units = np.arange(0, 110, 10)
    planned = np.arange(0, 200, 10)  # of which the stack ended half-way
    heard = DrivePace({2 * i: float(unit) for i, unit in enumerate(planned)})
    for number, scale in enumerate(sizes(units, lost={5: 0.9, 8: 0.9})):
        heard(FrameStacked(2 * number, True, 1.0, 0.1, scale))
    heard(FrameStacked(2, False, 1.0, 0.1, 7.0))  # matched to nothing: it says nothing
    heard(FrameStacked(3, True, 1.0, 0.1, 7.0))  # another shot of a position
    found = heard.shortfall()
    assert found is not None
    assert (found.short, found.drives) == (2, 9)
    told = heard.told(found)
    assert told.startswith("2 of 9 drives of the lens came out short, by about 18 units")
    assert "sharp at about unit 82 and not at 100" in told
    assert "--from-here --frames 3 --step 10" in told
