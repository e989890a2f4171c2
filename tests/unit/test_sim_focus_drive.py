"""The bench's lens motor: play, lost steps, ends of travel, and that frames show where it stands."""

from __future__ import annotations

import pytest
from hardware_sims.focus_drive import FocusDrive, FocusTravel
from hardware_sims.optics import SimLens

AT_ONCE = {"units_per_s": 1e9, "latency_s": 0.0}
LENS = SimLens(1.0, 11.31, 5.657, 300.0)


class ByHand:
    """A clock that a test moves."""

    scale = 1.0

    def __init__(self) -> None:
        self.t = 0.0

    def now(self) -> float:
        self.t += 1e-6  # nothing happens in no time
        return self.t


def drive(**travel: float) -> tuple[FocusDrive, ByHand]:
    clock = ByHand()
    return FocusDrive(FocusTravel(**{"unit_um": 10.0, "play_units": 0, **AT_ONCE, **travel}), clock), clock  # type: ignore[arg-type]


def test_units_are_extension() -> None:
    motor, clock = drive()
    assert motor.drive(50).units == 50
    assert motor.extension_mm(clock.now()) == pytest.approx(0.5)
    motor.drive(-80)
    assert motor.extension_mm(clock.now()) == pytest.approx(-0.3)


def test_after_a_reversal_the_play_is_taken_up_first() -> None:
    motor, clock = drive(play_units=12)
    motor.drive(100)
    motor.drive(-10)
    assert motor.extension_mm(clock.now()) == pytest.approx(1.0)
    motor.drive(-10)
    assert motor.extension_mm(clock.now()) == pytest.approx(0.92)
    motor.drive(20)  # back where the motor was, but the group is not: it sat at 100
    assert motor.extension_mm(clock.now()) == pytest.approx(1.0)


def test_the_travel_ends() -> None:
    motor, clock = drive(near_mm=1.0, far_mm=-2.0)
    told = motor.drive(1000)
    assert (told.units, told.at_end) == (100, True)
    assert motor.share_of_travel(clock.now()) == pytest.approx(1.0)
    assert motor.drive(-1000).units == -300
    assert motor.extension_mm(clock.now()) == pytest.approx(-2.0)
    assert motor.share_of_travel(clock.now()) == pytest.approx(0.0)


def test_a_lost_drive_comes_short_and_nobody_is_told() -> None:
    motor, clock = drive()
    motor.lost_next = 1
    assert motor.drive(100).units == 100
    short = motor.extension_mm(clock.now())
    assert 0.0 <= short < 0.9
    motor.drive(100)
    assert motor.extension_mm(clock.now()) == pytest.approx(short + 1.0)


def test_a_drive_takes_its_time_and_the_next_one_follows_it() -> None:
    motor, clock = drive(units_per_s=100.0, latency_s=0.1)
    motor.drive(100)
    motor.drive(100)
    assert motor.is_turning()
    assert motor.extension_mm(0.05) == 0.0
    assert motor.extension_mm(0.6) == pytest.approx(0.5, abs=1e-3)
    assert motor.extension_mm(1.15) == pytest.approx(1.0, abs=1e-3)
    assert motor.extension_mm(2.2) == pytest.approx(2.0, abs=1e-3)
    clock.t = 2.3
    assert not motor.is_turning()


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"unit_um": 0.0}, "above 0 µm"),
        ({"near_mm": -1.0}, "from far_mm"),
        ({"play_units": -1}, "may be below 0"),
        ({"lost_share": 1.5}, "share"),
        ({"units_per_s": 0.0}, "cannot turn"),
    ],
)
def test_a_motor_that_cannot_be(wrong: dict[str, float], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        FocusTravel(**wrong)  # type: ignore[arg-type]


def test_focused_nearer_a_lens_magnifies_more_and_its_pupil_keeps_its_size() -> None:
    nearer = LENS.focused(1.5)
    assert nearer.magnification == pytest.approx(1.01)
    assert nearer.focal_length_mm == pytest.approx(LENS.focal_length_mm)
    # To first order the plane of focus comes nearer by extension over m².
    assert nearer.pupil_distance_mm - 300.0 == pytest.approx(-1.5, rel=0.02)
    assert nearer.pupil_diameter_mm == pytest.approx(LENS.pupil_diameter_mm)
    assert LENS.focused(0.0) is LENS
    with pytest.raises(ValueError, match="beyond infinity"):
        LENS.focused(-150.0)
