"""``rig calibrate …``: measure the set-up from images, existing ones or taken now."""

from __future__ import annotations

import typer

from rig.cli.calibrate_options import (
    CheckerOption,
    DrySaveOption,
    FromOption,
    GraduationOption,
    ImagesOption,
    LinearOption,
    MoreImages,
    PlotOption,
    RegionOption,
    SaveOption,
    SpacingOption,
    ToleranceOption,
    ToOption,
)
from rig.cli.calibrate_running import length_mm, positive_mm, rig_of, run_job, task_of
from rig.cli.options import (
    ApertureOption,
    CocOption,
    ConfigOption,
    EffectiveApertureOption,
    FrameWidthOption,
    IsoOption,
    JsonOption,
    MagnificationOption,
    ShutterOption,
)
from rig.cli.shoot import (
    FolderOption,
    HereOption,
    SimulateOption,
    TimeScaleOption,
    YesOption,
)

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    group = typer.Typer(
        no_args_is_help=True,
        help="Measure the set-up from its own images; plans then use what was measured.",
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    group.command("scale")(scale)
    group.command("aperture")(aperture)
    group.command("dof")(dof)
    group.command("pupil")(pupil)
    group.command("backlash")(backlash)
    group.command("settle")(settle)
    app.add_typer(group, name="calibrate")


def dof(
    more: MoreImages = None,
    images: ImagesOption = None,
    step: SpacingOption = None,
    start: FromOption = None,
    end: ToOption = None,
    region: RegionOption = None,
    linear: LinearOption = False,
    coc: CocOption = None,
    magnification: MagnificationOption = None,
    frame_width: FrameWidthOption = None,
    aperture: ApertureOption = None,
    effective_aperture: EffectiveApertureOption = None,
    shutter: ShutterOption = None,
    iso: IsoOption = None,
    config: ConfigOption = None,
    simulate: SimulateOption = False,
    time_scale: TimeScaleOption = None,
    here_is: HereOption = None,
    folder: FolderOption = None,
    yes: YesOption = False,
    save: SaveOption = None,
    no_save: DrySaveOption = False,
    plot: PlotOption = None,
    as_json: JsonOption = False,
) -> None:
    """Depth of field, from a sweep over a flat target with fine texture that is in focus where you stand."""
    from rig.calibrate.jobs import calibrate_dof

    loaded = rig_of(config, simulate=simulate, time_scale=time_scale)
    task = task_of(
        loaded,
        [*(images or ()), *(more or ())],
        step=step,
        region=region,
        linear=linear,
        optics=(magnification, frame_width, aperture, effective_aperture),
        coc=coc,
        exposure=(shutter, iso),
    )
    run_job(
        lambda t: calibrate_dof(
            t,
            start_mm=length_mm(start, "--start"),
            end_mm=length_mm(end, "--end"),
            step_mm=positive_mm(step, "--step"),
        ),
        task,
        rig=(here_is, folder, yes),
        out=(save, no_save, plot, as_json),
    )


def pupil(
    more: MoreImages = None,
    images: ImagesOption = None,
    step: SpacingOption = None,
    start: FromOption = None,
    end: ToOption = None,
    linear: LinearOption = False,
    coc: CocOption = None,
    magnification: MagnificationOption = None,
    frame_width: FrameWidthOption = None,
    aperture: ApertureOption = None,
    effective_aperture: EffectiveApertureOption = None,
    shutter: ShutterOption = None,
    iso: IsoOption = None,
    config: ConfigOption = None,
    simulate: SimulateOption = False,
    time_scale: TimeScaleOption = None,
    here_is: HereOption = None,
    folder: FolderOption = None,
    yes: YesOption = False,
    save: SaveOption = None,
    no_save: DrySaveOption = False,
    plot: PlotOption = None,
    as_json: JsonOption = False,
) -> None:
    """Distance from the entrance pupil to the plane of focus, from how the picture grows in a sweep.

    The target is as for dof; a sweep that was shot for dof will do. A telecentric lens is recognised.
    """
    from rig.calibrate.jobs import calibrate_pupil

    loaded = rig_of(config, simulate=simulate, time_scale=time_scale)
    task = task_of(
        loaded,
        [*(images or ()), *(more or ())],
        step=step,
        linear=linear,
        optics=(magnification, frame_width, aperture, effective_aperture),
        coc=coc,
        exposure=(shutter, iso),
    )
    run_job(
        lambda t: calibrate_pupil(
            t,
            start_mm=length_mm(start, "--start"),
            end_mm=length_mm(end, "--end"),
            step_mm=positive_mm(step, "--step"),
        ),
        task,
        rig=(here_is, folder, yes),
        out=(save, no_save, plot, as_json),
    )


def scale(
    more: MoreImages = None,
    images: ImagesOption = None,
    graduation: GraduationOption = None,
    checker: CheckerOption = None,
    region: RegionOption = None,
    linear: LinearOption = False,
    magnification: MagnificationOption = None,
    frame_width: FrameWidthOption = None,
    aperture: ApertureOption = None,
    shutter: ShutterOption = None,
    iso: IsoOption = None,
    config: ConfigOption = None,
    simulate: SimulateOption = False,
    time_scale: TimeScaleOption = None,
    here_is: HereOption = None,
    folder: FolderOption = None,
    yes: YesOption = False,
    save: SaveOption = None,
    no_save: DrySaveOption = False,
    plot: PlotOption = None,
    as_json: JsonOption = False,
) -> None:
    """Magnification, from one frame of a ruler (or a checkerboard) that lies in the plane of focus."""
    from rig.calibrate.stills import calibrate_scale

    if graduation is None and checker is None:
        graduation = "1mm"
    task = task_of(
        rig_of(config, simulate=simulate, time_scale=time_scale),
        [*(images or ()), *(more or ())],
        region=region,
        linear=linear,
        optics=(magnification, frame_width, aperture, None),
        exposure=(shutter, iso),
    )
    run_job(
        lambda t: calibrate_scale(
            t,
            graduation_mm=positive_mm(graduation, "--graduation"),
            side_mm=positive_mm(checker, "--checker"),
        ),
        task,
        rig=(here_is, folder, yes),
        out=(save, no_save, plot, as_json),
    )


def aperture(
    more: MoreImages = None,
    images: ImagesOption = None,
    region: RegionOption = None,
    linear: LinearOption = False,
    magnification: MagnificationOption = None,
    frame_width: FrameWidthOption = None,
    marked: ApertureOption = None,
    shutter: ShutterOption = None,
    iso: IsoOption = None,
    config: ConfigOption = None,
    simulate: SimulateOption = False,
    time_scale: TimeScaleOption = None,
    here_is: HereOption = None,
    folder: FolderOption = None,
    yes: YesOption = False,
    save: SaveOption = None,
    no_save: DrySaveOption = False,
    plot: PlotOption = None,
    as_json: JsonOption = False,
) -> None:
    """Effective f-number, from the light that the lens loses between far and working focus.

    Two frames of an evenly lit card, far focus first, with one aperture; out of focus is fine.
    """
    from rig.calibrate.stills import calibrate_aperture

    task = task_of(
        rig_of(config, simulate=simulate, time_scale=time_scale),
        [*(images or ()), *(more or ())],
        region=region,
        linear=linear,
        optics=(magnification, frame_width, marked, None),
        exposure=(shutter, iso),
    )
    run_job(calibrate_aperture, task, rig=(here_is, folder, yes), out=(save, no_save, plot, as_json))


def backlash(
    more: MoreImages = None,
    images: ImagesOption = None,
    step: SpacingOption = None,
    start: FromOption = None,
    end: ToOption = None,
    linear: LinearOption = False,
    coc: CocOption = None,
    magnification: MagnificationOption = None,
    frame_width: FrameWidthOption = None,
    aperture: ApertureOption = None,
    effective_aperture: EffectiveApertureOption = None,
    shutter: ShutterOption = None,
    iso: IsoOption = None,
    config: ConfigOption = None,
    simulate: SimulateOption = False,
    time_scale: TimeScaleOption = None,
    here_is: HereOption = None,
    folder: FolderOption = None,
    yes: YesOption = False,
    save: SaveOption = None,
    no_save: DrySaveOption = False,
    plot: PlotOption = None,
    as_json: JsonOption = False,
) -> None:
    """Play of the rail's screw, from sweeps through focus that are approached from both sides.

    The target is as for dof; of existing frames, only the session of an earlier measurement will do.
    """
    from rig.calibrate.motions import calibrate_backlash

    loaded = rig_of(config, simulate=simulate, time_scale=time_scale)
    task = task_of(
        loaded,
        [*(images or ()), *(more or ())],
        step=step,
        linear=linear,
        optics=(magnification, frame_width, aperture, effective_aperture),
        coc=coc,
        exposure=(shutter, iso),
    )
    run_job(
        lambda t: calibrate_backlash(
            t,
            start_mm=length_mm(start, "--start"),
            end_mm=length_mm(end, "--end"),
            step_mm=positive_mm(step, "--step"),
        ),
        task,
        rig=(here_is, folder, yes),
        out=(save, no_save, plot, as_json),
    )


def settle(
    more: MoreImages = None,
    images: ImagesOption = None,
    tolerance: ToleranceOption = None,
    region: RegionOption = None,
    linear: LinearOption = False,
    magnification: MagnificationOption = None,
    frame_width: FrameWidthOption = None,
    aperture: ApertureOption = None,
    shutter: ShutterOption = None,
    iso: IsoOption = None,
    config: ConfigOption = None,
    simulate: SimulateOption = False,
    time_scale: TimeScaleOption = None,
    here_is: HereOption = None,
    folder: FolderOption = None,
    yes: YesOption = False,
    save: SaveOption = None,
    no_save: DrySaveOption = False,
    plot: PlotOption = None,
    as_json: JsonOption = False,
) -> None:
    """How long to wait after a move, from pairs of frames soon after it and at rest.

    The target is as for dof. Use the shutter time (and flash) that you will shoot with.
    """
    from rig.calibrate.motions import DEFAULT_TOLERANCE_PX, calibrate_settle

    task = task_of(
        rig_of(config, simulate=simulate, time_scale=time_scale),
        [*(images or ()), *(more or ())],
        region=region,
        linear=linear,
        optics=(magnification, frame_width, aperture, None),
        exposure=(shutter, iso),
    )
    run_job(
        lambda t: calibrate_settle(t, tolerance_px=DEFAULT_TOLERANCE_PX if tolerance is None else tolerance),
        task,
        rig=(here_is, folder, yes),
        out=(save, no_save, plot, as_json),
    )
