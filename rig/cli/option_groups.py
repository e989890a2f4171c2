"""Options that commands have in common, as groups that each command takes whole.

`flattened` lets a command take a group of them whole.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from rig.cli.options import (
    ApertureOption,
    ApproachSpeedOption,
    BracketsOption,
    CardSpaceOption,
    CentreOption,
    ClippingOption,
    CocOption,
    ConfigOption,
    DeliverOption,
    EffectiveApertureOption,
    EndOption,
    FolderOption,
    FramesOption,
    FrameWidthOption,
    IsoOption,
    JsonOption,
    MagnificationOption,
    MarginOption,
    MaxDurationOption,
    MaxFramesOption,
    NameOption,
    OverlapOption,
    PortOption,
    RangeOption,
    SettleOption,
    ShotsOption,
    ShutterOption,
    SimulateOption,
    SpeedOption,
    StackOption,
    StartOption,
    StepOption,
    TimeScaleOption,
    YesOption,
)
from stacker.cli.option_groups import flattened

if TYPE_CHECKING:
    from rig.config import LoadedConfig

__all__ = [
    "MotionOptions",
    "PictureOptions",
    "PlaceOptions",
    "RailOptions",
    "RunOptions",
    "StackOptions",
    "asked_for",
    "flattened",
    "length_mm",
]


@dataclass(frozen=True)
class PlaceOptions:
    """Where a stack lies, said before the rig is connected."""

    start: StartOption = None
    end: EndOption = None
    centre: CentreOption = None
    range: RangeOption = None


@dataclass(frozen=True)
class PictureOptions:
    """What the frames show and what becomes of them, and how many there may be."""

    coc: CocOption = None
    deliver: DeliverOption = None
    magnification: MagnificationOption = None
    frame_width: FrameWidthOption = None
    shots_per_position: ShotsOption = None
    max_duration: MaxDurationOption = None
    card_space: CardSpaceOption = None


@dataclass(frozen=True)
class StackOptions:
    """How a stack is stepped through and exposed, wherever it lies."""

    step: StepOption = "auto"
    frames: FramesOption = None
    margin: MarginOption = 0
    overlap: OverlapOption = None
    aperture: ApertureOption = None
    effective_aperture: EffectiveApertureOption = None
    shutter: ShutterOption = None
    iso: IsoOption = None
    brackets: BracketsOption = None
    max_frames: MaxFramesOption = None


@dataclass(frozen=True)
class MotionOptions:
    """How a stack is travelled, instead of what the configuration says."""

    speed: SpeedOption = None
    approach_speed: ApproachSpeedOption = None
    settle: SettleOption = None

    def applied(self, loaded: LoadedConfig, axis: str = "rail") -> LoadedConfig:
        """Return the configuration with them; errors as of `rig.planning.motion_asked.with_motion`."""
        from rig.planning.motion_asked import with_motion

        return with_motion(
            loaded,
            speed=self.speed,
            approach_speed=self.approach_speed,
            settle=self.settle,
            axis=axis,
        )


@dataclass(frozen=True)
class RunOptions:
    """What a run leaves behind, and what it takes for given."""

    name: NameOption = None
    folder: FolderOption = None
    accept_clipping: ClippingOption = False
    stack: StackOption = True
    yes: YesOption = False


@dataclass(frozen=True)
class RailOptions:
    """Which rail is meant, real or simulated, and who reads the answer."""

    config: ConfigOption = None
    port: PortOption = None
    simulate: SimulateOption = False
    time_scale: TimeScaleOption = None
    as_json: JsonOption = False

    def find(self) -> LoadedConfig:
        """Read the configuration of this rail; errors as of `rig.rails.alone.find_rig`."""
        from rig.rails.alone import find_rig

        return find_rig(self.config, self.port, simulate=self.simulate, time_scale=self.time_scale)


def asked_for(*groups: PlaceOptions | PictureOptions | StackOptions) -> dict[str, Any]:
    """Return what was typed of a plan, as `rig.planning.axis.plan_asked_for` takes it."""
    return {field.name: getattr(group, field.name) for group in groups for field in fields(group)}


def length_mm(text: str | None, what: str) -> float | None:
    """Read a length of the command line, mm without a unit; None when it was not given."""
    if text is None:
        return None
    from rig.units import parse_length_mm

    return parse_length_mm(text, what, bare="accept")
