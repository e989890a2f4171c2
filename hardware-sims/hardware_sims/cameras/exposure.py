"""From the release to the picture: shutter lag, exposure, read-out and processing of a simulated body."""

from __future__ import annotations

import itertools
import math
import queue
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from hardware_sims.clock import SimClock
from hardware_sims.colour import DAYLIGHT_K

__all__ = [
    "FAULTLESS",
    "PRESET_KELVIN",
    "PROGRAMS",
    "BodyTiming",
    "ExposureSettings",
    "Mishap",
    "Photo",
    "Picture",
    "Shutter",
    "World",
    "true_f_number",
]


PRESET_KELVIN: Mapping[str, float | None] = {
    "auto": None,
    "daylight": DAYLIGHT_K,
    "cloudy": 6000.0,
    "shade": 7000.0,
    "tungsten": 3200.0,
    "fluorescent": 4000.0,
    "flash": 6000.0,
}
"""What bodies mean by their named white balances."""

PROGRAMS: Mapping[str, int] = {"M": 1, "P": 2, "A": 3, "S": 4, "bulb": 1}
"""EXIF's numbers of the exposure modes."""


def true_f_number(marked: float) -> float:
    """The f-number that a marked one stands for: marked values are rounded powers of two to sixths.

    Examples
    --------
    >>> round(true_f_number(5.6), 3)
    5.657
    """
    return float(2.0 ** (round(6 * math.log2(marked)) / 6))


class Photo(Protocol):
    """What the world gives back for an exposure."""

    @property
    def jpeg(self) -> bytes:
        """The developed picture."""
        ...

    @property
    def raw(self) -> bytes | None:
        """The same exposure as a DNG, when it was asked for."""
        ...

    @property
    def width(self) -> int:
        """Its width, px."""
        ...

    @property
    def height(self) -> int:
        """Its height, px."""
        ...


class World(Protocol):
    """What a simulated body needs of the world in front of it."""

    def expose(
        self,
        start_s: float,
        shutter_s: float,
        f_number: float,
        iso: int,
        flash: bool = False,
        *,
        raw: bool = False,
        shake_um: float = 0.0,
        light_share: float = 1.0,
        kelvin: float | None = DAYLIGHT_K,
        program: int = 1,
    ) -> Photo:
        """Render the exposure that began at bench time `start_s`; takes a while, from any thread."""
        ...

    def preview(self, t_s: float, shutter_s: float, f_number: float, iso: int) -> bytes | None:
        """A frame of live view at bench time `t_s`, JPEG; None while none can be made yet."""
        ...


@dataclass(frozen=True)
class ExposureSettings:
    """What the body is set to at the moment of release; `raw` and `jpeg` are the files that it makes.

    `kelvin` is the colour temperature that it balances for, None when it finds that by itself; `program` is
    EXIF's number of the exposure mode. With `bulb` the shutter is open as long as the release is held, and
    `shutter_s` is what live view shows.
    """

    shutter_s: float
    f_number: float
    iso: int
    raw: bool = False
    jpeg: bool = True
    kelvin: float | None = PRESET_KELVIN["daylight"]
    program: int = 1
    bulb: bool = False


@dataclass(frozen=True)
class Mishap:
    """What goes wrong with one exposure.

    Parameters
    ----------
    late_s : float
        Bench seconds by which the file comes late.
    lost : bool
        Whether no file comes at all.
    shake_um : float
        What the mirror's knock moves the picture, in the subject plane.
    light_share : float
        Part of the light that is there.
    """

    late_s: float = 0.0
    lost: bool = False
    shake_um: float = 0.0
    light_share: float = 1.0


_SHORTEST_BULB_S = 0.05
"""A shutter that is let go of at once is still open for that long."""

FAULTLESS = Mishap()
"""Nothing goes wrong."""


@dataclass(frozen=True)
class BodyTiming:
    """How fast the body is, all in bench seconds.

    Parameters
    ----------
    shutter_lag_s : float
        From the release to the opening of the shutter.
    readout_s : float
        From the closing of the shutter to the end of the sensor's read-out.
    processing_s : float
        From there until the file is offered.
    """

    shutter_lag_s: float = 0.05
    readout_s: float = 0.1
    processing_s: float = 0.1


@dataclass(frozen=True)
class Picture:
    """A picture that is ready to be offered.

    Parameters
    ----------
    number : int
        Counts the releases of this body from 1, as its file names do.
    taken_at : float
        Wall time of the release, seconds since the epoch.
    """

    number: int
    settings: ExposureSettings
    photo: Photo
    taken_at: float


@dataclass(frozen=True)
class _Release:
    number: int
    settings: ExposureSettings
    start_s: float
    taken_at: float
    mishap: Mishap

    @property
    def end_s(self) -> float:
        return self.start_s + self.settings.shutter_s


class Shutter:
    """Exposes when released, and delivers the pictures in order, each when the real body would.

    Parameters
    ----------
    world : World
        Renders; called in a thread of the shutter's own, when the exposure is over.
    clock : SimClock
        Bench time.
    timing : BodyTiming
        The body's delays.
    deliver : callable
        Gets each finished `Picture`.

    Attributes
    ----------
    late_renders : list of float
        Bench seconds by which a picture was late because the renderer was slow: the bench's fault, which a
        benchmark must not count against the rig.
    """

    def __init__(
        self, world: World, clock: SimClock, timing: BodyTiming, deliver: Callable[[Picture], None]
    ) -> None:
        self._world, self._clock, self._timing, self._deliver = world, clock, timing, deliver
        self._numbers = itertools.count(1)
        self._queue: queue.SimpleQueue[_Release | None] = queue.SimpleQueue()
        self._closed = threading.Event()
        self._busy_until_s = float("-inf")
        self._held: _Release | None = None
        self._thread = threading.Thread(target=self._work, daemon=True, name="shutter")
        self._thread.start()
        self.late_renders: list[float] = []

    @property
    def is_busy(self) -> bool:
        """Whether an exposure or its read-out is under way, so that a release would be refused."""
        return self._clock.now() < self._busy_until_s

    def release(self, settings: ExposureSettings, mishap: Mishap = FAULTLESS, delay_s: float = 0.0) -> int:
        """Begin an exposure, after a delay of bench seconds beyond the body's own lag; returns its number.

        At bulb it lasts until `let_go`.
        """
        start_s = self._clock.now() + self._timing.shutter_lag_s + delay_s
        number = next(self._numbers)
        order = _Release(number, settings, start_s, time.time(), mishap)
        if settings.bulb:
            self._held, self._busy_until_s = order, float("inf")
        else:
            self._begin(order)
        return number

    def let_go(self) -> bool:
        """End the exposure that is held open, with the lag that it began with; False when there is none."""
        held, self._held = self._held, None
        if held is None:
            return False
        end_s = max(self._clock.now() + self._timing.shutter_lag_s, held.start_s + _SHORTEST_BULB_S)
        self._begin(replace(held, settings=replace(held.settings, shutter_s=end_s - held.start_s)))
        return True

    def _begin(self, order: _Release) -> None:
        self._busy_until_s = order.end_s + self._timing.readout_s
        self._queue.put(order)

    def close(self) -> None:
        """Stop; whatever has not been delivered is dropped."""
        self._closed.set()
        self._queue.put(None)
        self._thread.join(timeout=10.0)

    def _wait_until(self, when_s: float) -> bool:
        """Whether bench time `when_s` was reached before the shutter was closed."""
        left_s = max(0.0, when_s - self._clock.now())
        return not self._closed.wait(left_s / self._clock.scale)

    def _work(self) -> None:
        while (order := self._queue.get()) is not None:
            if not self._wait_until(order.end_s):
                return
            settings, mishap = order.settings, order.mishap
            if mishap.lost:
                continue
            photo = self._world.expose(
                order.start_s,
                settings.shutter_s,
                settings.f_number,
                settings.iso,
                raw=settings.raw,
                shake_um=mishap.shake_um,
                light_share=mishap.light_share,
                kelvin=settings.kelvin,
                program=settings.program,
            )
            due_s = order.end_s + self._timing.readout_s + self._timing.processing_s
            late_s = self._clock.now() - due_s
            if late_s > 0:
                self.late_renders.append(late_s)
            if not self._wait_until(due_s + mishap.late_s):
                return
            self._deliver(Picture(order.number, settings, photo, order.taken_at))
