"""What a unit of a focus drive does, from tiles that come into focus one after the other."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from rig.calibrate.drive import DriveSweep, Slope, drive_peaks, measure_drive, measure_slope
from rig.errors import DataError

TILE_PX = 32
ROWS, COLUMNS = 8, 12
DEPTH_MM_PER_PX = 0.01
STEP_MM = 0.03
Array = np.ndarray[Any, np.dtype[Any]]


def places() -> tuple[Array, Array]:
    x = (np.arange(COLUMNS) - (COLUMNS - 1) / 2) * TILE_PX
    y = (np.arange(ROWS) - (ROWS - 1) / 2) * TILE_PX
    return np.meshgrid(x, y)


def energies(places_of_frames: Array, in_focus_at: Array, width: float, seed: int) -> Array:
    """Contrast that falls on both sides of focus, over noise that differs from tile to tile."""
    rng = np.random.default_rng(seed)
    off = (places_of_frames[:, None, None] - in_focus_at) / width
    return np.exp(-(off**2)) + 0.01 * rng.gamma(4.0, 0.25, (len(places_of_frames), ROWS, COLUMNS))


def focused_units(play: float, bend: float = 0.0, turn: float = 0.0) -> Array:
    """The commanded unit at which each tile is in focus; a unit shifts by 30 µm, the more the farther."""
    x, y = places()
    shift = DEPTH_MM_PER_PX * (np.cos(turn) * x + np.sin(turn) * y) * 1.5**2
    units = shift / STEP_MM
    return units - bend * units**2 + 80 + play


def sweeps(play: float, **how: float) -> tuple[DriveSweep, DriveSweep]:
    units = np.arange(-80.0, 250.0, 2.0)
    out, back = (energies(units, focused_units(p, **how), 9.0, 1 + int(p)) for p in (play, 0.0))
    return DriveSweep(units, out), DriveSweep(units, back)


@pytest.mark.parametrize("turn", [0.0, 0.9, 3.0])
def test_shift_and_play_are_found_however_the_target_leans(turn: float) -> None:
    found = measure_drive(*sweeps(7.0, turn=turn), TILE_PX, Slope(DEPTH_MM_PER_PX, 0.001), 1.5)
    assert found.units[0] == 0
    assert found.shift_mm[0] == 0.0
    assert found.shift_mm[-1] / found.units[-1] == pytest.approx(-STEP_MM, rel=0.01)
    assert found.play_units == pytest.approx(7.0, abs=4 * found.play_sigma_units)
    assert found.near_um == pytest.approx(found.far_um, rel=0.02)
    assert not found.warnings


def test_units_that_do_more_and_more_are_told_of() -> None:
    found = measure_drive(*sweeps(2.0, bend=0.0015), TILE_PX, Slope(DEPTH_MM_PER_PX, 0.0), 1.5)
    assert found.far_um > 1.3 * found.near_um
    assert any("begin stacks at the focus" in note for note in found.warnings)
    # Half way in units, less than half of the way has been gone.
    middle = np.interp(found.units[-1] / 2, found.units, found.shift_mm)
    assert abs(middle) < 0.47 * abs(found.shift_mm[-1])


def test_a_part_without_texture_is_left_out_and_one_that_lies_does_not_bend_the_curve() -> None:
    out, back = sweeps(3.0)
    out.energy[:, 2, 3] = 0.01
    for frame, row, column in ((5, 0, 1), (90, 7, 2), (120, 4, 10)):
        out.energy[:, row, column] = np.exp(-(((np.arange(len(out.units)) - frame) / 4.0) ** 2)) + 0.01
    assert np.isnan(drive_peaks(out.units, out.energy)[2, 3])
    found = measure_drive(out, back, TILE_PX, Slope(DEPTH_MM_PER_PX, 0.0), 1.5)
    assert found.shift_mm[-1] / found.units[-1] == pytest.approx(-STEP_MM, rel=0.01)


def test_the_error_of_the_lean_is_in_that_of_a_shift() -> None:
    known, guessed = (
        measure_drive(*sweeps(7.0), TILE_PX, Slope(DEPTH_MM_PER_PX, share), 1.5) for share in (0.0, 0.1)
    )
    assert guessed.sigma_mm == pytest.approx(0.1 * abs(guessed.shift_mm[-1]) / 2, rel=0.02)
    assert known.sigma_mm >= 0.005 * abs(known.shift_mm[-1]) / 2


def test_the_error_of_the_lean_is_what_it_scatters_by() -> None:
    x, y = places()
    for across, down in ((1e-3, 0.0), (0.0, 1e-3)):
        noise = np.random.default_rng(2).normal(0, 0.03, (200, ROWS, COLUMNS))
        found = [measure_slope(across * x + down * y + one, TILE_PX) for one in noise]
        said = np.mean([one.mm_per_px * one.relative_sigma for one in found])
        assert np.std([one.mm_per_px for one in found]) == pytest.approx(said, rel=0.15)


def test_the_rail_tells_how_the_target_leans() -> None:
    x, y = places()
    rail_mm = np.arange(-3.0, 3.0, 0.05)
    leaning = energies(rail_mm, DEPTH_MM_PER_PX * (0.6 * x - 0.8 * y), 0.3, 4)
    slope = measure_slope(drive_peaks(rail_mm, leaning), TILE_PX)
    assert slope.mm_per_px == pytest.approx(DEPTH_MM_PER_PX, rel=0.01)
    assert slope.direction == pytest.approx((0.6, -0.8), abs=0.01)
    assert slope.relative_sigma < 0.01


def test_a_target_that_does_not_lean_is_refused() -> None:
    rail_mm = np.arange(-3.0, 3.0, 0.05)
    flat = energies(rail_mm, np.zeros((ROWS, COLUMNS)), 0.3, 4)
    with pytest.raises(DataError, match="does not lean"):
        measure_slope(drive_peaks(rail_mm, flat), TILE_PX)
    units = np.arange(0.0, 60.0, 2.0)
    still = DriveSweep(units, energies(units, np.full((ROWS, COLUMNS), 30.0), 9.0, 5))
    with pytest.raises(DataError, match="does not travel across"):
        measure_drive(still, still, TILE_PX, Slope(DEPTH_MM_PER_PX, 0.0), 1.5)


def test_a_drive_that_shows_no_focus_is_refused() -> None:
    units = np.arange(0.0, 60.0, 2.0)
    nothing = DriveSweep(units, energies(units, np.full((ROWS, COLUMNS), 900.0), 9.0, 5))
    with pytest.raises(DataError, match="0 of 96 parts of the frame were seen to become"):
        measure_drive(nothing, nothing, TILE_PX, Slope(DEPTH_MM_PER_PX, 0.0), 1.5)
