"""A plan as a picture: the whole travel, the first frames one by one, and how the framing grows."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

from rig.formatting import format_length
from rig.plan import StackPlan
from rig.planning.lens_plan import LensPlan
from rig.plots.canvas import ACCENT, INK, SECOND, WARN, sheet
from rig.plots.track import Track, draw_frames, draw_travel

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["draw_lens_plan", "draw_plan", "plot_plan"]

_WIDTH_IN, _HEIGHT_IN = 10.0, 6.0

_NO_CHANGE = 1e-9
"""Fields that differ by less are one rectangle."""

_ASPECT = 2 / 3
"""Height over width of a frame when the configuration has no pixels: what most large sensors have."""


def plot_plan(
    plan: StackPlan | LensPlan, path: Path, *, aspect: float | None = None, simulated: bool = False
) -> None:
    """Draw a plan; one by lens focus in image space, if its drive is calibrated.

    Parameters
    ----------
    plan : StackPlan or LensPlan
        What to draw.
    path : Path
        Ends in ``.svg`` or ``.png``.
    aspect : float, optional
        Height over width of the frame; of no matter for lens focus.
    simulated : bool
        Mark the picture as of the simulated bench.

    Raises
    ------
    UserError
        When the path cannot be a plot.
    DataError
        When the disk is full.
    """
    with sheet(path, _WIDTH_IN, _HEIGHT_IN, simulated=simulated) as figure:
        if isinstance(plan, LensPlan):
            draw_lens_plan(figure, plan)
        else:
            draw_plan(figure, plan, aspect or _ASPECT)


def draw_plan(figure: Figure, plan: StackPlan, aspect: float) -> None:
    """Draw a plan on a figure: `plot_plan` without the file."""
    track = Track(
        positions=plan.positions_mm,
        depth=plan.dof_mm,
        label="position of the rail, mm (growing towards the subject)",
        write=format_length,
        margin=plan.margin_frames,
        approach=plan.approach_mm if plan.run_up_mm else None,
        limits=plan.limits_mm,
    )
    figure.suptitle(_headline(plan), x=0.01, ha="left", size=11)
    axes = figure.subplot_mosaic(
        [["travel", "travel"], ["frames", "framing"]], width_ratios=[2.4, 1], height_ratios=[1, 2]
    )
    draw_travel(axes["travel"], track)
    draw_frames(axes["frames"], track)
    _draw_framing(axes["framing"], plan, aspect)
    _count_gaps(axes["travel"], track)


def _headline(plan: StackPlan) -> str:
    parts = [f"{plan.frames} frame{'' if plan.frames == 1 else 's'}"]
    if plan.frames > 1:
        parts.append(f"over {format_length(plan.travel_mm)}")
    if plan.step_mm is not None:
        parts.append(f"in steps of {format_length(plan.step_mm)}")
    text = " ".join(parts)
    if plan.dof_mm is not None:
        text += f"; depth of field {format_length(plan.dof_mm)}"
    if plan.overlap is not None:
        text += f", overlap {plan.overlap:.0%}"
    return text


def _draw_framing(ax: Axes, plan: StackPlan, aspect: float) -> None:
    """The fields of the first and of the last frame, one in the other, as the first one sees them."""
    from matplotlib.patches import Rectangle

    ax.set_axis_off()
    ax.set_aspect("equal")
    ax.set_title("framing", size=9, loc="left")
    last = 1.0 if plan.frames == 1 else plan.last_field
    largest = max(1.0, last or 1.0)
    ax.set_xlim(-0.54 * largest, 0.54 * largest)
    ax.set_ylim(-(0.56 * aspect + 0.24) * largest, 0.56 * aspect * largest)
    for share, colour, width in ((1.0, ACCENT, 2.2), (last, SECOND, 1.4)):
        if share is not None and not (colour == SECOND and abs(share - 1) < _NO_CHANGE):
            corner = (-share / 2, -share * aspect / 2)
            ax.add_artist(Rectangle(corner, share, share * aspect, fill=False, ec=colour, lw=width))
    ax.text(
        0, -(0.54 * aspect + 0.02) * largest, _framing_text(plan), ha="center", va="top", size=8, color=INK
    )


def _framing_text(plan: StackPlan) -> str:
    width = "" if plan.frame_width_mm is None else f", {format_length(plan.frame_width_mm)} wide"
    first = f"first frame (blue){width}"
    if plan.frames == 1:
        return f"the only frame{width}"
    if plan.last_field is None:
        return f"{first}\ngrowth not known:\npupil_distance is not in [lens]"
    if plan.pupil_distance_mm is not None and math.isinf(plan.pupil_distance_mm):
        return f"every frame{width}:\nno change, telecentric"
    seen = (
        ""
        if plan.frame_width_mm is None
        else f": {format_length(plan.last_field * plan.frame_width_mm)} of it"
    )
    room = f"\nleave {(1 - plan.last_field) / 2:.1%} free on every side" if plan.last_field < 1 else ""
    return f"{first}\nlast frame (orange) sees {plan.last_field:.1%}{seen}{room}"


def draw_lens_plan(figure: Figure, plan: LensPlan) -> None:
    """Draw a plan by lens focus on a figure."""
    names = tuple(str(p) for p in plan.positions)
    if plan.defocus_mm is None:
        positions = tuple(float(p) for p in plan.positions)
        track = Track(
            positions,
            None,
            "position of the focus drive, units",
            "{:g} units".format,
            unknown="the focus drive is not calibrated",
        )
    else:
        label = "shift of the image plane, mm"
        track = Track(plan.defocus_mm, plan.depth_of_focus_mm, label, format_length, names=names)
    frames = f"{plan.frames} frame{'' if plan.frames == 1 else 's'}"
    text = f"{frames} by lens focus, drive units {plan.start} to {plan.end}"
    if plan.depth_of_focus_mm is not None and plan.calibrated:
        text += f"; depth of focus {format_length(plan.depth_of_focus_mm)}"
    if plan.overlap is not None:
        text += f", overlap {plan.overlap:.0%} or more"
    figure.suptitle(text, x=0.01, ha="left", size=11)
    axes = figure.subplot_mosaic([["travel"], ["frames"]], height_ratios=[1, 2])
    draw_travel(axes["travel"], track)
    draw_frames(axes["frames"], track)
    _count_gaps(axes["travel"], track)


def _count_gaps(ax: Axes, track: Track) -> None:
    gaps, frames = len(track.gaps), len(track.positions)
    if gaps:
        text = f"{gaps} gap{'s' if gaps > 1 else ''} between {frames} frames: detail there stays soft"
        ax.set_title(text, color=WARN, size=9, loc="left")
