"""``rig calibrate …``: measure the set-up from images, existing ones or taken now."""

from __future__ import annotations

from functools import partial

import typer

from rig.cli.calibrate_options import (
    AngleOption,
    CheckerOption,
    CommonOptions,
    DriveEndOption,
    DriveStepOption,
    GraduationOption,
    RegionOption,
    SweepOptions,
    ToleranceOption,
)
from rig.cli.calibrate_running import measure, measure_sweep
from rig.cli.option_groups import flattened

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    group = typer.Typer(
        no_args_is_help=True,
        help="Measure the set-up from its own images; plans then use what was measured.",
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    for command in (scale, aperture, dof, pupil, backlash, settle, lens):
        group.command(command.__name__)(flattened(command))
    app.add_typer(group, name="calibrate")


def dof(common: CommonOptions, sweep: SweepOptions, region: RegionOption = None) -> None:
    """Depth of field, from a sweep over a flat target with fine texture that is in focus where you stand."""
    from rig.calibrate.jobs import calibrate_dof

    measure_sweep(calibrate_dof, common, sweep, region)


def pupil(common: CommonOptions, sweep: SweepOptions) -> None:
    """Distance from the entrance pupil to the plane of focus, from how the picture grows in a sweep.

    The target is as for dof; a sweep that was shot for dof will do. A telecentric lens is recognised.
    """
    from rig.calibrate.jobs import calibrate_pupil

    measure_sweep(calibrate_pupil, common, sweep)


def scale(
    common: CommonOptions,
    graduation: GraduationOption = None,
    checker: CheckerOption = None,
    region: RegionOption = None,
) -> None:
    """Magnification, from one frame of a ruler (or a checkerboard) that lies in the plane of focus."""
    from rig.calibrate.stills import calibrate_scale
    from rig.planning.request import parse_positive_length

    if graduation is None and checker is None:
        graduation = "1mm"
    job = partial(
        calibrate_scale,
        graduation_mm=parse_positive_length(graduation, "--graduation"),
        side_mm=parse_positive_length(checker, "--checker"),
    )
    measure(job, common, region=region)


def aperture(common: CommonOptions, region: RegionOption = None) -> None:
    """Effective f-number, from the light that the lens loses between far and working focus.

    Two frames of an evenly lit card, far focus first, with one aperture; out of focus is fine.
    """
    from rig.calibrate.stills import calibrate_aperture

    measure(calibrate_aperture, common, region=region)


def backlash(common: CommonOptions, sweep: SweepOptions) -> None:
    """Play of the rail's screw, from sweeps through focus that are approached from both sides.

    The target is as for dof; of existing frames, only the session of an earlier measurement will do.
    """
    from rig.calibrate.motions import calibrate_backlash

    measure_sweep(calibrate_backlash, common, sweep)


def settle(common: CommonOptions, tolerance: ToleranceOption = None, region: RegionOption = None) -> None:
    """How long to wait after a move, from pairs of frames soon after it and at rest.

    The target is as for dof. Use the shutter time (and flash) that you will shoot with.
    """
    from rig.calibrate.motions import DEFAULT_TOLERANCE_PX, calibrate_settle

    tolerance_px = DEFAULT_TOLERANCE_PX if tolerance is None else tolerance
    measure(partial(calibrate_settle, tolerance_px=tolerance_px), common, region=region)


def lens(
    common: CommonOptions,
    end: DriveEndOption = 60,
    step: DriveStepOption = 2,
    angle: AngleOption = None,
) -> None:
    """What a unit of the lens's focus drive does, and its play, from a slanted target.

    A flat target with fine texture leans at 30 to 60 degrees, in focus in its near part. The rail measures
    how it leans; without a motorised rail give --angle. Of existing frames, only the session of an earlier
    measurement will do.
    """
    from rig.calibrate.lens import calibrate_lens

    measure(partial(calibrate_lens, end=end, step=step, angle_deg=angle), common)
