"""The simulator's optics against independent calculations."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hardware_sims.optics import WAVELENGTH_MM, SimLens, blur_kernel, blur_ladder, defocused_otf
from hypothesis import given, settings
from hypothesis import strategies as st

LENS = SimLens(1.0, 11.31, 5.657, 300.0)


def diffraction_mtf(f):
    """Of a circular pupil; f as a fraction of the cut-off."""
    return 2 / math.pi * (np.arccos(f) - f * np.sqrt(1 - f * f))


def otf_by_pupil_autocorrelation(defocus_waves: float, size: int = 1024):
    """Fractions of the cut-off and the OTF there, as the autocorrelation of a sampled pupil, by FFT."""
    radius = size // 4
    at = (np.arange(size) - size // 2) / radius
    rho2 = at[:, None] ** 2 + at[None, :] ** 2
    pupil = (rho2 <= 1.0) * np.exp(2j * math.pi * defocus_waves * rho2)
    correlation = np.fft.ifft2(np.abs(np.fft.fft2(pupil)) ** 2)
    row = correlation[0, : 2 * radius] / correlation[0, 0]
    return np.arange(2 * radius) / (2.0 * radius), row.real


def spectrum_along_x(kernel, frequencies):
    """Fourier transform of a kernel at frequencies in cycles per pixel."""
    line = kernel.sum(axis=0).astype(float)
    x = np.arange(len(line)) - len(line) // 2
    return np.array([np.sum(line * np.cos(2 * math.pi * f * x)) for f in frequencies])


def test_in_focus_otf_is_the_diffraction_mtf():
    f = np.linspace(0, 1, 101)
    assert np.allclose(defocused_otf(f, 0.0), diffraction_mtf(f), atol=2e-5)
    assert defocused_otf(np.array([1.0, 1.3, 5.0]), 0.0) == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize("waves", [0.25, 0.5, 1.0, 2.5])
def test_defocused_otf_is_the_pupils_autocorrelation(waves):
    f, expected = otf_by_pupil_autocorrelation(waves)
    assert np.abs(defocused_otf(f, waves) - expected).max() < 0.006


def test_quarter_wave_loses_a_quarter_of_contrast():
    # Between the Rayleigh criterion's 80 % at low and 73 % at mid frequencies.
    ratio = defocused_otf(np.array([0.5]), 0.25) / diffraction_mtf(0.5)
    assert 0.55 < float(ratio[0]) < 0.8


def test_far_from_focus_the_otf_is_the_discs():
    waves = 6.0
    blur_mm = waves * 8 * WAVELENGTH_MM * LENS.effective_f_number
    lp_mm = np.linspace(0.2, 0.9, 15) * 1.22 / blur_mm  # up to the first zero
    x = math.pi * blur_mm * lp_mm
    t = (np.arange(4000) + 0.5) / 4000 * math.pi
    bessel_1 = np.array([np.mean(np.cos(t - v * np.sin(t))) for v in x])
    found = defocused_otf(lp_mm * WAVELENGTH_MM * LENS.effective_f_number, waves)
    assert np.abs(found - 2 * bessel_1 / x).max() < 0.03


@pytest.mark.parametrize(("pitch_um", "within"), [(3.76, 0.035), (8.0, 0.025), (20.0, 0.025)])
def test_the_sharp_kernels_spectrum_is_the_diffraction_mtf(pitch_um, within):
    cycles_px = np.array([0.05, 0.1, 0.2, 0.3, 0.4])
    found = spectrum_along_x(blur_kernel(0.0, LENS, pitch_um / 1000), cycles_px)
    cut_off_px = pitch_um / 1000 / (WAVELENGTH_MM * LENS.effective_f_number)
    expected = [diffraction_mtf(f) if f < 1 else 0.0 for f in cycles_px / cut_off_px]
    assert np.abs(found - expected).max() < within  # the light in the rings that the kernel leaves out


def test_defocus_and_diffraction_act_together_in_the_kernel():
    blur_px = 1.6
    cycles_px = np.array([0.05, 0.1, 0.2, 0.3, 0.4])
    found = spectrum_along_x(blur_kernel(blur_px, LENS, 0.02), cycles_px)
    waves = LENS.defocus_waves(blur_px * 0.02)
    f, otf = otf_by_pupil_autocorrelation(waves)
    expected = np.interp(cycles_px / 0.02 * WAVELENGTH_MM * LENS.effective_f_number, f, otf)
    assert np.abs(found - expected).max() < 0.02


@settings(max_examples=40, deadline=None)
@given(
    blur_px=st.floats(0.0, 120.0),
    level=st.integers(0, 3),
    pitch_um=st.floats(2.0, 60.0),
    stop=st.sampled_from([2.0, 5.657, 16.0]),
)
def test_every_kernel_keeps_the_light(blur_px, level, pitch_um, stop):
    if level == 0:
        blur_px = min(blur_px, 30.0)
    kernel = blur_kernel(blur_px, LENS.stopped_to(stop), pitch_um / 1000, level)
    assert kernel.shape[0] == kernel.shape[1]
    assert kernel.shape[0] % 2 == 1
    assert float(kernel.sum(dtype=np.float64)) == pytest.approx(1.0, abs=1e-5)


def test_ladder_is_fine_near_focus_and_reaches_the_widest_blur():
    ladder = blur_ladder(LENS, 0.02, 300.0)
    blurs = [step.blur_px for step in ladder.steps]
    assert blurs[0] == 0.0
    assert blurs[1] <= 2.0
    assert blurs[-1] >= 300.0
    assert all(b / a < 1.6 for a, b in itertools.pairwise(blurs[3:]))
    assert [step.level for step in ladder.steps] == sorted(step.level for step in ladder.steps)


def test_geometry_of_the_lens():
    # Numbers worked by hand: A = 1·300/11.31 = 26.525 mm; at 5 mm before focus c = A·5/295.
    assert LENS.pupil_diameter_mm == pytest.approx(26.525, abs=1e-3)
    assert float(LENS.blur_diameter_mm(5.0, 10.0)) == pytest.approx(26.525 * 5 / 295, rel=1e-4)
    assert LENS.stopped_to(2 * 5.657).effective_f_number == pytest.approx(22.62)


@pytest.mark.parametrize("field", ["magnification", "effective_f_number", "f_number", "pupil_distance_mm"])
def test_a_lens_without_sense_is_refused(field):
    values = {"magnification": 1.0, "effective_f_number": 11.3, "f_number": 5.6, "pupil_distance_mm": 300.0}
    with pytest.raises(ValueError, match=field):
        SimLens(**{**values, field: 0.0})
