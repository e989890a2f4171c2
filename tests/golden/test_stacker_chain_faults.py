"""A chain goes on where one frame, or what is said of one frame, is wrong."""

from __future__ import annotations

import functools
import math

import numpy as np
import pytest

from benchmarks.planes import Plane, PlaneFrame, plane_frames
from stacker.registration.chain import Chain, Registration
from stacker.registration.rail import RailGeometry

SIZE = 450, 300


@functools.cache
def plane(**settings: float) -> tuple[PlaneFrame, ...]:
    return tuple(plane_frames(Plane(count=9, size=SIZE, blur_px=10.0, **settings)))  # type: ignore[arg-type]


def worst_px(found: Registration, frame: PlaneFrame, first: PlaneFrame) -> float:
    true = np.linalg.inv(first.place) @ frame.place
    corners = np.array([[x, y, 1.0] for x in (0, SIZE[0]) for y in (0, SIZE[1])]).T
    return float(np.linalg.norm(((found.transform - true) @ corners)[:2], axis=0).max())


@pytest.mark.parametrize("wrong", [0, 5])
def test_a_position_that_was_mistyped_moves_no_frame(wrong: int) -> None:
    frames = plane()
    positions = [-float(index) for index in range(len(frames))]
    positions[wrong] += 30.0
    chain = Chain(geometry=RailGeometry(len(frames) / 0.05, positions[0]))
    found = [chain.add(frame.pixels, at) for frame, at in zip(frames, positions, strict=True)]
    assert all(one.registered for one in found)
    errors = [worst_px(one, frame, frames[0]) for one, frame in zip(found, frames, strict=True)]
    assert max(errors) < 1.0


def test_identical_frames_at_different_positions_stay_where_they_are() -> None:
    chain = Chain()
    found = [chain.add(plane()[4].pixels, float(index)) for index in range(4)]
    assert all(np.allclose(one.transform, np.eye(3), atol=1e-3) for one in found)


def test_a_black_first_frame_costs_no_other() -> None:
    frames = plane()
    chain = Chain()
    chain.add(np.zeros_like(frames[0].pixels))
    found = [chain.add(frame.pixels) for frame in frames[1:]]
    assert all(one.registered for one in found)
    assert max(worst_px(one, frame, frames[1]) for one, frame in zip(found, frames[1:], strict=True)) < 1.0


def test_a_camera_that_turns_to_and_fro_is_followed() -> None:
    frames = plane(jitter_rad=math.radians(2.0), growth=0.0)
    chain = Chain()
    found = [chain.add(frame.pixels) for frame in frames]
    assert all(one.registered for one in found)


def test_a_frame_shown_twice_does_not_slow_the_stack_down() -> None:
    frames = plane()
    order = [4, 5, 6, 7, 8, 3, 2, 2, 1, 0]
    chain, found = Chain(), {}
    for at, index in enumerate(order):
        if at == 5:
            chain.rewind()
        found[index] = chain.add(frames[index].pixels)
    assert max(worst_px(one, frames[index], frames[4]) for index, one in found.items()) < 0.7
