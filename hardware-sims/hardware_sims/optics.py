"""The bench's lens: geometry, the transfer function of a defocused circular pupil, and blur kernels.

These optics are the simulator's own on purpose: what they test must not share code with them.
Lengths are mm; depth z grows away from the camera, the carriage's position x towards the subject,
and a point is in focus when z = x.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

__all__ = [
    "WAVELENGTH_MM",
    "BlurLadder",
    "BlurStep",
    "SimLens",
    "blur_kernel",
    "blur_ladder",
    "defocused_otf",
]

Array: TypeAlias = npt.NDArray[Any]

WAVELENGTH_MM = 0.00055
"""Green light, where eye and sensor see best; one wavelength stands for the whole band."""

_LEVEL_TAIL = 1.5  # pixels of a coarser level around the disc, for the kernel's own ringing
_HALO_SHARE = (
    0.4  # of a coarse kernel's negative rim: with all of it highlights get dark halos, without any the
)
# mid frequencies are off by more than the noise
_LEAST_RESPONSE = 0.6  # per axis; making up for more near the Nyquist frequency would only sharpen aliases
# A disc of four pixels of a level passes little beyond the level's Nyquist frequency. Half resolution begins
# earlier, at two and a bit, since full resolution costs most: the error stays below a frame's noise.
_HALF_FROM_PX = 4.5
_QUARTER_FROM_PX = 16.0
_MAX_LEVEL = 5


@dataclass(frozen=True, slots=True)
class SimLens:
    """A lens on a rail: the plane of focus keeps its distance to the entrance pupil.

    Parameters
    ----------
    magnification : float
        Image over object at the plane of focus.
    effective_f_number : float
        Working f-number at that magnification with `f_number` set.
    f_number : float
        What the body has set (a true stop such as 5.657), to which `effective_f_number` belongs.
    pupil_distance_mm : float
        Entrance pupil to plane of focus.
    """

    magnification: float
    effective_f_number: float
    f_number: float
    pupil_distance_mm: float

    def __post_init__(self) -> None:
        for name in ("magnification", "effective_f_number", "f_number", "pupil_distance_mm"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0):
                raise ValueError(f"lens {name} must be a finite number above 0, not {value}")

    def stopped_to(self, f_number: float) -> SimLens:
        """The same lens at another f-number; the effective one scales with it."""
        return replace(
            self, effective_f_number=self.effective_f_number * f_number / self.f_number, f_number=f_number
        )

    @property
    def focal_length_mm(self) -> float:
        """Focal length of the thin lens with this magnification and distance, m·v/(1+m)."""
        return self.magnification * self.pupil_distance_mm / (1.0 + self.magnification)

    def focused(self, extension_mm: float) -> SimLens:
        """The same lens focused nearer by an extension of its image side, or farther by a negative one.

        The entrance pupil stays where it is in the camera, as with inner focusing; the magnification
        changes by extension over focal length (the breathing), the plane of focus moves to f·(1 + 1/m).

        Raises
        ------
        ValueError
            For an extension at or beyond infinity.
        """
        if extension_mm == 0.0:
            return self
        f = self.focal_length_mm
        magnification = self.magnification + extension_mm / f
        if magnification <= 0:
            raise ValueError(f"an extension of {extension_mm:g} mm focuses a {f:.0f} mm lens beyond infinity")
        return replace(
            self,
            magnification=magnification,
            pupil_distance_mm=f * (1.0 + 1.0 / magnification),
            effective_f_number=self.effective_f_number * (1.0 + magnification) / (1.0 + self.magnification),
        )

    @property
    def pupil_diameter_mm(self) -> float:
        """Diameter of the entrance pupil, from Ne = m·v/A."""
        return self.magnification * self.pupil_distance_mm / self.effective_f_number

    @property
    def airy_diameter_mm(self) -> float:
        """Diameter of the Airy disc on the sensor, 2.44 λ Ne."""
        return 2.44 * WAVELENGTH_MM * self.effective_f_number

    def blur_diameter_mm(self, depth_mm: Array | float, carriage_mm: float) -> Any:
        """Diameter on the sensor of the geometric blur disc of a point, c = m·A·abs(z−x)/(v+z−x)."""
        dz = np.asarray(depth_mm) - carriage_mm
        return self.magnification * self.pupil_diameter_mm * np.abs(dz) / (self.pupil_distance_mm + dz)

    def defocus_waves(self, blur_diameter_mm: float) -> float:
        """Wavefront error at the pupil's edge, in waves, that belongs to a blur disc: W = c/(8 λ Ne)."""
        return blur_diameter_mm / (8.0 * WAVELENGTH_MM * self.effective_f_number)


def defocused_otf(frequency: Array, defocus_waves: float, samples: int = 256) -> Array:
    """Transfer function of a circular pupil with defocus.

    Parameters
    ----------
    frequency : Array
        Spatial frequency as a fraction of the cut-off 1/(λ Ne); any shape, 0 and up.
    defocus_waves : float
        Wavefront error at the pupil's edge in waves (W20/λ).
    samples : int
        Points of the quadrature.

    Returns
    -------
    Array
        Real, 1 at frequency 0, 0 from the cut-off on; negative where contrast is reversed.

    Notes
    -----
    H. H. Hopkins, Proc. R. Soc. A 231 (1955) 91: the autocorrelation of the pupil exp(2πi·W·ρ²). With
    pupils shifted by s = 2f the phase difference is 2·W·s·x waves and is constant along y, which leaves
    H(s) = 4/π ∫₀^(1−s/2) √(1 − (x + s/2)²) cos(4π W s x) dx.
    """
    shift = 2.0 * np.asarray(frequency, dtype=np.float64)
    half = np.clip(shift / 2.0, 0.0, 1.0)[..., None]
    # x = (1 - s/2)·(1 - t²): the square root's steep end falls on t = 0, where the midpoint rule is dense.
    t = (np.arange(samples) + 0.5) / samples
    reach = 1.0 - half
    x = reach * (1.0 - t * t)
    chord = np.sqrt(np.clip(1.0 - (x + half) ** 2, 0.0, None))
    integrand = chord * np.cos(4.0 * np.pi * defocus_waves * shift[..., None] * x) * reach * 2.0 * t
    return np.asarray(4.0 / np.pi * integrand.mean(axis=-1))


@dataclass(frozen=True, slots=True)
class BlurStep:
    """One rung of a blur ladder.

    Parameters
    ----------
    blur_px : float
        Diameter of the disc in sensor pixels.
    level : int
        The kernel works on a grid of 2**level sensor pixels.
    kernel : Array
        (k, k) float32, k odd, sum 1.
    """

    blur_px: float
    level: int
    kernel: Array

    @property
    def radius(self) -> int:
        """Reach of the kernel in pixels of its own level."""
        return int(self.kernel.shape[0]) // 2


@dataclass(frozen=True, slots=True)
class BlurLadder:
    """The blurs a picture is made of, sharp to wide, for one aperture and one pixel pitch."""

    steps: tuple[BlurStep, ...]

    @property
    def squares(self) -> Array:
        """Squared diameters: blurs between two rungs are mixed in c², which keeps their variance exact."""
        return np.array([s.blur_px**2 for s in self.steps])

    def level_steps(self, level: int) -> tuple[int, ...]:
        """Indices of the rungs that work at one level."""
        return tuple(i for i, s in enumerate(self.steps) if s.level == level)


def _level_of(blur_px: float) -> int:
    if blur_px < _HALF_FROM_PX:
        return 0
    if blur_px < _QUARTER_FROM_PX:
        return 1
    return min(_MAX_LEVEL, math.floor(math.log2(blur_px / _QUARTER_FROM_PX)) + 2)


def _interpolated(frequency: Array, weights: Callable[[float], Array], factor: int) -> Array:
    """Contrast that enlarging by a factor keeps, mean of phases; frequencies in cycles per small pixel."""
    total = np.zeros_like(frequency)
    for k in range(factor):
        t = (k + 0.5) / factor - 0.5
        t = t % 1.0
        taps = weights(t)
        first = 1 - len(taps) // 2
        for i, tap in enumerate(taps):
            total += tap * np.cos(2.0 * np.pi * frequency * (first + i - t))
    return total / factor


def _linear_taps(t: float) -> Array:
    return np.array([1.0 - t, t])


def _cubic_taps(t: float) -> Array:
    a = -0.75  # OpenCV's
    near = [(a + 2.0) * d**3 - (a + 3.0) * d**2 + 1.0 for d in (t, 1.0 - t)]
    far = [a * d**3 - 5.0 * a * d**2 + 8.0 * a * d - 4.0 * a for d in (1.0 + t, 2.0 - t)]
    return np.array([far[0], near[0], near[1], far[1]])


def _level_response(frequency: Array, level: int) -> Array:
    """Contrast that working at a level keeps by itself, beside the sensor's own pixel.

    Frequencies are in cycles per pixel of the level.
    """
    f = np.abs(frequency)
    if level == 0:
        return np.ones_like(f)
    wider_pixel = np.sinc(f) / np.sinc(f / 2**level)
    between_texels = np.sinc(f / 2.0) ** 2  # read linearly from texels of half a pixel
    held_off = np.cos(np.pi * f / 2.0) ** 2  # the texture's ¼ ½ ¼ over texels
    kept = wider_pixel * between_texels * held_off
    # From 3 on levels are doubled down to 2, which is enlarged fourfold, all linearly; level 1 by cubics.
    for step in range(level, 2, -1):
        kept = kept * _interpolated(f / 2 ** (level - step), _linear_taps, 2)
    if level >= 2:
        return np.asarray(kept * _interpolated(f / 2 ** (level - 2), _linear_taps, 4))
    return np.asarray(kept * _interpolated(f, _cubic_taps, 2))


def blur_kernel(blur_px: float, lens: SimLens, pitch_mm: float, level: int = 0) -> Array:
    """Point-spread function of a blur, sampled on a grid of 2**level sensor pixels.

    Parameters
    ----------
    blur_px : float
        Diameter of the geometric disc in sensor pixels; 0 is in focus.
    lens : SimLens
        The lens at the aperture in use.
    pitch_mm : float
        Sensor pixel.
    level : int
        Halvings of resolution. The kernel makes up for the contrast that coarser pixels and enlarging the
        result lose, so the final blur is that of the OTF.

    Returns
    -------
    Array
        (k, k) float32, k odd, sum 1. Its spectrum is the OTF of defocus and diffraction together.
    """
    grid_mm = pitch_mm * 2**level
    grid_blur = blur_px / 2**level
    airy = lens.airy_diameter_mm / grid_mm
    # In focus the rings hold 3 % of the light beyond 2.5 Airy diameters; under a wide disc fewer matter.
    tail = max(airy, 2.5 * airy - grid_blur / 2) + (0.5 if level < 2 else _LEVEL_TAIL)
    radius = max(3, math.ceil(grid_blur / 2 + tail))
    size = max(64, 4 * radius)
    f = np.fft.fftfreq(size)
    radial = np.hypot(f[:, None], f[None, :]) / grid_mm * WAVELENGTH_MM * lens.effective_f_number
    # A kernel holds at most some six swings of the OTF.
    table_f = np.linspace(0.0, float(radial.max()), 256)
    table = defocused_otf(table_f, lens.defocus_waves(blur_px * pitch_mm))
    kept = np.maximum(_level_response(f, level), _LEAST_RESPONSE)
    spectrum = np.interp(radial, table_f, table) / (kept[:, None] * kept[None, :])
    psf = np.fft.fftshift(np.fft.ifft2(spectrum).real)
    inner = slice(size // 2 - radius, size // 2 + radius + 1)
    kernel = psf[inner, inner]
    if level >= 2:
        kernel = np.where(kernel < 0.0, _HALO_SHARE * kernel, kernel)
    return np.ascontiguousarray(kernel / kernel.sum(), dtype=np.float32)


@lru_cache(maxsize=32)
def blur_ladder(lens: SimLens, pitch_mm: float, max_blur_px: float, fineness: float = 1.0) -> BlurLadder:
    """Rungs from in focus to `max_blur_px`, fine near focus and coarse far from it.

    Parameters
    ----------
    lens : SimLens
        The lens at the aperture in use.
    pitch_mm : float
        Sensor pixel.
    max_blur_px : float
        The last rung is at least this wide.
    fineness : float
        Above 1 for more rungs; for measuring the error of the default.
    """
    # Mixed in c², rungs this far apart (about a pixel, or the Airy disc) are as good as the exact blur.
    finest_px = max(1.6, 0.75 * lens.airy_diameter_mm / pitch_mm)
    rungs = [0.0]
    while rungs[-1] < max_blur_px or len(rungs) < 3:
        rungs.append(max(rungs[-1] + finest_px / fineness, rungs[-1] * (1.0 + 0.25 / fineness)))
    steps = []
    for blur in rungs:
        level = _level_of(blur)
        steps.append(BlurStep(blur, level, blur_kernel(blur, lens, pitch_mm, level)))
    return BlurLadder(tuple(steps))
