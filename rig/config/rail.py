"""``[rail]``: the carriage that moves the camera, by a motor or by hand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from rig.axes.registry import (
    COUNTED,
    CrankSettings,
    RailSettings,
    ShutterSettings,
    drivers,
    sets_speed,
    shutter_outputs,
    usual_baud,
)
from rig.config.table import Table, known_driver
from rig.errors import UserError
from rig.fields import (
    Acceleration,
    Count,
    Length,
    LengthOrZero,
    PartOfTurn,
    PositiveLength,
    PositiveTime,
    Speed,
    Time,
)
from rig.turns import parts_name

__all__ = ["CRANK", "NO_RAIL", "NO_RAIL_ADVICE", "RailConfig", "ShutterConfig"]

CRANK = "crank"
"""The driver of a rail that a person turns."""

_NONE = "none"

NO_RAIL_ADVICE = (
    "this needs a rail, and the configuration has none: add a [rail] table (configs/ has examples for motors "
    "and for a crank), or focus through the lens with --axis lens"
)
"""What is said where only a rail will do."""

_WHOLE = 1e-6
"""In parts of a turn: so near to a whole number is one."""


class ShutterConfig(Table):
    """``[rail.shutter]``: an output of the rail's controller presses the camera's release.

    ``output`` is ``"coolant"`` (GRBL's M8 and M9) or ``"spindle"`` (M3 and M5), or ``"camera"``, a
    controller's own socket for a camera; ``pulse`` how long it is pressed (a WeMacro: 0.3 s, whatever is
    written), ``off`` how long it is let go of at least before the next time. Never used unless it is here.
    """

    output: Literal["coolant", "spindle", "camera"]
    pulse_s: PositiveTime = Field(default=0.2, alias="pulse")
    off_s: Time = Field(default=0.3, alias="off")

    def settings(self) -> ShutterSettings:
        """Return what the rail's driver needs."""
        return ShutterSettings(self.output, self.pulse_s, self.off_s)


def _unhurried_mm_s(table: dict[str, Any]) -> float:
    """2 mm/s, at most 2 turns of the screw: what a stepper of any size and a long lens bear."""
    return min(2.0, 2.0 * float(table.get("pitch_mm", 1.0)))


class RailConfig(Table):
    """``[rail]``: the carriage that moves the camera.

    ``backlash`` is how far the carriage backs off before it approaches the first position, so that every
    position is approached from one side; it must exceed the play of the screw.

    ``driver = "crank"`` is turned by hand: ``turn_closer`` is the direction that moves the camera towards the
    subject, ``part_of_turn`` what a hand can tell apart (``"1/4"``).
    Its backlash is a turn unless said otherwise, and ``speed`` only predicts how long a stack takes.

    ``name`` is what the count of a rail is kept under that cannot be asked where it stands; that of the
    driver unless there are two such rails. ``baud`` is what the driver's controllers usually talk at.

    ``speed`` is at most two turns of the screw a second unless said otherwise, ``approach_speed`` that of the
    last movement to each frame, on GRBL. With ``reset_on_open = false`` DTR is kept low,
    so that opening the port does not reset the controller.
    """

    driver: str
    name: str = ""
    turn_closer: Literal["clockwise", "counter-clockwise"] | None = None
    part_of_turn: PartOfTurn = 4
    port: str | None = None
    baud: Count | None = None
    pitch_mm: PositiveLength = Field(alias="pitch")
    full_steps: Count = 200
    microsteps: Count = 16
    speed_mm_s: Speed = Field(default_factory=_unhurried_mm_s, alias="speed")
    approach_speed_mm_s: Speed | None = Field(default=None, alias="approach_speed")
    acceleration_mm_s2: Acceleration = Field(default=50.0, alias="acceleration")
    limits_mm: tuple[Length, Length] = Field(alias="limits")
    backlash_mm: LengthOrZero = Field(default=0.2, alias="backlash")
    towards_subject: Literal["+", "-"] | None = None
    reference: Literal["here", "home"] = "here"
    home_position_mm: Length = Field(default=0.0, alias="home_position")
    shutter: ShutterConfig | None = None
    reset_on_open: bool = True

    @field_validator("driver")
    @classmethod
    def _driver_known(cls, value: str) -> str:
        return known_driver(value, tuple(sorted(drivers())))

    @field_validator("limits_mm")
    @classmethod
    def _limits_ordered(cls, value: tuple[float, float]) -> tuple[float, float]:
        if not value[0] < value[1]:
            raise ValueError(f'{value[0]:g} mm is not below {value[1]:g} mm; write ["low", "high"]')
        return value

    @model_validator(mode="before")
    @classmethod
    def _what_follows_from_the_driver(cls, table: Any) -> Any:
        if not isinstance(table, Mapping) or not isinstance(table.get("driver"), str):
            return table
        table = {"name": table["driver"], **table}
        if table["driver"] == CRANK and "pitch" in table:
            return {"backlash": table["pitch"], **table}
        return table

    @model_validator(mode="after")
    def _crank_turns_whole_parts(self) -> RailConfig:
        if not self.by_hand:
            return self
        if self.reference == "home":
            raise ValueError('a crank finds no home position by itself; write reference = "here"')
        parts = self.backlash_mm * self.steps_per_mm
        if abs(parts - round(parts)) > _WHOLE:
            part_mm = 1 / self.steps_per_mm
            raise ValueError(
                f"backlash = {self.backlash_mm:g} mm is no whole number of {parts_name(self.part_of_turn)} "
                f'({part_mm:g} mm each), which is what a hand turns; write backlash = "{self.pitch_mm:g} mm"'
            )
        return self

    @model_validator(mode="after")
    def _can_approach_slowly(self) -> RailConfig:
        if self.approach_speed_mm_s is not None and not sets_speed(self.driver, approach=True):
            raise ValueError(
                f'approach_speed: the driver "{self.driver}" has one speed for every move; leave it out, and '
                "set a slower speed (on the controller, or as speed)"
            )
        return self

    @model_validator(mode="after")
    def _has_that_output(self) -> RailConfig:
        outputs = shutter_outputs(self.driver)
        if self.shutter is not None and self.shutter.output not in outputs:
            there_is = f"it has {' and '.join(outputs)}" if outputs else "it has none"
            raise ValueError(
                f'shutter = {{ output = "{self.shutter.output}" }}: the driver "{self.driver}" has no such '
                f"output; {there_is}"
            )
        return self

    @property
    def is_there(self) -> bool:
        """Whether the configuration has a rail at all."""
        return self.driver != _NONE

    @property
    def counted(self) -> bool:
        """Whether it cannot be asked where it stands, so that its count is kept."""
        return self.driver in COUNTED

    @property
    def by_hand(self) -> bool:
        """Whether a person turns it."""
        return self.driver == CRANK

    @property
    def steps_per_mm(self) -> float:
        """Microsteps of the motor per mm of travel; of a crank, the parts of a turn that a hand turns."""
        if self.by_hand:
            return self.part_of_turn / self.pitch_mm
        return self.full_steps * self.microsteps / self.pitch_mm

    def settings(self, port: str | None = None) -> RailSettings:
        """Return what the rail's driver needs.

        Parameters
        ----------
        port : str, optional
            Overrides the configured port: that of a simulated rail, where an unset `towards_subject` is
            ``"+"``.

        Raises
        ------
        UserError
            When there is no rail, or port or direction of real hardware are not configured.
        """
        if not self.is_there:
            raise UserError(NO_RAIL_ADVICE)
        direction = self.towards_subject
        if self.by_hand:
            return self._crank_settings(port)
        if port is None:
            if self.port is None:
                raise UserError('rail.port is missing: write for instance port = "/dev/ttyUSB0"')
            if direction is None:
                raise UserError(
                    'rail.towards_subject is missing: write towards_subject = "+" when the controller moves '
                    'the camera towards the subject for positive positions, "-" when away from it'
                )
        return RailSettings(
            driver=self.driver,
            port=port or self.port or "",
            steps_per_mm=self.steps_per_mm,
            speed_mm_s=self.speed_mm_s,
            acceleration_mm_s2=self.acceleration_mm_s2,
            low_mm=self.limits_mm[0],
            high_mm=self.limits_mm[1],
            towards_subject=direction or "+",
            baud=self.baud or usual_baud(self.driver),
            home_mm=self.home_position_mm if self.reference == "home" else None,
            shutter=None if self.shutter is None else self.shutter.settings(),
            reset_on_open=self.reset_on_open,
            approach_speed_mm_s=self.approach_speed_mm_s,
        )

    def _crank_settings(self, port: str | None) -> RailSettings:
        if self.turn_closer is None:
            raise UserError(
                'rail.turn_closer is missing: write turn_closer = "counter-clockwise" or "clockwise", the '
                "way to turn the crank, seen by whoever turns it, that moves the camera towards the subject"
            )
        return RailSettings(
            driver=self.driver,
            port=port or "",
            steps_per_mm=self.steps_per_mm,
            speed_mm_s=self.speed_mm_s,
            acceleration_mm_s2=self.acceleration_mm_s2,
            low_mm=self.limits_mm[0],
            high_mm=self.limits_mm[1],
            towards_subject="+",
            crank=CrankSettings(self.pitch_mm, self.turn_closer, self.part_of_turn, self.backlash_mm),
        )


NO_RAIL = RailConfig.model_construct(
    driver=_NONE, name=_NONE, pitch_mm=1.0, speed_mm_s=2.0, limits_mm=(0.0, 0.0), backlash_mm=0.0
)
"""Of a configuration without ``[rail]``: a camera that stands still."""
