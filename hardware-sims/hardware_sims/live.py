"""What a simulated body shows while it is aimed: a coarse, fast rendering of the world.

The scene is rendered once, sharp, from where the camera stands, and kept at several widths of blur. A frame
then takes each pixel from the layer that its depth asks for, shifted to where the camera sees it now. Edges
between near and far are less right than in an exposure; sharpness by depth, breathing and perspective are.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass

import cv2
import numpy as np

from hardware_sims.optics import SimLens
from hardware_sims.render import Renderer, Viewpoint
from hardware_sims.scene import Array
from hardware_sims.sensor import srgb_encode

__all__ = ["LiveRenderer", "Sight"]

_RUNGS_PX = (0.0, 1.2, 2.0, 3.0, 4.5, 6.5, 9.0, 13.0, 19.0, 28.0, 40.0, 60.0)
"""Widths of the blur layers; between two of them they are mixed, so that steps are not seen."""
_WORK_SMALL_FROM_PX = 12.0  # wider discs are blurred at a quarter of the resolution
_DEPTHS = 4096
_HEADROOM, _GAMMA = 4.0, 2.2  # two stops above white are kept: a darker setting brings them back
_COARSE = 8  # pixels between the nodes of the perspective
_NOISE_CODES = 2.0
_NOISE_SPARE_PX = 512
"""Noise is cut from a quarter of a million places: two frames with the same noise are one frame twice."""
_REMAP_PLACES = 32  # between two pixels that OpenCV's remap knows
_QUALITY = 80
_BODY_STOPS = 3.0  # bodies simulate exposure so far and no further
_STALE_SHARE = (
    0.05  # moved by this share of its distance the camera sees around edges: the layers are made anew
)


@dataclass(frozen=True, slots=True)
class Sight:
    """How the camera stands when a frame is taken.

    Parameters
    ----------
    carriage_mm : float
        Position towards the subject.
    lens : SimLens
        As it is focused, and at the aperture that live view uses.
    gain : float
        Exposure; 1 is right.
    shake_mm : tuple of float
        Across the axis in the plane of focus.
    """

    carriage_mm: float
    lens: SimLens
    gain: float
    shake_mm: tuple[float, float] = (0.0, 0.0)


class LiveRenderer:
    """Makes live-view frames from a world's renderer. Thread-safe.

    Parameters
    ----------
    renderer : Renderer
        The world's own: its samples of the scene are used.
    lens : SimLens
        As the renderer's was given.
    width_px : int
        Of the frames; the height follows the sensor's.
    seed : int
        Of the noise.
    """

    def __init__(self, renderer: Renderer, lens: SimLens, width_px: int = 1024, seed: int = 1) -> None:
        frame = renderer.frame
        self._renderer, self._lens = renderer, lens
        self.width_px = min(width_px, frame.width_px)
        self.height_px = max(1, round(frame.height_px * self.width_px / frame.width_px))
        self._pitch_mm = frame.pitch_mm * frame.width_px / self.width_px
        self._random = np.random.default_rng(seed)
        shape = (self.height_px + _NOISE_SPARE_PX, self.width_px + _NOISE_SPARE_PX, 3)
        noise = self._random.normal(0.0, _NOISE_CODES, shape)
        self._brighter = np.clip(np.round(noise), 0, 255).astype(np.uint8)
        self._darker = np.clip(np.round(-noise), 0, 255).astype(np.uint8)
        # Without it a picture that grows by less than a place's half would not grow at all.
        dither = self._random.uniform(-0.5, 0.5, (2, self.height_px, self.width_px)) / _REMAP_PLACES
        self._dither = dither.astype(np.float32)
        self._lock = threading.Lock()
        self._layers: _Layers | None = None
        self._maker: threading.Thread | None = None

    def _prepared(self, carriage_mm: float) -> _Layers | None:
        """The newest layers, None while there are none; those for about that position are begun."""
        with self._lock:
            layers = self._layers
            stale = layers is None or (
                abs(layers.carriage_mm - carriage_mm) > _STALE_SHARE * self._lens.pupil_distance_mm
            )
            if stale and (self._maker is None or not self._maker.is_alive()):
                self._maker = threading.Thread(
                    target=self._make, args=(carriage_mm,), daemon=True, name="live layers"
                )
                self._maker.start()
        return layers

    def frame(self, sight: Sight) -> bytes | None:
        """A frame as JPEG; None while the layers that it needs are not made."""
        if (layers := self._prepared(sight.carriage_mm)) is None:
            return None
        seen = layers.blurred(self._blur_px(layers.depths_mm, sight))
        map_x, map_y = self._perspective(layers, sight)
        seen = cv2.remap(seen, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        shown = cv2.LUT(cv2.cvtColor(seen, cv2.COLOR_RGBA2BGR), _tone(sight.gain))
        top, left = self._random.integers(0, _NOISE_SPARE_PX, 2)
        place = (slice(top, top + self.height_px), slice(left, left + self.width_px))
        shown = cv2.subtract(cv2.add(shown, self._brighter[place]), self._darker[place])
        done, data = cv2.imencode(".jpg", shown, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
        if not done:
            raise RuntimeError(f"OpenCV could not encode a live-view frame of {shown.shape}")
        return bytes(data.tobytes())

    def close(self) -> None:
        """Wait for whatever is being made."""
        maker = self._maker
        if maker is not None:
            maker.join(timeout=60.0)

    def _make(self, carriage_mm: float) -> None:
        viewpoint = Viewpoint(carriage_mm)
        sharp = self._renderer.render_sharp(viewpoint, self._lens.f_number)
        depth = self._renderer.depth_mm(viewpoint, self._lens.f_number)
        size = (self.width_px, self.height_px)
        sharp = cv2.resize(sharp, size, interpolation=cv2.INTER_AREA)
        depth = cv2.resize(depth, size, interpolation=cv2.INTER_NEAREST)
        layers = _Layers.of(sharp, depth, carriage_mm)
        with self._lock:
            self._layers = layers

    def _blur_px(self, depth_mm: Array, sight: Sight) -> Array:
        """Diameters of blur at depths, px of a frame."""
        lens = sight.lens
        in_focus_mm = sight.carriage_mm + lens.pupil_distance_mm - self._lens.pupil_distance_mm
        # What is at the pupil or behind the camera is as blurred as can be.
        reach = np.maximum(lens.pupil_distance_mm + depth_mm - in_focus_mm, 1e-3)
        wide = lens.magnification * lens.pupil_diameter_mm * np.abs(depth_mm - in_focus_mm) / reach
        return np.asarray(wide / self._pitch_mm)

    def _perspective(self, layers: _Layers, sight: Sight) -> tuple[Array, Array]:
        """Where in the layers each pixel is found: as the camera sees it now against where it saw it then."""
        base, lens = self._lens, sight.lens
        then = layers.carriage_mm - base.pupil_distance_mm
        now = sight.carriage_mm - base.pupil_distance_mm  # the pupil; focusing does not move it
        breathing = (lens.magnification * lens.pupil_distance_mm) / (
            base.magnification * base.pupil_distance_mm
        )
        z = layers.coarse_depth_mm
        larger = breathing * (z - then) / np.maximum(z - now, 1e-3)
        rows, columns = z.shape
        x = (np.arange(columns, dtype=np.float32) + 0.5) * _COARSE - 0.5
        y = (np.arange(rows, dtype=np.float32) + 0.5) * _COARSE - 0.5
        middle_x, middle_y = (self.width_px - 1) / 2.0, (self.height_px - 1) / 2.0
        shift = [part * lens.magnification / self._pitch_mm for part in sight.shake_mm]
        nodes_x = middle_x + (x[None, :] - middle_x + shift[0]) / larger
        nodes_y = middle_y + (y[:, None] - middle_y + shift[1]) / larger
        size = (columns * _COARSE, rows * _COARSE)
        window = (slice(0, self.height_px), slice(0, self.width_px))
        full_x = cv2.resize(nodes_x.astype(np.float32), size, interpolation=cv2.INTER_LINEAR)[window]
        full_y = cv2.resize(nodes_y.astype(np.float32), size, interpolation=cv2.INTER_LINEAR)[window]
        return full_x + self._dither[0], full_y + self._dither[1]


@dataclass(frozen=True, slots=True)
class _Layers:
    """A sharp view and its blurred copies, packed four bytes a pixel, one after the other."""

    carriage_mm: float
    shape: tuple[int, int]
    packed: Array  # (rungs · pixels) uint32
    depths_mm: Array  # (_DEPTHS)
    depth_index: Array  # (pixels) uint16
    here: Array  # (pixels) int32
    coarse_depth_mm: Array

    @classmethod
    def of(cls, sharp: Array, depth: Array, carriage_mm: float) -> _Layers:
        """From linear light (h, w, 3) and depths in mm (h, w)."""
        low, high = float(depth.min()), float(depth.max())
        step = max((high - low) / (_DEPTHS - 1), 1e-6)
        rows, columns = depth.shape
        padded = cv2.copyMakeBorder(depth, 0, -rows % _COARSE, 0, -columns % _COARSE, cv2.BORDER_REPLICATE)
        coarse = (padded.shape[1] // _COARSE, padded.shape[0] // _COARSE)
        return cls(
            carriage_mm,
            (rows, columns),
            np.concatenate([_packed(_disc_blurred(sharp, rung)) for rung in _RUNGS_PX]),
            low + step * np.arange(_DEPTHS),
            np.round((depth.ravel() - low) / step).astype(np.uint16),
            np.arange(rows * columns, dtype=np.int32),
            cv2.resize(padded, coarse, interpolation=cv2.INTER_AREA),
        )

    def blurred(self, blur_px: Array) -> Array:
        """(h, w, 4) uint8 with the blur of each pixel's depth; `blur_px` belongs to `depths_mm`."""
        place = np.interp(blur_px, _RUNGS_PX, np.arange(len(_RUNGS_PX)))
        rung = np.minimum(place.astype(np.int32), len(_RUNGS_PX) - 2)
        share = (place - rung).astype(np.float32)
        index = (rung * len(self.here)).astype(np.int32)[self.depth_index]
        index += self.here
        sharper = self.packed[index].view(np.uint8).reshape(*self.shape, 4)
        index += len(self.here)
        wider = self.packed[index].view(np.uint8).reshape(*self.shape, 4)
        weight = share[self.depth_index].reshape(self.shape)
        return np.asarray(cv2.blendLinear(sharper, wider, 1.0 - weight, weight))


def _disc_blurred(image: Array, diameter_px: float) -> Array:
    if diameter_px <= 0.0:
        return image
    if diameter_px >= _WORK_SMALL_FROM_PX:
        rows, columns = image.shape[:2]
        small = cv2.resize(image, (max(1, columns // 4), max(1, rows // 4)), interpolation=cv2.INTER_AREA)
        return np.asarray(cv2.resize(_disc_blurred_fully(small, diameter_px / 4.0), (columns, rows)))
    return _disc_blurred_fully(image, diameter_px)


def _disc_blurred_fully(image: Array, diameter_px: float) -> Array:
    radius = int(np.ceil(diameter_px / 2.0 + 0.5))
    away = np.hypot(*np.mgrid[-radius : radius + 1, -radius : radius + 1])
    disc = np.clip(diameter_px / 2.0 + 0.5 - away, 0.0, 1.0).astype(np.float32)
    return np.asarray(cv2.filter2D(image, -1, disc / disc.sum(), borderType=cv2.BORDER_REFLECT))


def _packed(linear: Array) -> Array:
    """Linear light with its headroom as four bytes a pixel, (pixels) uint32."""
    coded = 255.0 * np.clip(linear / _HEADROOM, 0.0, 1.0) ** (1.0 / _GAMMA)
    rgba = np.zeros((*linear.shape[:2], 4), np.uint8)
    rgba[..., :3] = np.round(coded)
    return rgba.reshape(-1).view(np.uint32)


def _tone(gain: float) -> Array:
    """From packed codes to sRGB at an exposure."""
    gain = float(np.clip(gain, 2.0**-_BODY_STOPS, 2.0**_BODY_STOPS))
    light = _HEADROOM * (np.arange(256) / 255.0) ** _GAMMA * gain
    return np.round(255.0 * srgb_encode(light)).astype(np.uint8)
