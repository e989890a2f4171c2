"""The calibrations that need no rail: scale and aperture, one function each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from rig.calibrate.aperture import Level, level_of, light_loss
from rig.calibrate.capture import Focus
from rig.calibrate.frames import TakenFrame
from rig.calibrate.images import Array, Picture, read_picture
from rig.calibrate.outcome import Calibrated
from rig.calibrate.records import ApertureRecord, FrameHash, ScaleRecord
from rig.calibrate.scale import PeriodMeasurement, checker_period, ruler_period
from rig.calibrate.sweep import Region, refuse_burnt
from rig.calibrate.task import Task
from rig.errors import UserError
from rig.formatting import format_length

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["calibrate_aperture", "calibrate_scale"]

_OTHERWISE = 0.2
"""Relative: a measured magnification that far from the configured one is more likely a wrong graduation."""

_RULER_BURNT = 0.2
"""A white ruler may be burnt in part: its lines are where they are."""

_MIDDLE = Region(0.3, 0.3, 0.4, 0.4)
"""Of the frame: far from the corners, which a lens darkens differently at different focus."""


def _frames(task: Task, number: int, what: str) -> Sequence[TakenFrame]:
    if len(task.images) != number:
        given = "1 image was" if len(task.images) == 1 else f"{len(task.images)} images were"
        raise UserError(f"{given} given; {what}")
    return task.images


def _hash(picture: Picture) -> FrameHash:
    return FrameHash(file=picture.name, sha256=picture.sha256)


def calibrate_scale(task: Task, *, graduation_mm: float | None, side_mm: float | None) -> Calibrated:
    """Measure magnification and frame width from one frame of a ruler or a checkerboard.

    Parameters
    ----------
    task : Task
        With one image, or on the rig.
    graduation_mm : float, optional
        Distance of the ruler's lines.
    side_mm : float, optional
        Side of the checkerboard's squares; exactly one of the two.

    Raises
    ------
    RigError
        When the frame cannot be taken, or shows no such pattern.
    """
    if (graduation_mm is None) == (side_mm is None):
        raise UserError(
            "give the distance of the ruler's lines (--graduation) or the squares' side (--checker)"
        )
    if task.images:
        (frame,) = _frames(task, 1, "the scale is measured from one frame of a ruler or a checkerboard")
    else:
        target = "ruler" if side_mm is None else "checker"
        with task.capture("scale", task.still_plan(), 1, target=target, motion=False) as rig:
            frame = rig.take()
    picture = read_picture(frame.path, linear=task.linear)
    refuse_burnt(picture, task.region, _RULER_BURNT)
    light = task.region.of(picture.light)
    measured = ruler_period(light) if side_mm is None else checker_period(light)
    pitch_mm = task.pitch_mm(picture.width_px)
    length_mm = graduation_mm or side_mm or 0.0
    per_px_mm = length_mm / measured.period_px
    m = pitch_mm / per_px_mm
    sigma = m * measured.sigma_px / measured.period_px
    width_mm = per_px_mm * picture.width_px
    record = ScaleRecord(
        magnification=m,
        magnification_sigma=sigma,
        um_per_px=per_px_mm * 1000,
        frame_width_mm=width_mm,
        **task.common([_hash(picture)], simulated=picture.simulated),
    )
    return Calibrated(
        rows=(
            ("magnification", f"{m:.5g} ± {sigma:.1g}"),
            ("scale", f"{per_px_mm * 1000:.5g} µm per pixel, {format_length(width_mm)} fill the frame"),
            ("measured from", f"{_pattern_text(measured, length_mm)} in {picture.name}"),
        ),
        record=record,
        details={
            "period_px": measured.period_px,
            "period_sigma_px": measured.sigma_px,
            "angle_deg": measured.angle_deg,
            "pixel_pitch_mm": pitch_mm,
        },
        warnings=(*measured.warnings, *_scale_warnings(m, task.setup.magnification)),
        draw=lambda axes: _draw_scale(axes, measured),
    )


def _pattern_text(measured: PeriodMeasurement, length_mm: float) -> str:
    count = f"{measured.count:.1f} intervals of {format_length(length_mm)}"
    return f"{count}, {measured.period_px:.4f} px each, turned by {measured.angle_deg:.1f}°,"


def _scale_warnings(m: float, configured: float | None) -> tuple[str, ...]:
    if configured is None or abs(m / configured - 1) < _OTHERWISE:
        return ()
    times = f"that is {m / configured:.3g} times the configured magnification of {configured:g}"
    return (f"{times}: is the distance of the lines, or the side of the squares, what was given?",)


def _draw_scale(axes: Axes, measured: PeriodMeasurement) -> None:
    from rig.plots.canvas import ACCENT, GUIDE

    axes.axhline(0, color=GUIDE, lw=0.8)
    axes.plot(measured.place_px, measured.error_px, "o", color=ACCENT, ms=4)
    axes.set_xlabel("place along the pattern (px)")
    axes.set_ylabel(f"off an even {measured.period_px:.3f} px (px)")


def calibrate_aperture(task: Task) -> Calibrated:
    """Measure the effective f-number from frames of an even target at far and at working focus.

    Parameters
    ----------
    task : Task
        With two images, far focus first, or on the rig; there the person turns the focus ring in between.

    Raises
    ------
    RigError
        When the frames cannot be taken or compared.
    """
    marked = task.setup.aperture
    if marked is None:
        raise UserError(
            "the aperture is not known: give --aperture as marked on ring or body (an objective's follows "
            "from its NA, and needs no measurement)"
        )
    region = task.region if task.region != Region() else _MIDDLE
    frames = _frames(task, 2, "give two, far focus first, then working focus") if task.images else _two(task)
    pictures = [read_picture(frame.path, linear=task.linear) for frame in frames]
    levels = [level_of(p, region.of(p.light), region.of(p.burnt)) for p in pictures]
    loss = light_loss(levels[0], levels[1], marked, linear=task.linear)
    record = ApertureRecord(
        lost_stops=loss.stops,
        lost_stops_sigma=loss.sigma_stops,
        effective_f_number=loss.effective_f_number,
        marked_f_number=marked,
        **task.common([_hash(p) for p in pictures], simulated=any(p.simulated for p in pictures)),
    )
    made_up = f", {loss.compensated_stops:.2f} of them by exposure" if loss.compensated_stops else ""
    return Calibrated(
        rows=(
            ("effective f-number", f"{loss.effective_f_number:.4g} ± {loss.sigma:.1g} at f/{marked:g}"),
            ("light lost", f"{loss.stops:.3f} ± {loss.sigma_stops:.2g} stops{made_up}"),
            ("measured from", _levels_text(levels)),
        ),
        record=record,
        details={
            "effective_f_number_sigma": loss.sigma,
            "levels": [level.light for level in levels],
            "compensated_stops": loss.compensated_stops,
        },
        warnings=loss.warnings,
        draw=lambda axes: _draw_levels(axes, [region.of(p.light) for p in pictures], loss.stops),
    )


def _levels_text(levels: Sequence[Level]) -> str:
    far, working = (f"{level.light:.1%} of white in {level.name}" for level in levels)
    return f"far focus: {far}; working focus: {working}"


def _two(task: Task) -> Sequence[TakenFrame]:
    """Take both frames; each has a connection of its own, since the person works at the lens in between."""
    assert task.shooting is not None
    taken = []
    steps: tuple[tuple[Focus, str], ...] = (
        (
            "far",
            "Focus the lens as far as it goes (infinity), and let an evenly lit white card fill the frame.",
        ),
        ("working", "Focus back to the working magnification; card and light stay as they are."),
    )
    for focus, words in steps:
        if not task.config.simulated:
            task.shooting.operator.confirm(words)
        plan = task.still_plan()
        with task.capture("aperture", plan, 1, target="card", motion=False, focus=focus) as rig:
            taken.append(replace(rig.take(), tags={"focus": focus}))
    return taken


def _draw_levels(axes: Axes, parts: list[Array], stops: float) -> None:
    from rig.plots.canvas import ACCENT, SECOND

    for part, colour, label in zip(parts, (SECOND, ACCENT), ("far focus", "working focus"), strict=True):
        across = np.linspace(0, 1, part.shape[1])
        axes.plot(across, part.mean(axis=0), color=colour, label=label)
    axes.set_xlabel("place across the part that is looked at (share of its width)")
    axes.set_ylabel("linear light (1 is white)")
    axes.set_ylim(0, 1)
    axes.legend(title=f"{stops:.2f} stops lost")
