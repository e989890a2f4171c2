"""The bench's world: a scene before a camera on a carriage, under a light."""

from __future__ import annotations

import itertools
import math
import threading
import time
from dataclasses import dataclass, replace
from typing import Protocol

import cv2
import numpy as np

from hardware_sims.clock import SimClock
from hardware_sims.colour import DAYLIGHT_K, cast
from hardware_sims.dng import dng
from hardware_sims.dust import dust_shade
from hardware_sims.exif import ExposureRecord, with_exif
from hardware_sims.light import Light
from hardware_sims.live import LiveRenderer, Sight
from hardware_sims.optics import SimLens
from hardware_sims.render import Frame, Renderer, Viewpoint
from hardware_sims.scene import Array, Scene
from hardware_sims.sensor import Sensor

__all__ = ["LIVE_WIDTH_PX", "CarriageLike", "FixedCarriage", "FocusLike", "Photo", "World"]

LIVE_WIDTH_PX = 1024
"""What bodies send of their live view, more or less; the sensor's own width when that is less."""

_INSTANTS_PER_S = 200.0  # a 10 Hz shake is followed at twenty instants a cycle
_FEWEST_INSTANTS, _MOST_INSTANTS = 16, 1024
_MOST_STATIONS = 8  # renderings for an exposure during which the carriage travels
_STATION_BLUR_PX = 0.7  # travel between two renderings changes no blur by more than this
_LEAST_SMEAR_PX = 0.03  # a shake below this cannot be told from none
_FLASH_S = 1.0 / 2000.0
_KNOCK_HZ, _KNOCK_DECAY_S = 30.0, 0.06
"""A mirror that slaps up rings a body on a stand faster and shorter than a carriage rings after a stop."""


class CarriageLike(Protocol):
    """What the world asks of a carriage: where it truly is."""

    def position_mm(self, t_s: float, /) -> float:
        """True position towards the subject at a time."""

    def vibration_um(self, t_s: float, /) -> tuple[float, float]:
        """Shake across the axis in the subject plane at a time, x and y."""


@dataclass(frozen=True, slots=True)
class FixedCarriage:
    """A carriage that stands still; for pictures without a rail."""

    at_mm: float = 0.0

    def position_mm(self, t_s: float, /) -> float:  # noqa: ARG002 - the same at any time
        """Where it stands."""
        return self.at_mm

    def vibration_um(self, t_s: float, /) -> tuple[float, float]:  # noqa: ARG002 - the same at any time
        """No shake."""
        return 0.0, 0.0


class FocusLike(Protocol):
    """What the world asks of a lens that can be driven: how it is focused."""

    def extension_mm(self, t_s: float, /) -> float:
        """Extension of the image side from where the world's lens stands, positive is nearer."""


@dataclass(frozen=True, slots=True)
class Photo:
    """One exposure.

    Parameters
    ----------
    jpeg : bytes
        8-bit sRGB JPEG with EXIF.
    width, height : int
        Pixels.
    position_mm : float
        True carriage position, averaged over the exposure.
    render_s : float
        Real seconds it took to make.
    raw : bytes, optional
        The same exposure as a DNG, when it was asked for.
    """

    jpeg: bytes
    width: int
    height: int
    position_mm: float
    render_s: float
    raw: bytes | None = None


@dataclass(frozen=True, slots=True)
class _Motion:
    """Where the camera was while light came in; weights add up to the exposure.

    Of the lens, which is not driven during an exposure that anybody looks at, the mean focus is enough.
    """

    time_s: Array
    weight: Array
    position_mm: Array
    shake_mm: Array  # (n, 2)
    lens: SimLens
    extension_mm: float
    focus_shift_mm: float

    def shaken(self, start_s: float, amplitude_um: float) -> _Motion:
        """With the knock of a mirror or shutter at the start on top, along the frame's height."""
        if not amplitude_um:
            return self
        age_s = np.maximum(self.time_s - start_s, 0.0)
        knock = np.exp(-age_s / _KNOCK_DECAY_S) * np.sin(2.0 * np.pi * _KNOCK_HZ * age_s)
        shake = self.shake_mm + np.stack([np.zeros_like(knock), amplitude_um / 1000.0 * knock], axis=1)
        return replace(self, shake_mm=shake)

    def lit(self, share: float) -> _Motion:
        """With a part of the light only."""
        return self if share == 1.0 else replace(self, weight=self.weight * share)

    @property
    def mean_mm(self) -> float:
        return float(np.average(self.position_mm, weights=self.weight))

    @property
    def mean_shake_mm(self) -> tuple[float, float]:
        mean = np.average(self.shake_mm, axis=0, weights=self.weight)
        return float(mean[0]), float(mean[1])


class World:
    """Everything a simulated camera sees.

    Parameters
    ----------
    scene : Scene
        What stands on the bench; see `hardware_sims.scenes.make_scene`.
    lens, sensor, light
        The camera and the exposure that is right.
    carriage : CarriageLike
        Carries the camera.
    clock : SimClock
        The bench's time; exposures are given in it.
    seed : int
        Of the noise. The nth exposure of a world has the nth noise.
    workers : int, optional
        Threads that render; the number of processors when not given.
    focus : FocusLike, optional
        Drives the lens; it stays as it is when not given.
    farthest_mm : float
        The extension, 0 or below, down to which the scene is sampled to the edges of the frame.
    dust : int
        Grains that lie on the sensor's glass; pictures show them, the small live view does not.

    Notes
    -----
    `expose` may be called from several threads.
    """

    def __init__(
        self,
        scene: Scene,
        lens: SimLens,
        sensor: Sensor,
        light: Light,
        carriage: CarriageLike,
        clock: SimClock,
        seed: int = 1,
        workers: int | None = None,
        focus: FocusLike | None = None,
        farthest_mm: float = 0.0,
        dust: int = 0,
    ) -> None:
        self.scene = scene
        self.lens = lens
        self.sensor = sensor
        self.light = light
        self.carriage = carriage
        self.clock = clock
        self.seed = seed
        self.dust = dust
        frame = Frame(sensor.width_px, sensor.height_px, sensor.pitch_mm)
        widest = lens.focused(farthest_mm) if farthest_mm < 0 else None
        self.renderer = Renderer(scene, lens, frame, workers, widest)
        self.focus = focus
        self._live: LiveRenderer | None = None
        self._count = itertools.count()
        self._lock = threading.Lock()

    def expose(
        self,
        start_s: float,
        shutter_s: float,
        f_number: float,
        iso: float,
        flash: bool = False,
        *,
        raw: bool = False,
        shake_um: float = 0.0,
        light_share: float = 1.0,
        kelvin: float | None = DAYLIGHT_K,
        program: int = 1,
    ) -> Photo:
        """Take a picture of what was before the lens; blocks while it is rendered.

        Parameters
        ----------
        start_s : float
            Bench time at which the shutter opened; the exposure must be over.
        shutter_s : float
            How long it was open.
        f_number : float
            What the body has set; the effective one scales with it.
        iso : float
            Sensitivity.
        flash : bool
            Whether the flash fired, at the start of the exposure.
        raw : bool
            Whether the sensor's own values are wanted too.
        shake_um : float
            Shake in the subject plane that the body's mirror or shutter adds when it opens.
        light_share : float
            Part of the light that was there: near 0 when a flash that should have fired did not.
        kelvin : float, optional
            Colour temperature that the body balances for; None finds that of the light.
        program : int
            EXIF's number of the exposure mode.

        Raises
        ------
        ValueError
            For settings not above 0.
        """
        for name, value in (("shutter_s", shutter_s), ("f_number", f_number), ("iso", iso)):
            if not (math.isfinite(value) and value > 0):
                raise ValueError(f"exposure {name} must be a finite number above 0, not {value}")
        began = time.perf_counter()
        with self._lock:
            index = next(self._count)
        motion = self._motion(start_s, shutter_s, f_number, iso, flash)
        motion = motion.shaken(start_s, shake_um).lit(light_share)
        light = self._dusty(self._light(motion, f_number), f_number)
        seed = (self.seed, index)
        seen = _tinted(light, cast(self.light.kelvin, DAYLIGHT_K))
        mosaic = self.sensor.mosaic(seen, iso, seed, self.renderer.run) if raw else None
        balanced = _tinted(light, cast(self.light.kelvin, self.light.kelvin if kelvin is None else kelvin))
        picture = self.sensor.develop(balanced, iso, seed, self.renderer.run)
        plain = self.sensor.jpeg(picture)
        record = ExposureRecord(
            shutter_s=shutter_s,
            f_number=f_number,
            iso=iso,
            focal_length_mm=self.lens.focal_length_mm,
            flash=flash,
            description=f"scene {self.scene.name}, seed {self.scene.seed}",
            program=program,
            automatic_white_balance=kelvin is None,
        )
        truth = {
            "simulated": True,
            "position_mm": motion.mean_mm,
            "focus_mm": motion.mean_mm + motion.focus_shift_mm,
            "extension_mm": motion.extension_mm,
            "start_s": start_s,
            "scene": self.scene.name,
            "seed": self.seed,
            "index": index,
        }
        height, width = picture.shape[:2]
        return Photo(
            with_exif(plain, record, truth),
            width,
            height,
            motion.mean_mm,
            time.perf_counter() - began,
            None if mosaic is None else with_exif(dng(mosaic, plain), record, truth),
        )

    def preview(self, t_s: float, shutter_s: float, f_number: float, iso: float) -> bytes | None:
        """A frame of live view as JPEG, `LIVE_WIDTH_PX` wide; None while the first one is not ready.

        Parameters
        ----------
        t_s : float
            Bench time.
        shutter_s, iso : float
            The exposure that the body simulates, to be taken with the aperture of the last exposure.
        f_number : float
            The aperture that is open for viewing.
        """
        with self._lock:
            if self._live is None:
                self._live = LiveRenderer(self.renderer, self.lens, LIVE_WIDTH_PX, self.seed)
        carriage_mm, shake_um = self.carriage.position_mm(t_s), self.carriage.vibration_um(t_s)
        lens = self.lens.focused(self._extension_mm(t_s)).stopped_to(f_number)
        gain = self.light.ambient(shutter_s, self.light.f_number, iso)
        return self._live.frame(Sight(carriage_mm, lens, gain, (shake_um[0] / 1e3, shake_um[1] / 1e3)))

    def close(self) -> None:
        """Let the rendering threads go."""
        if self._live is not None:
            self._live.close()
        self.renderer.close()

    def _motion(self, start_s: float, shutter_s: float, f_number: float, iso: float, flash: bool) -> _Motion:
        count = int(np.clip(math.ceil(shutter_s * _INSTANTS_PER_S), _FEWEST_INSTANTS, _MOST_INSTANTS))
        times = start_s + shutter_s * (np.arange(count) + 0.5) / count
        weight = np.full(count, self.light.ambient(shutter_s, f_number, iso) / count)
        if flash:
            times = np.append(times, start_s + _FLASH_S / 2.0)
            weight = np.append(weight, self.light.flash(f_number, iso))
        position = np.array([self.carriage.position_mm(float(t)) for t in times])
        shake = np.array([self.carriage.vibration_um(float(t)) for t in times]) / 1000.0
        extension_mm = float(np.mean([self._extension_mm(float(t)) for t in times])) if self.focus else 0.0
        lens = self.lens.focused(extension_mm)
        focus_shift_mm = lens.pupil_distance_mm - self.lens.pupil_distance_mm
        return _Motion(times, weight, position, shake, lens, extension_mm, focus_shift_mm)

    def _extension_mm(self, t_s: float) -> float:
        return self.focus.extension_mm(t_s) if self.focus is not None else 0.0

    def _light(self, motion: _Motion, f_number: float) -> Array:
        """Light on the sensor over the whole exposure."""
        total: Array | None = None
        shake = motion.mean_shake_mm
        for weight, position_mm in self._stations(motion, f_number):
            in_focus = Viewpoint(position_mm + motion.focus_shift_mm, shake)
            focused = motion.lens if motion.extension_mm else None
            seen = self.renderer.render(in_focus, f_number, focused=focused)
            seen *= np.float32(weight)
            total = seen if total is None else total + seen
        assert total is not None
        kernel = self._smear(motion)
        return total if kernel is None else np.asarray(cv2.filter2D(total, -1, kernel))

    def _dusty(self, light: Array, f_number: float) -> Array:
        """Light behind the grains on the sensor's glass."""
        if not self.dust:
            return light
        sensor, lens = self.sensor, self.lens.stopped_to(f_number)
        shade = dust_shade(
            sensor.width_px,
            sensor.height_px,
            sensor.pitch_mm,
            lens.effective_f_number,
            self.dust,
            self.seed,
        )
        return np.asarray(light * shade[..., None])

    def _stations(self, motion: _Motion, f_number: float) -> list[tuple[float, float]]:
        """Weights and positions to render: one when the carriage stood still."""
        lens = motion.lens.stopped_to(f_number)
        px_per_mm = (
            lens.magnification * lens.pupil_diameter_mm / lens.pupil_distance_mm / self.sensor.pitch_mm
        )
        low, high = float(motion.position_mm.min()), float(motion.position_mm.max())
        count = min(_MOST_STATIONS, max(1, math.ceil((high - low) * px_per_mm / _STATION_BLUR_PX)))
        if count == 1:
            return [(float(motion.weight.sum()), motion.mean_mm)]
        bins = np.minimum(((motion.position_mm - low) / (high - low) * count).astype(int), count - 1)
        stations = []
        for k in range(count):
            inside = bins == k
            weight = float(motion.weight[inside].sum())
            if weight > 0:
                mean = float(np.average(motion.position_mm[inside], weights=motion.weight[inside]))
                stations.append((weight, mean))
        return stations

    def _smear(self, motion: _Motion) -> Array | None:
        """Kernel of the shake about its mean, None when it is not to be seen."""
        px = (motion.shake_mm - motion.mean_shake_mm) * motion.lens.magnification / self.sensor.pitch_mm
        spread = float(np.abs(px).max())
        if spread < _LEAST_SMEAR_PX:
            return None
        radius = math.ceil(spread)
        kernel = np.zeros((2 * radius + 1, 2 * radius + 1))
        column, row = px[:, 0] + radius, px[:, 1] + radius
        left, top = np.floor(column).astype(int), np.floor(row).astype(int)
        for dx, dy in itertools.product((0, 1), repeat=2):
            share_x = np.where(dx, column - left, 1.0 - (column - left))
            share_y = np.where(dy, row - top, 1.0 - (row - top))
            x, y = np.minimum(left + dx, 2 * radius), np.minimum(top + dy, 2 * radius)
            np.add.at(kernel, (y, x), motion.weight * share_x * share_y)
        return np.asarray(kernel / kernel.sum(), dtype=np.float32)


def _tinted(light: Array, colour: tuple[float, float, float]) -> Array:
    """Light of another colour; the very same where there is none."""
    return light if colour == (1.0, 1.0, 1.0) else np.asarray(light * np.array(colour, np.float32))
