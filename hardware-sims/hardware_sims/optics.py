"""The bench's lens: geometry, the transfer function of a defocused circular pupil, and blur kernels.

These optics are the simulator's own on purpose: what they test must not share code with them.
Lengths are mm; depth z grows away from the camera, the carriage's position x towards the subject,
and a point is in focus when z = x.
"""

from __future__ import annotations

import math
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

_DISC_WAVES = 4.0  # beyond this the OTF of the defocused pupil is the disc's to within 2 % of contrast
_LEVEL_BLUR_PX = 6.5  # a disc this wide passes little beyond the Nyquist frequency of half the resolution
_MAX_LEVEL = 5
_KERNEL_TAIL_AIRY = 1.0  # Airy diameters of diffraction tail kept around the disc


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
    def pupil_diameter_mm(self) -> float:
        """Diameter of the entrance pupil, from Ne = m·v/A."""
        return self.magnification * self.pupil_distance_mm / self.effective_f_number

    @property
    def airy_diameter_mm(self) -> float:
        """Diameter of the Airy disc on the sensor, 2.44 λ Ne."""
        return 2.44 * WAVELENGTH_MM * self.effective_f_number

    def magnification_at(self, depth_mm: float, carriage_mm: float) -> float:
        """Local magnification m·v/(v+z−x) of a plane at a depth."""
        v = self.pupil_distance_mm
        return self.magnification * v / (v + depth_mm - carriage_mm)

    def blur_diameter_mm(self, depth_mm: Array | float, carriage_mm: float) -> Any:
        """Diameter on the sensor of the geometric blur disc of a point, c = m·A·abs(z−x)/(v+z−x)."""
        dz = np.asarray(depth_mm) - carriage_mm
        return self.magnification * self.pupil_diameter_mm * np.abs(dz) / (self.pupil_distance_mm + dz)

    def defocus_waves(self, blur_diameter_mm: float) -> float:
        """Wavefront error at the pupil's edge, in waves, that belongs to a blur disc: W = c/(8 λ Ne)."""
        return blur_diameter_mm / (8.0 * WAVELENGTH_MM * self.effective_f_number)


def defocused_otf(frequency: Array, defocus_waves: float, samples: int = 1024) -> Array:
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
    if blur_px < _LEVEL_BLUR_PX:
        return 0
    return min(_MAX_LEVEL, math.floor(math.log2(blur_px / _LEVEL_BLUR_PX)) + 1)


def _resampling_variance(level: int) -> float:
    """Variance in px² that working at a level adds by itself: coarser pixels and linear enlargement."""
    boxes = (4.0**level - 1.0) / 12.0
    # Each 2× linear enlargement spreads a sample over weights ¼, ¾: a variance of 3/16 of its pixel squared.
    enlargements = sum(3.0 / 16.0 * 4.0**step for step in range(1, level + 1))
    return boxes + enlargements


def _pupil_kernel(blur_px: float, lens: SimLens, pitch_mm: float, radius: int, *, cells: bool) -> Array:
    """Kernel whose spectrum is the OTF itself up to the grid's Nyquist frequency; over cells or at points."""
    size = max(64, 4 * radius)
    f = np.fft.fftfreq(size, d=pitch_mm)
    radial = np.hypot(f[:, None], f[None, :]) * WAVELENGTH_MM * lens.effective_f_number
    table_f = np.linspace(0.0, max(float(radial.max()), 1e-6), 512)
    table = defocused_otf(table_f, lens.defocus_waves(blur_px * pitch_mm))
    spectrum = np.interp(radial, table_f, table)
    if cells:
        spectrum *= np.sinc(f * pitch_mm)[:, None] * np.sinc(f * pitch_mm)[None, :]
    psf = np.fft.fftshift(np.fft.ifft2(spectrum).real)
    mid = size // 2
    return np.asarray(psf[mid - radius : mid + radius + 1, mid - radius : mid + radius + 1])


def _disc_kernel(diameter_px: float, radius: int, oversampling: int = 8) -> Array:
    """Disc integrated over the grid's cells."""
    n = (2 * radius + 1) * oversampling
    x = (np.arange(n) + 0.5) / oversampling - (radius + 0.5)
    edge = diameter_px / 2.0 - np.hypot(x[:, None], x[None, :])
    cover = np.clip(edge * oversampling + 0.5, 0.0, 1.0)
    cells = cover.reshape(2 * radius + 1, oversampling, 2 * radius + 1, oversampling)
    return np.asarray(cells.mean(axis=(1, 3)))


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
        Halvings of resolution. The disc is made narrower by the variance that coarser pixels and
        enlarging the result add.

    Returns
    -------
    Array
        (k, k) float32, k odd, sum 1. Defocus and diffraction act together below four waves of defocus;
        beyond, the disc is plain.
    """
    squared = blur_px**2 - 16.0 * _resampling_variance(level)
    grid_blur = math.sqrt(max(squared, 1.0)) / 2**level if level else blur_px
    grid_mm = pitch_mm * 2**level
    if lens.defocus_waves(blur_px * pitch_mm) < _DISC_WAVES:
        tail = _KERNEL_TAIL_AIRY * lens.airy_diameter_mm / grid_mm
        radius = max(3, math.ceil(grid_blur / 2 + tail + 0.5))
        kernel = _pupil_kernel(grid_blur, lens, grid_mm, radius, cells=level > 0)
    else:
        # The cell integration is part of _resampling_variance at coarser levels; at level 0 it adds 1/12 px².
        diameter = grid_blur if level else math.sqrt(max(grid_blur**2 - 4.0 / 3.0, 1.0))
        kernel = _disc_kernel(diameter, math.ceil(diameter / 2 - 0.5))
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
    # The sharpest detail a frame holds is a pixel or the Airy disc, whichever is larger.
    finest_px = max(1.0, 0.75 * lens.airy_diameter_mm / pitch_mm)
    rungs = [0.0]
    while rungs[-1] < max_blur_px or len(rungs) < 3:
        rungs.append(max(rungs[-1] + finest_px / fineness, rungs[-1] * (1.0 + 0.35 / fineness)))
    steps = []
    for blur in rungs:
        level = _level_of(blur)
        steps.append(BlurStep(blur, level, blur_kernel(blur, lens, pitch_mm, level)))
    return BlurLadder(tuple(steps))
