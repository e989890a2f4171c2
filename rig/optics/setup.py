"""One set-up in, everything that optics says about it out."""

from __future__ import annotations

from dataclasses import dataclass

from rig.optics import aperture, diffraction
from rig.optics import depth_of_field as dof
from rig.optics.aperture import ApertureKnowledge, EffectiveAperture

__all__ = ["OpticalSetup", "describe_setup", "diffraction_advice", "subject_side_aperture"]


@dataclass(frozen=True)
class OpticalSetup:
    """What follows from magnification, aperture, circle of confusion and pixels. Lengths in mm.

    ``f_number`` is the true stop behind the marked aperture, None for a lens without one;
    ``pixel_pitch_mm`` and what needs it are None when it is unknown. Depths of field are totals.
    """

    magnification: float
    f_number: float | None
    effective: EffectiveAperture
    numerical_aperture: float
    coc_mm: float
    pixel_pitch_mm: float | None
    wavelength_mm: float
    refractive_index: float
    dof_geometric_mm: float
    dof_wave_mm: float
    dof_mm: float
    airy_diameter_mm: float
    best_effective_f_number: float | None
    subject_resolution_lp_mm: float
    warnings: tuple[str, ...]


def describe_setup(
    magnification: float,
    f_number: float | None,
    known: ApertureKnowledge,
    coc_mm: float,
    pixel_pitch_mm: float | None,
    *,
    wavelength_mm: float = dof.WAVELENGTH_MM,
    refractive_index: float = 1.0,
) -> OpticalSetup | None:
    """Work out depth of field and diffraction for a set-up.

    Parameters
    ----------
    magnification : float
        m, above 0.
    f_number : float or None
        True stop behind the marked aperture; None for a lens without one.
    known : ApertureKnowledge
        What is known of the lens's aperture.
    coc_mm : float
        Circle of confusion, a diameter on the sensor, above 0.
    pixel_pitch_mm : float or None
        Of the sensor (or of the delivered picture), above 0.
    wavelength_mm, refractive_index : float
        Of the light in vacuum; around the subject.

    Returns
    -------
    OpticalSetup or None
        None when nothing is known of the aperture.

    Raises
    ------
    ValueError
        When an argument is out of its range, or the numerical aperture reaches the refractive index.

    Examples
    --------
    >>> setup = describe_setup(1.0, 2**2.5, ApertureKnowledge(given=11.1), 0.00752, 0.00376)
    >>> round(setup.dof_mm, 3)
    0.318
    """
    effective = aperture.choose_effective_aperture(f_number, magnification, known)
    if effective is None:
        return None
    ne = effective.f_number
    na = subject_side_aperture(magnification, ne, known, refractive_index)
    geometric = float(dof.geometric_dof(ne, coc_mm, magnification, refractive_index))
    wave = float(dof.wave_dof(na, refractive_index, wavelength_mm))
    best = (
        None
        if pixel_pitch_mm is None
        else float(diffraction.best_effective_f_number(pixel_pitch_mm, wavelength_mm))
    )
    resolution = float(diffraction.sensor_resolution(ne, pixel_pitch_mm, wavelength_mm)) * magnification
    return OpticalSetup(
        magnification=magnification,
        f_number=f_number,
        effective=effective,
        numerical_aperture=na,
        coc_mm=coc_mm,
        pixel_pitch_mm=pixel_pitch_mm,
        wavelength_mm=wavelength_mm,
        refractive_index=refractive_index,
        dof_geometric_mm=geometric,
        dof_wave_mm=wave,
        dof_mm=float(dof.combined_dof(geometric, wave)),
        airy_diameter_mm=float(diffraction.airy_diameter(ne, wavelength_mm)),
        best_effective_f_number=best,
        subject_resolution_lp_mm=resolution,
        warnings=(*effective.warnings, *diffraction_advice(ne, best, resolution, f_number)),
    )


def subject_side_aperture(m: float, ne: float, known: ApertureKnowledge, n: float) -> float:
    """Return the numerical aperture on the subject's side: an objective's own, else m/(2 Ne).

    Parameters
    ----------
    m, ne : float
        Magnification and effective f-number, above 0.
    known : ApertureKnowledge
        What is known of the lens's aperture.
    n : float
        Refractive index around the subject.

    Raises
    ------
    ValueError
        When the cone of light would be wider than a half space: NA not below n.

    Examples
    --------
    >>> subject_side_aperture(10.0, 12.5, ApertureKnowledge(), 1.0)
    0.4
    """
    na = known.numerical_aperture or float(aperture.numerical_aperture(m, ne))
    if na >= n:
        raise ValueError(
            f"effective f/{ne:.3g} at a magnification of {m:.3g} is a numerical aperture of {na:.3g}, which "
            f"is not below the refractive index {n:g}"
        )
    return na


def diffraction_advice(
    ne: float, best: float | None, resolution: float, f_number: float | None
) -> tuple[str, ...]:
    """Return what to say of an aperture that costs sharpness; nothing up to 1.6 p/λ.

    Parameters
    ----------
    ne : float
        Effective f-number.
    best : float or None
        p/λ; None when the pixel is not known, and then nothing is said.
    resolution : float
        Finest line pairs per mm on the subject.
    f_number : float or None
        None for a lens that cannot be opened.

    Examples
    --------
    >>> diffraction_advice(8.0, 6.84, 240.0, 4.0)
    ()
    """
    if best is None or ne <= diffraction.WARNING_FACTOR * best:
        return ()
    rest = f"{resolution:.0f} line pairs per mm are left on the subject"
    cure = "" if f_number is None else "; open the aperture"
    balance = f"sharpness and number of frames balance at effective f/{best:.2g}{cure}"
    if ne <= diffraction.STRONG_WARNING_FACTOR * best:
        what = (
            f"diffraction softens the picture: effective f/{ne:.3g} passes less than half the contrast at "
            f"half the pixels' limit ({rest}); {balance}"
        )
    else:
        what = (
            f"diffraction erases the finest pixels: effective f/{ne:.3g} leaves nothing at their limit "
            f"({rest}); {balance}"
        )
    return (what,)
