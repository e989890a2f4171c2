"""Options that several commands share, as types for typer's signatures; imports nothing but typer."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

__all__ = [
    "ApertureOption",
    "ApproachSpeedOption",
    "AxisOption",
    "BracketsOption",
    "CalibratedOption",
    "CardSpaceOption",
    "CentreOption",
    "ClippingOption",
    "CocOption",
    "ConfigOption",
    "DeliverOption",
    "EffectiveApertureOption",
    "EndOption",
    "FolderOption",
    "FrameWidthOption",
    "FramesOption",
    "HereOption",
    "IsoOption",
    "JsonOption",
    "MagnificationOption",
    "MarginOption",
    "MaxDurationOption",
    "MaxFramesOption",
    "NameOption",
    "OverlapOption",
    "PlotOption",
    "PortOption",
    "RangeOption",
    "SessionArgument",
    "SettleOption",
    "ShotsOption",
    "ShutterOption",
    "SimulateOption",
    "SpeedOption",
    "StackOption",
    "StartOption",
    "StepOption",
    "StepsOption",
    "TimeScaleOption",
    "UnlockOption",
    "YesOption",
]

_WHERE = "Where"
_OPTICS = "Optics and exposure"
_LIMITS = "Limits"
_MOTION = "Motion"

AxisOption: TypeAlias = Annotated[
    str,
    typer.Option(
        "--axis",
        metavar="rail|lens",
        rich_help_panel=_WHERE,
        help="What moves the plane of focus; with lens, --start, --end and --step count units of its drive; "
        "lengths with a unit will do once the drive is calibrated.",
    ),
]
StartOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--start",
        metavar="LENGTH|here",
        rich_help_panel=_WHERE,
        help="First position: 0, 2.5mm, 350um; here: where the carriage stands. Without unit: mm.",
    ),
]
EndOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--end",
        metavar="LENGTH|ask",
        rich_help_panel=_WHERE,
        help="Last position; nothing is shot beyond. Positive is towards the subject. ask goes on until you "
        "say that the farthest outline was sharp, never beyond the limit.",
    ),
]
CentreOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--centre",
        metavar="LENGTH|here",
        rich_help_panel=_WHERE,
        help="Middle of the stack, with --range, instead of --start and --end.",
    ),
]
RangeOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--range",
        metavar="LENGTH",
        rich_help_panel=_WHERE,
        help="How far the stack reaches to each side of --centre.",
    ),
]
StepOption: TypeAlias = Annotated[
    str,
    typer.Option(
        "--step",
        metavar="auto|LENGTH",
        rich_help_panel=_WHERE,
        help="auto takes what the depth of field allows; a length is kept, the last interval is shorter.",
    ),
]
FramesOption: TypeAlias = Annotated[
    int | None,
    typer.Option(
        "--frames",
        metavar="N",
        rich_help_panel=_WHERE,
        help="Number of frames instead of a step; without --end, so many by --step.",
    ),
]
MarginOption: TypeAlias = Annotated[
    int,
    typer.Option(
        "--margin",
        metavar="N",
        rich_help_panel=_WHERE,
        help="N frames more at each end, a full step apart, inside the limits.",
    ),
]
OverlapOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--overlap",
        metavar="SHARE",
        rich_help_panel=_WHERE,
        help="Share of the depth of field that neighbours share: 0.3 (default; 0.5 above 20x) or 30%.",
    ),
]
CocOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--coc",
        metavar="SIZE",
        rich_help_panel=_OPTICS,
        help="Blur still called sharp, a diameter on the sensor: 2px (default), 30um.",
    ),
]
DeliverOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--deliver",
        metavar="WIDTH",
        rich_help_panel=_OPTICS,
        help="Width of the picture to be delivered, 2000px: blur and diffraction are judged by its pixels.",
    ),
]
MagnificationOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--magnification",
        "-m",
        metavar="M",
        rich_help_panel=_OPTICS,
        help="Image over object: 1, 0.5, 1:2, 5x.",
    ),
]
FrameWidthOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--frame-width",
        metavar="LENGTH",
        rich_help_panel=_OPTICS,
        help="Instead of --magnification: width of what fills the frame, read off a ruler in focus.",
    ),
]
ApertureOption: TypeAlias = Annotated[
    str | None,
    typer.Option("--aperture", metavar="F-NUMBER", rich_help_panel=_OPTICS, help="As marked: f/5.6 or 5.6."),
]
EffectiveApertureOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--effective-aperture",
        metavar="F-NUMBER",
        rich_help_panel=_OPTICS,
        help="The effective f-number at this focus, if you know it; taken as it stands.",
    ),
]
ShutterOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--shutter",
        metavar="TIME",
        rich_help_panel=_OPTICS,
        help="Shutter time: 1/8s, 250ms. Without unit: s.",
    ),
]
IsoOption: TypeAlias = Annotated[
    int | None, typer.Option("--iso", metavar="N", rich_help_panel=_OPTICS, help="Sensitivity.")
]
BracketsOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--brackets",
        metavar="LIST",
        rich_help_panel=_OPTICS,
        help="Exposures at every position, in EV from --shutter, or times: -2,0,2 or 1/30s,1/8s,1/2s.",
    ),
]
ShotsOption: TypeAlias = Annotated[
    int | None,
    typer.Option(
        "--shots-per-position", metavar="N", rich_help_panel=_OPTICS, help="The same frame N times at each."
    ),
]
MaxFramesOption: TypeAlias = Annotated[
    int | None,
    typer.Option(
        "--max-frames", metavar="N", rich_help_panel=_LIMITS, help="Refuse a plan of more frames than that."
    ),
]
MaxDurationOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--max-duration",
        metavar="TIME",
        rich_help_panel=_LIMITS,
        help="Refuse a plan that takes longer: 30min, 2h. Without unit: s.",
    ),
]
CardSpaceOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--card-space",
        metavar="SIZE",
        rich_help_panel=_LIMITS,
        help="Refuse a plan whose frames do not fit on the camera's card: 64GB.",
    ),
]
ConfigOption: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        metavar="FILE",
        help="The rig's TOML file. Else ./rig.toml, else your own, else the simulated bench.",
    ),
]
CalibratedOption: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--calibration/--no-calibration",
        help="Use what was measured on this set-up (the calibration file that the configuration names).",
    ),
]
PlotOption: TypeAlias = Annotated[
    Path | None,
    typer.Option("--plot", metavar="FILE", help="Draw it into a file that ends in .svg or .png."),
]
JsonOption: TypeAlias = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
SimulateOption: TypeAlias = Annotated[
    bool, typer.Option("--simulate", help="Rehearse: this configuration on the simulated bench.")
]
SpeedOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--speed",
        metavar="SPEED",
        rich_help_panel=_MOTION,
        help="Of the rail: 1mm/s. Without unit: mm/s.",
    ),
]
ApproachSpeedOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--approach-speed",
        metavar="SPEED",
        rich_help_panel=_MOTION,
        help="Of the last movement to each frame, on GRBL.",
    ),
]
SettleOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--settle",
        metavar="TIME",
        rich_help_panel=_MOTION,
        help="Wait after each move: 2s. Without unit: s.",
    ),
]
TimeScaleOption: TypeAlias = Annotated[
    float | None,
    typer.Option("--time-scale", metavar="X", help="How many times as fast a simulated bench runs."),
]
NameOption: TypeAlias = Annotated[
    str | None, typer.Option("--name", help="Name of the session, e.g. beetle.")
]
FolderOption: TypeAlias = Annotated[
    Path | None, typer.Option("--folder", metavar="DIR", help="Where session folders are made.")
]
SessionArgument: TypeAlias = Annotated[Path, typer.Argument(metavar="SESSION", help="The session's folder.")]
ClippingOption: TypeAlias = Annotated[
    bool, typer.Option("--accept-clipping", help="Shoot although over 0.5 % of the test frame is clipped.")
]
StackOption: TypeAlias = Annotated[bool, typer.Option("--stack/--no-stack", help="Stack while shooting.")]
YesOption: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--yes", "-y", help="Do not ask: not before the first move, nor what the camera cannot tell."
    ),
]
HereOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--here-is", metavar="LENGTH", help="Where the carriage stands now, if its controller cannot tell."
    ),
]
UnlockOption: TypeAlias = Annotated[
    bool, typer.Option("--unlock", help="Unlock a controller that is in alarm: the way is free.")
]
StepsOption: TypeAlias = Annotated[
    str, typer.Option("--steps", metavar="S,M,L", help="Three step sizes of jogging, rising.")
]
PortOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--port",
        metavar="PORT",
        help="Instead of the configured one: /dev/ttyUSB0, or socket://192.168.1.30:23.",
    ),
]
