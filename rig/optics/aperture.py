"""The effective f-number: six ways to know it, and one to guess it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np

from rig.optics.numeric import FloatOrArray, checked_positive, tidy

__all__ = [
    "ASSUMED_GROWTH",
    "ApertureKnowledge",
    "EffectiveAperture",
    "EffectiveSource",
    "MeasuredAperture",
    "TableRow",
    "choose_effective_aperture",
    "effective_f_number",
    "effective_f_number_assumed",
    "effective_f_number_from_light_loss",
    "effective_f_number_from_na",
    "exposure_factor",
    "numerical_aperture",
]

ASSUMED_GROWTH = 0.67
"""k of Ne = N(1 + k·m) for an unknown lens: the low end of makers' values for m ≥ 0.5 (0.67 to 1.29).

Too small an Ne gives too small a step: a few frames too many, never a gap.
"""

_SAME_MAGNIFICATION = 0.02
"""Relative: a measurement or table row holds that far from its magnification (at 1:1 that is 1 % of Ne)."""


def effective_f_number(N: FloatOrArray, m: FloatOrArray, P: FloatOrArray = 1.0) -> FloatOrArray:  # noqa: N803
    """Return the effective (working) f-number: Ne = N(1 + m/P).

    Parameters
    ----------
    N : float or array
        f-number, f over entrance pupil, *of the focus in use*, above 0. The marked one is right only for
        unit-focusing lenses (bellows, extension tubes, enlarging lenses).
    m : float or array
        Magnification, above 0.
    P : float or array
        Pupil magnification, exit over entrance pupil, of the same focus, above 0.

    Warnings
    --------
    Taking P of close focus together with the marked N is wrong by up to a factor of 2.5 for lenses with
    internal focusing. Bodies that show the effective value (Nikon) have it applied already.

    References
    ----------
    Canon MP-E 65 manual, table of effective f-numbers (P = 1); with P: Kingslake, Optics in Photography,
    ch. 5.

    Examples
    --------
    >>> round(effective_f_number(2.8, 5.0), 1)
    16.8
    """
    checked_positive(N=N, m=m, P=P)
    return tidy(np.asarray(N) * (1 + np.asarray(m) / np.asarray(P)))


def effective_f_number_assumed(N: FloatOrArray, m: FloatOrArray) -> FloatOrArray:  # noqa: N803
    """Return the guess for a lens of which nothing is known: Ne = N(1 + 0.67 m).

    Parameters
    ----------
    N : float or array
        The true stop behind the marked f-number, above 0.
    m : float or array
        Magnification, above 0. From m = 0.5 on, makers' values lie between this and N(1 + 1.29 m).

    References
    ----------
    Canon support ART119188 (EF 100mm f/2.8 Macro, exposure factors fit 1 + 0.68 m); Canon RF 35mm F1.8
    Macro manual (0.67 at 1:2).

    Examples
    --------
    >>> round(effective_f_number_assumed(2**2.5, 1.0), 2)
    9.45
    """
    checked_positive(N=N, m=m)
    return tidy(np.asarray(N) * (1 + ASSUMED_GROWTH * np.asarray(m)))


def effective_f_number_from_light_loss(marked: FloatOrArray, lost_stops: FloatOrArray) -> FloatOrArray:
    """Return the effective f-number from the light lost between far and working focus: N·2^(ΔEV/2).

    Parameters
    ----------
    marked : float or array
        N at infinity (the true stop behind the mark), above 0.
    lost_stops : float or array
        ΔEV, stops of light lost; positive. Transmission cancels, vignetting does not: meter the middle.

    References
    ----------
    Light on the sensor goes with 1/Ne²; one stop is a factor of 2.

    Examples
    --------
    >>> effective_f_number_from_light_loss(4.0, 2.0)
    8.0
    """
    checked_positive(marked=marked)
    return tidy(np.asarray(marked) * 2 ** (np.asarray(lost_stops) / 2))


def exposure_factor(m: FloatOrArray, k: FloatOrArray = ASSUMED_GROWTH) -> FloatOrArray:
    """Return how many times longer to expose than at infinity: (1 + k·m)², k = 1/P for a unit-focusing lens.

    Parameters
    ----------
    m : float or array
        Magnification, not negative.
    k : float or array
        Growth of Ne/N per m: 1/P for a unit-focusing lens.

    References
    ----------
    Canon support ART119188, exposure factors of the EF 100mm f/2.8 Macro (k = 0.68).

    Examples
    --------
    >>> round(exposure_factor(1.0, 0.68), 2)
    2.82
    """
    return tidy((1 + np.asarray(k) * np.asarray(m)) ** 2)


def numerical_aperture(m: FloatOrArray, effective: FloatOrArray) -> FloatOrArray:
    """Return the numerical aperture on the subject's side: NA = m/(2 Ne), by the sine condition.

    Parameters
    ----------
    m : float or array
        Magnification, above 0.
    effective : float or array
        Ne, above 0.

    Notes
    -----
    1/(2N) is wrong at finite magnification.

    References
    ----------
    Abbe's sine condition, m = NA/NA' with NA' = 1/(2 Ne); Born and Wolf, Principles of Optics, section 4.5.

    Examples
    --------
    >>> numerical_aperture(10.0, 12.5)
    0.4
    """
    checked_positive(m=m, effective=effective)
    return tidy(np.asarray(m) / (2 * np.asarray(effective)))


def effective_f_number_from_na(m: FloatOrArray, na: FloatOrArray) -> FloatOrArray:
    """Return the effective f-number of an objective: Ne = m/(2 NA).

    Parameters
    ----------
    m : float or array
        Magnification in use, above 0: with the tube lens in use, not the engraved one.
    na : float or array
        Numerical aperture on the subject's side, above 0.

    References
    ----------
    The inverse of `numerical_aperture`.

    Examples
    --------
    >>> round(effective_f_number_from_na(10.0, 0.28), 2)
    17.86
    """
    checked_positive(m=m, na=na)
    return tidy(np.asarray(m) / (2 * np.asarray(na)))


class EffectiveSource(Enum):
    """How an effective f-number came to be known, in order of trust. The value is what people read."""

    OBJECTIVE = "from the objective's numerical aperture"
    GIVEN = "given on the command line"
    BODY = "reported by the camera body"
    MEASURED = "measured light loss"
    TABLE = "from the lens table"
    UNIT_FOCUS = "N(1+m/P), unit-focusing lens"
    ASSUMED = f"assumed 1+{ASSUMED_GROWTH}m: measure it"


@dataclass(frozen=True)
class EffectiveAperture:
    """An effective f-number with where it came from and what to be said about it.

    ``detail`` names the table's lens and source, when there is one.
    """

    f_number: float
    source: EffectiveSource
    warnings: tuple[str, ...] = ()
    detail: str = ""

    @property
    def text(self) -> str:
        """The source as people read it: ``from the lens table (Canon MP-E 65mm: Canon's manual)``."""
        return f"{self.source.value} ({self.detail})" if self.detail else self.source.value


@dataclass(frozen=True)
class MeasuredAperture:
    """An effective f-number that was measured: at that marked aperture, and at that magnification."""

    effective: float
    marked: float
    magnification: float


@dataclass(frozen=True)
class TableRow:
    """A maker's effective f-number for a marked aperture and a magnification, as printed."""

    marked: float
    magnification: float
    effective: float


@dataclass(frozen=True)
class ApertureKnowledge:
    """All that is known about a lens's aperture; whatever is not known stays None or empty.

    Parameters
    ----------
    numerical_aperture : float, optional
        Of an objective.
    given : float, optional
        Effective f-number that the operator states for this set-up.
    body_reports_effective : bool
        Whether the f-number shown by the body already is the effective one (Nikon with its own lenses).
    measured : MeasuredAperture, optional
        From light loss.
    table : sequence of TableRow
        The maker's.
    unit_focus : bool
        Whether the whole lens moves to focus (extension, bellows), so that N and P keep their values.
    pupil_ratio : float, optional
        P; 1 when a unit-focusing lens has none stated.
    table_source : str
        Where `table`, `unit_focus` or `numerical_aperture` were looked up: lens and source of the row.
    not_found : str
        What to say, when the growth has to be assumed, about a lens that is in no table.
    """

    numerical_aperture: float | None = None
    given: float | None = None
    body_reports_effective: bool = False
    measured: MeasuredAperture | None = None
    table: Sequence[TableRow] = ()
    unit_focus: bool = False
    pupil_ratio: float | None = None
    table_source: str = ""
    not_found: str = ""


def choose_effective_aperture(
    N: float | None,  # noqa: N803
    m: float,
    known: ApertureKnowledge,
) -> EffectiveAperture | None:
    """Return the effective f-number by the most trusted way that is open, or None when there is none.

    Parameters
    ----------
    N : float or None
        The true stop behind the marked f-number; None for a lens without electronic aperture.
    m : float
        Magnification, above 0.
    known : ApertureKnowledge
        What is known about the lens.

    Returns
    -------
    EffectiveAperture or None
        With its source, and warnings about knowledge that could not be used or a guess that was made.

    Examples
    --------
    >>> choose_effective_aperture(2**2.5, 1.0, ApertureKnowledge(unit_focus=True)).source.name
    'UNIT_FOCUS'
    """
    if known.numerical_aperture is not None:
        ne = float(effective_f_number_from_na(m, known.numerical_aperture))
        return EffectiveAperture(ne, EffectiveSource.OBJECTIVE, detail=known.table_source)
    if known.given is not None:
        return EffectiveAperture(known.given, EffectiveSource.GIVEN)
    if N is None:
        return None
    if known.body_reports_effective:
        return EffectiveAperture(N, EffectiveSource.BODY)
    passed_over: list[str] = []
    growth, source = _growth(m, known, N, passed_over)
    looked_up = source in {EffectiveSource.TABLE, EffectiveSource.UNIT_FOCUS}
    detail = known.table_source if looked_up else ""
    return EffectiveAperture(N * growth, source, tuple(passed_over), detail)


def _growth(
    m: float,
    known: ApertureKnowledge,
    N: float,  # noqa: N803
    passed_over: list[str],
) -> tuple[float, EffectiveSource]:
    """Ne/N at m and how it is known; what is known but does not hold at m is noted in `passed_over`."""
    measured = known.measured
    if measured is not None:
        if abs(m / measured.magnification - 1) <= _SAME_MAGNIFICATION:
            return measured.effective / measured.marked, EffectiveSource.MEASURED
        passed_over.append(
            f"the measured effective f-number holds for a magnification of {measured.magnification:g} only, "
            f"not {m:g}: not used"
        )
    if known.table:
        growth = _from_table(known.table, m)
        if growth is not None:
            return growth, EffectiveSource.TABLE
        low, high = _table_range(known.table)
        passed_over.append(
            f"the lens table's effective f-numbers cover magnifications {low:g} to {high:g}, not {m:g}: "
            "not used"
        )
    if known.unit_focus:
        pupil_ratio = 1.0 if known.pupil_ratio is None else known.pupil_ratio
        return float(effective_f_number(1.0, m, pupil_ratio)), EffectiveSource.UNIT_FOCUS
    growth = float(effective_f_number_assumed(1.0, m))
    if known.not_found:
        passed_over.append(known.not_found)
    passed_over.append(
        f"the effective f-number {growth * N:.3g} is assumed, (1 + {ASSUMED_GROWTH} m) times the marked "
        "one, the low end of known lenses: measure the light lost at working focus, or state it with "
        "--effective-aperture, and fewer frames may do"
    )
    return growth, EffectiveSource.ASSUMED


def _table_range(table: Sequence[TableRow]) -> tuple[float, float]:
    magnifications = [row.magnification for row in table]
    return min(magnifications), max(magnifications)


def _from_table(table: Sequence[TableRow], m: float) -> float | None:
    """Ne/N at m, linear between the table's magnifications; None outside them.

    Ne/N does not depend on N for a given focus, so rows of several apertures are averaged. It is taken
    between the printed, rounded numbers, since both are rounded the same way.
    """
    low, high = _table_range(table)
    if not low * (1 - _SAME_MAGNIFICATION) <= m <= high * (1 + _SAME_MAGNIFICATION):
        return None
    at: dict[float, list[float]] = {}
    for row in table:
        at.setdefault(row.magnification, []).append(row.effective / row.marked)
    magnifications = sorted(at)
    return float(np.interp(m, magnifications, [float(np.mean(at[x])) for x in magnifications]))
