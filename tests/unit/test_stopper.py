"""A stop reaches an axis whenever it comes: before there is one, and in the instant before a move begins."""

from __future__ import annotations

import threading
import time

import pytest

from rig.errors import Interrupted
from rig.runs.shoot import Stopper


class _Axis:
    """Counts holds; like every axis, it ignores one that comes while nothing moves."""

    def __init__(self) -> None:
        self.moving = False
        self.held = threading.Event()

    def stop(self) -> None:
        if self.moving:
            self.held.set()


def test_a_stop_just_before_a_move_still_holds_it() -> None:
    stopper, axis = Stopper(), _Axis()
    stopper.guard(axis)  # type: ignore[arg-type]
    stopper.stop()
    time.sleep(0.05)
    axis.moving = True
    assert axis.held.wait(1.0)
    stopper.release()


def test_a_stop_while_connecting_is_not_forgotten() -> None:
    stopper, axis = Stopper(), _Axis()
    stopper.stop()
    axis.moving = True
    stopper.guard(axis)  # type: ignore[arg-type]
    assert axis.held.wait(1.0)
    with pytest.raises(Interrupted):
        stopper.check()
    stopper.release()


def test_a_rail_is_held_also_while_a_lens_is_guarded() -> None:
    """A calibration of the lens's drive brings the rail back at its end."""
    stopper, rail, lens = Stopper(), _Axis(), _Axis()
    stopper.guard(rail)  # type: ignore[arg-type]
    stopper.guard(lens)  # type: ignore[arg-type]
    rail.moving = lens.moving = True
    stopper.stop()
    assert rail.held.wait(1.0)
    assert lens.held.wait(1.0)
    stopper.release()


def test_nothing_is_held_any_more_once_released() -> None:
    stopper, axis = Stopper(), _Axis()
    stopper.guard(axis)  # type: ignore[arg-type]
    stopper.stop()
    stopper.release()
    time.sleep(0.1)
    axis.moving = True
    assert not axis.held.wait(0.2)
