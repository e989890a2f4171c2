"""The set-up as a picture: depth of field and resolution against the f-number, the chosen point marked."""

from __future__ import annotations

import textwrap
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from rig.config.equipment import lens_row
from rig.dof.compare import at_apertures
from rig.dof.report import DofReport, describe
from rig.dof.resolve import SetUp
from rig.errors import UserError
from rig.optics.stops import true_stop
from rig.plots.canvas import ACCENT, GUIDE, INK, SECOND, WARN, sheet

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["plot_dof"]

_MARKS = (1, 1.4, 2, 2.8, 4, 5.6, 8, 11, 16, 22, 32, 45, 64, 90)
_POINTS = 60
_PATCH = {"facecolor": "white", "edgecolor": "none", "pad": 1.5, "alpha": 0.85}
"""Behind text that may lie on a line."""


def plot_dof(setup: SetUp, path: Path) -> None:
    """Draw depth of field (geometric, wave, combined) and subject resolution against the f-number.

    Parameters
    ----------
    setup : SetUp
        With magnification, aperture and circle of confusion. An objective, which has one aperture, is drawn
        against its effective f-number as if it could be stopped down.
    path : Path
        Ends in ``.svg`` or ``.png``.

    Raises
    ------
    UserError
        When something for the curves is missing, or the file cannot be written there.
    """
    chosen = describe(setup)
    if chosen.effective_f_number is None or chosen.coc_mm is None or chosen.magnification is None:
        raise UserError(
            "--plot: the curves need magnification, aperture and the size of a pixel (or --coc): give what "
            "is missing"
        )
    varied, label = _variable(setup, chosen)
    here = chosen.effective_f_number if varied.f_number is None else varied.f_number
    low, high = _range(setup, here)
    stops = np.geomspace(low, high, _POINTS)
    rows = at_apertures(varied, stops)
    x = _curve(rows, "effective_f_number" if varied.f_number is None else "f_number")
    with sheet(path, 6.4, 6.0, simulated=setup.simulated) as figure:
        depth, detail = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
        _draw_depth(depth, x, rows, here, chosen)
        _draw_detail(detail, x, rows, here, chosen)
        _mark_limits((depth, detail), chosen, here)
        detail.set_xlabel(label)
        detail.set_xscale("log")
        marks = [m for m in _MARKS if low * 0.98 <= float(true_stop(float(m))) <= high * 1.02]
        detail.set_xticks([float(true_stop(float(m))) for m in marks], [f"{m:g}" for m in marks])
        detail.minorticks_off()
        figure.suptitle(_title(chosen), fontsize=9)


def _variable(setup: SetUp, chosen: DofReport) -> tuple[SetUp, str]:
    """The set-up whose f-number is varied, and what the axis is called."""
    if setup.f_number is not None and setup.known.numerical_aperture is None:
        return setup, "f-number as marked"
    known = replace(setup.known, numerical_aperture=None, given=chosen.effective_f_number)
    return replace(setup, f_number=None, known=known), "effective f-number"


def _range(setup: SetUp, here: float) -> tuple[float, float]:
    row = None if setup.f_number is None else lens_row(setup.lens, setup.tables)
    low = float(true_stop(row.widest)) if row and row.widest else here / 2.83  # three stops either way
    high = float(true_stop(row.narrowest)) if row and row.narrowest else here * 2.83
    return min(low, here), max(high, here)


def _curve(rows: tuple[DofReport, ...], name: str) -> npt.NDArray[np.float64]:
    """A field of every row, NaN where it is not known or infinite: a gap in the line."""
    return np.array([getattr(row, name) for row in rows], dtype=np.float64)


def _unit(length_mm: float) -> tuple[float, str]:
    return (1000.0, "µm") if length_mm < 1 else (1.0, "mm") if length_mm < 1000 else (0.001, "m")


def _draw_depth(
    axes: Axes,
    x: npt.NDArray[np.float64],
    rows: tuple[DofReport, ...],
    here: float,
    chosen: DofReport,
) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    scale, unit = _unit(chosen.dof_mm or float(np.nanmax(_curve(rows, "dof_wave_mm"))))

    def curve(name: str) -> npt.NDArray[np.float64]:
        return scale * _curve(rows, name)

    axes.plot(x, curve("dof_geometric_mm"), color=GUIDE, ls="--", lw=1.2, label="geometric")
    axes.plot(x, curve("dof_wave_mm"), color=SECOND, ls="-.", lw=1.2, label="diffraction")
    axes.plot(x, curve("dof_mm"), color=ACCENT, lw=2, label="both")
    if chosen.beyond_hyperfocal:
        axes.axvline(here, color=INK, lw=1)
        axes.annotate(
            "reaches infinity", (here, 0.5), xycoords=("data", "axes fraction"), weight="bold", bbox=_PATCH
        )
    if chosen.dof_mm is not None:
        y = chosen.dof_mm * scale
        axes.plot([here], [y], "o", color=INK, ms=7, zorder=5)
        axes.annotate(
            f"{y:.3g} {unit}, step {chosen.step_mm * scale if chosen.step_mm else 0:.3g} {unit}",
            (here, y),
            xytext=(-8, 8),
            textcoords="offset points",
            ha="right",
            weight="bold",
            bbox=_PATCH,
        )
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.set_ylabel(f"depth of field, {unit}")
    axes.legend(loc="lower right")


def _draw_detail(
    axes: Axes,
    x: npt.NDArray[np.float64],
    rows: tuple[DofReport, ...],
    here: float,
    chosen: DofReport,
) -> None:
    finest, half = _curve(rows, "subject_resolution_lp_mm"), _curve(rows, "mtf50_subject_lp_mm")
    axes.plot(x, finest, color=ACCENT, lw=2, label="finest detail")
    axes.plot(x, half, color=SECOND, ls="-.", lw=1.2, label="half the contrast")
    y = chosen.subject_resolution_lp_mm
    if y is not None:
        axes.plot([here], [y], "o", color=INK, ms=7, zorder=5)
        axes.annotate(
            f"{y:.3g} lp/mm", (here, y), xytext=(8, 6), textcoords="offset points", weight="bold", bbox=_PATCH
        )
    axes.set_ylim(0, 1.25 * float(np.nanmax(finest)))
    axes.set_ylabel("on the subject, lp/mm")
    axes.legend(loc="lower left")


def _mark_limits(axes: tuple[Axes, ...], chosen: DofReport, here: float) -> None:
    """Vertical lines where sharpness and frames balance, and where the finest pixels receive nothing."""
    best, limit = chosen.best_effective_f_number, chosen.limiting_effective_f_number
    if best is None or limit is None or chosen.effective_f_number is None:
        return
    growth = chosen.effective_f_number / here
    for effective, colour, text in ((best, INK, "balance p/λ"), (limit, WARN, "limit 2 p/λ")):
        for ax in axes:
            ax.axvline(effective / growth, color=colour, lw=1, ls=":")
        axes[0].text(
            effective / growth,
            0.98,
            f" {text}",
            color=colour,
            size=8,
            va="top",
            rotation=90,
            ha="right",
            transform=axes[0].get_xaxis_transform(),
        )


def _title(chosen: DofReport) -> str:
    pixel = "" if chosen.judged_pixel_mm is None else f", pixel {chosen.judged_pixel_mm * 1000:.3g} µm"
    name = f"{chosen.lens}, " if chosen.lens else ""
    coc = f"c {(chosen.coc_mm or 0) * 1000:.3g} µm"
    source = textwrap.fill(chosen.effective_f_number_source or "", 88)
    return (
        f"{name}magnification {chosen.magnification:.3g}, effective f/{chosen.effective_f_number:.3g}, "
        f"{coc}{pixel}\n{source}"
    )
