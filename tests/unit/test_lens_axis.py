"""The focus of a lens as an axis: counted, looked at, one way only; and what a picture tells of motion."""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from rig.axes.base import PositionTrust
from rig.axes.drive import SeenMotion
from rig.axes.lens import EndOfTravelError, LensAxis
from rig.axes.motion import Approach, Approached
from rig.cameras.base import CameraInfo
from rig.cameras.bodies import recognise
from rig.errors import MotionError, PositionUnknownError, UserError
from rig.lens_drive.focus_change import Look, end_of_motion, focus_change, grey_frame
from rig.lens_drive.focus_watch import LiveWatch
from rig.lens_drive.state import LensState


@dataclass
class Motor:
    """A lens with play and two ends; `stuck` takes commands and does nothing."""

    play: int = 3
    ends: tuple[int, int] = (-100, 100)
    units_per_command: int = 1
    tells: bool = False
    least: int = 0
    stuck: bool = False
    motor: int = 0
    group: int = 0
    commands: list[int] = field(default_factory=list)
    name: str = "focus drive"

    @property
    def refuses_small_steps(self) -> bool:
        return self.least > 0

    def drive_focus(self, steps: int) -> bool:
        self.commands.append(steps)
        if abs(steps) < self.least:
            return False
        there = min(max(self.motor + steps, self.ends[0]), self.ends[1])
        reports = self.tells and there == self.motor
        if not self.stuck:
            self.motor = there
            self.group = min(max(self.group, there - self.play), there)
        return not reports

    def at_end(self, direction: int) -> bool | None:
        return self.motor == self.ends[direction > 0] if self.tells else None


@dataclass
class Eye:
    """Sees the motor's group."""

    motor: Motor
    took_s: float = 0.004
    known: int | None = None
    looks: int = 0
    sees: int = 1

    def settle(self) -> None:
        self.known = self.motor.group

    def has_moved(self) -> SeenMotion:
        by = abs(self.motor.group - (self.known or 0))
        if by < self.sees:
            return SeenMotion(False)
        self.known = self.motor.group
        return SeenMotion(True, by >= 2 * self.sees, float(by))

    def motion_s(self, within_s: float) -> float | None:
        assert within_s > 0
        self.looks += 1
        return self.took_s


def axis(motor: Motor, *, at: int | None = 0) -> LensAxis:
    made = LensAxis(motor, Eye(motor))
    if at is not None:
        made.set_reference(at)
    return made


def test_a_lens_moves_only_when_its_place_has_been_named() -> None:
    lens = axis(Motor(), at=None)
    assert lens.position().trust is PositionTrust.UNKNOWN
    assert math.isnan(lens.position().value)
    with pytest.raises(PositionUnknownError, match="nobody has said"):
        lens.move_to(5)
    lens.set_reference(10)
    reached = lens.move_to(15)
    assert (reached.value, reached.trust) == (15, PositionTrust.HOST_COUNTED)
    assert lens.capabilities.unit == "steps"
    with pytest.raises(UserError, match="mark"):
        lens.home()


def test_every_position_is_reached_from_the_same_side_so_that_play_does_not_count() -> None:
    motor = Motor(play=3)
    approached = Approached(axis(motor), Approach(1, 5))
    places = []
    for target in (0, 4, 8, 12, 4, 8):
        approached.move_to(target)
        places.append(motor.group)
    assert places == [-3, 1, 5, 9, 1, 5]  # the same places for the same targets
    forward = motor.commands[5 : 5 + 5 + 12]
    assert set(forward) == {1}, "within a run the drive goes one way"


def test_a_drive_without_effect_is_an_error_and_the_place_is_unknown_after_it() -> None:
    motor = Motor(play=0)
    lens = axis(motor)
    lens.move_to(2)
    motor.stuck = True
    with pytest.raises(MotionError, match=r"had no effect.*after 4 units towards far.*switch on MF"):
        lens.move_to(6)
    assert lens.position().trust is PositionTrust.UNKNOWN


def test_a_report_of_an_end_that_may_be_of_too_small_a_step_says_so_until_such_a_step_was_taken() -> None:
    lens = axis(Motor(play=0, least=3, tells=True, units_per_command=1000, ends=(-100, 20)))
    with pytest.raises(EndOfTravelError, match=r"far end, or that 2 units at a time are too few.*--step"):
        lens.move_to(2)
    lens.set_reference(0)
    lens.move_to(20)
    with pytest.raises(EndOfTravelError, match=r"2 units at a time are too few"):
        lens.move_to(22)
    lens.set_reference(20)
    with pytest.raises(EndOfTravelError, match=r"the lens is at its far end, it says, 0 of 30 units"):
        lens.move_to(50)


def test_steps_too_small_to_see_are_found_out_before_and_looked_at_together() -> None:
    motor = Motor(play=0)
    lens = LensAxis(motor, Eye(motor, sees=5))
    lens.set_reference(0)
    assert lens.rehearse(2, 20) == 12, "after three steps it was barely seen"
    for target in range(8, 27, 2):
        lens.move_to(target)
    motor.stuck = True
    for target in range(28, 36, 2):
        lens.move_to(target)  # of 24 units and more, none is seen
    with pytest.raises(MotionError, match="same after 12 units"):
        lens.move_to(36)


def test_what_a_step_takes_is_known_from_those_made() -> None:
    motor = Motor(play=0)
    lens = LensAxis(motor, Eye(motor, took_s=0.5))
    lens.set_reference(0)
    lens.move_to(4)
    assert 4 * lens.pause_s < lens.step_time_s(4) < 4 * lens.pause_s + 10.0
    assert lens.pause_s == pytest.approx(0.75)


def test_steps_that_are_never_seen_are_refused_in_words() -> None:
    motor = Motor(play=0)
    lens = LensAxis(motor, Eye(motor, sees=50))
    lens.set_reference(0)
    with pytest.raises(MotionError, match=r"8 steps of 2 units.*too small to see: give a larger --step"):
        lens.rehearse(2, 20)


def test_an_end_of_travel_is_told_from_a_dead_drive_where_the_lens_says_so() -> None:
    lens = axis(Motor(play=0, ends=(-10, 6), tells=True))
    lens.move_to(6)
    with pytest.raises(EndOfTravelError, match="far end"):
        lens.move_to(8)


def test_pauses_are_measured_on_the_first_motions() -> None:
    motor = Motor(play=0)
    eye = Eye(motor, took_s=0.05)
    lens = LensAxis(motor, eye)
    lens.set_reference(0)
    assert not lens.is_measured
    lens.move_to(5)
    assert lens.is_measured
    assert lens.pause_s == pytest.approx(0.075)
    assert eye.looks == 3, "the rest of the move goes by what was learnt"
    assert lens.move_time_s(10) == pytest.approx(0.75)


def test_a_body_that_takes_numbers_gets_one_command_a_move() -> None:
    motor = Motor(play=0, units_per_command=32767)
    axis(motor).move_to(57)
    assert motor.commands == [57]


def test_a_stop_ends_a_move_between_two_commands_and_the_count_holds() -> None:
    motor = Motor(play=0)
    lens = axis(motor)
    lens.move_to(3)  # the pause has been learnt: 20 ms
    threading.Timer(0.1, lens.stop).start()
    with pytest.raises(MotionError, match="stopped after"):
        lens.move_to(99)
    assert lens.position().value == motor.motor < 99


@pytest.mark.parametrize(
    ("make", "model", "size", "units", "value"),
    [
        ("Canon.Inc", "Canon EOS R5", 1, 1, "Far 1"),
        ("Canon.Inc", "Canon EOS 80D", 3, -1, "Near 3"),
        ("Sony Corporation", "ILCE-7RM5", 1, 1, "1"),
        ("Sony Corporation", "ILCE-7RM2", 7, -1, "-7"),
        ("Nikon Corporation", "Z 6", 1, -250, "-250"),
    ],
)
def test_the_command_of_each_make(make: str, model: str, size: int, units: int, value: str) -> None:
    drive = recognise(make, model).focus_drive
    assert drive is not None
    assert drive.command(units, size) == value
    with pytest.raises(ValueError, match="one command drives"):
        drive.command(0, size)


@cache
def textured(growth: float, blur: float, shift: float) -> np.ndarray[Any, Any]:
    rng = np.random.default_rng(5)
    texture = cv2.GaussianBlur(rng.normal(0, 1, (400, 600)).astype(np.float32), (0, 0), 2.0)
    texture = 110 + 40 * texture / texture.std()
    scale = 1 + growth
    # Shifted in the spectrum: interpolation would blur it, and a blur is what is looked for.
    turns = np.exp(-2j * np.pi * shift * np.fft.rfftfreq(600))[None, :]
    texture = np.fft.irfft2(np.fft.rfft2(texture) * turns, s=texture.shape).astype(np.float32)
    matrix = np.array([[scale, 0, 300 * (1 - scale)], [0, scale, 200 * (1 - scale)]], np.float64)
    seen = cv2.warpAffine(texture, matrix, (600, 400), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)
    return np.asarray(cv2.GaussianBlur(seen, (0, 0), blur))


def scene(
    growth: float = 0.0, blur: float = 0.6, *, seed: int, light: float = 1.0, shift: float = 0.0
) -> bytes:
    """A frame of live view of a texture, with noise of 2 levels."""
    still = textured(growth, blur, shift)
    seen = light * still + np.random.default_rng(seed).normal(0, 2, still.shape)
    done, data = cv2.imencode(".jpg", np.clip(seen, 0, 255).astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, 85])
    assert done
    return bytes(data)


class Feed:
    """Frames of live view, each with noise of its own."""

    def __init__(self) -> None:
        self.how: dict[str, float] = {}
        self.taken = 0

    def __call__(self) -> bytes:
        self.taken += 1
        return scene(seed=self.taken, **self.how)


def test_focusing_is_seen_through_noise_and_light_and_shake_are_not_taken_for_it() -> None:
    feed = Feed()
    watch = LiveWatch(feed)
    watch.settle()
    assert not watch.has_moved().moved
    feed.how = {"light": 1.06}
    assert not watch.has_moved().moved, "the light changed"
    feed.how = {"light": 1.06, "shift": 0.4}
    assert not watch.has_moved().moved, "the camera shook"
    feed.how = {"light": 1.06, "shift": 0.4, "growth": 3e-4}
    assert watch.has_moved().moved, "0.08 px at the edge is focus breathing"
    feed.how = {"light": 1.06, "shift": 0.4, "growth": 3e-4, "blur": 0.7}
    assert watch.has_moved().moved, "a little blur is another focus"
    feed.how = {"growth": 0.02, "blur": 3.0}
    assert watch.has_moved().moved, "so is quite another picture"
    assert not watch.has_moved().moved


def test_a_frame_that_comes_twice_is_no_second_look() -> None:
    feed = Feed()
    told: dict[str, Any] = {"frame": b"", "times": 0}

    def twice() -> bytes:
        told["times"] += 1
        if told["times"] % 2:
            told["frame"] = feed()
        return bytes(told["frame"])

    watch = LiveWatch(twice)
    watch.settle()
    watch.settle()
    assert not watch.has_moved().moved
    feed.how = {"growth": 5e-4}
    assert watch.has_moved().moved


def test_a_frame_that_comes_twice_in_other_bytes_does_not_make_noise_seem_nothing() -> None:
    feed = Feed()
    frames = [feed() for _ in range(3)]
    comment = b"\xff\xfe\x00\x03x"
    told = iter([*frames, frames[-1][:2] + comment + frames[-1][2:]])
    watch = LiveWatch(lambda: next(told, None) or feed())
    watch.settle()
    watch.settle()  # sees the same frame twice
    assert not watch.has_moved().moved


def test_marks_hold_for_every_later_look_until_the_focus_is_turned(tmp_path: Path) -> None:
    state = LensState(CameraInfo("Canon", "EOS R5", "1", "usb:"), 1, tmp_path)
    feed = Feed()
    first = LiveWatch(feed)
    first.settle()
    assert first.look is not None
    state.keep(3, 8, first.look)
    for _ in range(8):
        later = LiveWatch(feed)
        later.settle()
        kept, why = state.valid(later)
        assert kept is not None, why
        assert (kept.units, kept.far) == (3, 8)
    feed.how = {"growth": 3e-4}
    turned = LiveWatch(feed)
    turned.settle()
    assert state.valid(turned)[0] is None


def look(frames: int = 4, *, seed: int = 0, **how: float) -> Look:
    return Look.of([grey_frame(scene(seed=100 * seed + i, **how)) for i in range(frames)])


def test_growth_is_measured_in_pixels() -> None:
    change = focus_change(look(seed=1), look(seed=2, growth=1e-3))
    assert change.growth_px == pytest.approx(-256 * 1e-3, rel=0.4)  # derivatives of fine detail are short
    assert change.growth_error_px < 0.02


def test_two_looks_of_unlike_noise_are_no_blur() -> None:
    """Forms are taken from the pictures: noise of one side would look like its blur."""
    many, few = look(12, seed=1), look(2, seed=2)
    assert focus_change(many, few).evidence < 24 < focus_change(many, look(2, seed=3, blur=0.7)).evidence


def test_a_deep_subject_that_sharpens_here_and_blurs_there_is_seen_to_change() -> None:
    def half_and_half(left: float, right: float, seed: int) -> Look:
        frames = []
        for i in range(8):
            a, b = (grey_frame(scene(seed=seed + i, blur=blur)) for blur in (left, right))
            frames.append(np.hstack([a[:, :256], b[:, 256:]]))
        return Look.of(frames)

    still = focus_change(half_and_half(1.0, 1.1, 500), half_and_half(1.0, 1.1, 600))
    assert still.evidence < 24
    assert focus_change(half_and_half(1.0, 1.1, 500), half_and_half(1.1, 1.0, 700)).evidence > 240


def test_the_end_of_a_motion_is_found_in_frames_that_each_show_next_to_nothing() -> None:
    growths = [0.0] * 5 + [5e-5, 1e-4, 1.5e-4] + [2e-4] * 8
    frames = [grey_frame(scene(seed=300 + i, growth=growth)) for i, growth in enumerate(growths)]
    before, after = look(12, seed=1), look(12, seed=2, growth=2e-4)
    assert focus_change(before, after).evidence > 24
    assert 6 <= end_of_motion(before, after, frames) <= 10


def test_an_empty_picture_is_refused() -> None:
    rng = np.random.default_rng(6)

    def black() -> bytes:
        done, data = cv2.imencode(".jpg", np.abs(rng.normal(0, 2, (400, 600))).astype(np.uint8))
        assert done
        return bytes(data)

    with pytest.raises(MotionError, match="lens cap"):
        LiveWatch(black).settle()
