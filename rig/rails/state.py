"""What outlives a connection to a rail: where it stood by the controller's own count, and its soft limits.

A controller goes on counting while no program is connected, unless it is reset or loses its power. So the
position is kept with that count, and holds as long as the controller still says the same.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from rig.axes.base import FocusAxis, KeepsCount, PositionTrust
from rig.closing import on_failure
from rig.config import LoadedConfig
from rig.config.rail import RailConfig
from rig.errors import DataError, UserError
from rig.rails.memory import KeptDirection, KeptLimits, KeptUsb, RailMemory, Reference
from rig.state import state_file, write_state

__all__ = [
    "SAME_MM",
    "KeptDirection",
    "KeptLimits",
    "KeptUsb",
    "RailMemory",
    "RailState",
    "Reference",
    "now",
    "with_kept_limits",
    "with_limits",
]

SAME_MM = 0.001
"""A report has three decimals; a carriage that somebody moved is farther off."""
_TELLING_MM = 0.01
"""A count that near to 0 is also that of a controller which has just been switched on."""


@dataclass(frozen=True)
class RailState:
    """Where the memory of one rail is kept.

    Parameters
    ----------
    name : str
        The port of a motorised rail, as configured; the name of a crank.
    folder : Path, optional
        Instead of the user's state folder.
    """

    name: str
    folder: Path | None = None

    @classmethod
    def of(cls, rail: RailConfig) -> RailState:
        """The state of a configured rail."""
        return cls(rail.name if rail.by_hand else rail.port or "")

    @property
    def path(self) -> Path:
        """The file; it need not exist."""
        return state_file("rails", self.name, self.folder)

    def read(self) -> RailMemory:
        """What is kept; nothing when there is no file.

        Raises
        ------
        DataError
            When the file cannot be read: it may hold limits, so it is not passed over.
        """
        try:
            return RailMemory.model_validate_json(self.path.read_bytes())
        except FileNotFoundError:
            return RailMemory()
        except (OSError, ValidationError) as err:
            raise DataError(
                f"{self.path}, which holds the rail's soft limits, cannot be read; delete it and set them "
                "anew (rig rail limits)"
            ) from err

    def write(self, memory: RailMemory) -> None:
        """Replace what is kept, whole or not at all."""
        write_state(self.path, memory.model_dump_json(indent=1))

    def keep_direction(self, towards_subject: Literal["+", "-"]) -> None:
        """Somebody has seen that this sign is right."""
        direction = KeptDirection(towards_subject=towards_subject, at=now())
        self.write(self.read().model_copy(update={"direction": direction}))

    def keep_usb(self, usb: KeptUsb | None) -> None:
        """The rail was found on a port that says so of itself."""
        memory = self.read()
        if usb is not None and usb != memory.usb:
            self.write(memory.model_copy(update={"usb": usb}))

    # --- the position ---------------------------------------------------------------------------------

    def recall(self, axis: FocusAxis) -> str | None:
        """Tell the axis where it stands, if its controller has gone on counting; else return why not."""
        memory = self.read()
        kept = memory.reference
        if kept is None:
            return memory.unknown_because
        if not isinstance(axis, KeepsCount):
            return "its controller keeps no count"
        if not axis.count_survived:
            return "opening its port has reset the controller, as it does on an Arduino"
        why = _void(kept, axis.count())
        if why is None and not axis.limits.contains(kept.position_mm):
            why = f"it was left at {kept.position_mm:g} mm, outside its limits"
        if why is None:
            axis.recall(kept.count_mm, kept.position_mm)
        return why

    def may_stand_at(self, axis: FocusAxis, position_mm: float) -> bool:
        """Whether nothing that is kept speaks against its standing there, where it cannot be recalled.

        Of a rail that was never told where it stands nothing does, nor of one that was left there at rest,
        and whose controller counts as if it had been switched on just now, or was reset by being connected.
        After a move that nobody has seen the end of, everything does.
        """
        memory = self.read()
        kept = memory.reference
        if kept is None:
            return memory.lost is None
        if (
            kept.under_way
            or abs(kept.position_mm - position_mm) > SAME_MM
            or not isinstance(axis, KeepsCount)
        ):
            return False
        count_mm = axis.count()
        if count_mm is None:
            return False
        return not axis.count_survived or max(abs(kept.count_mm), abs(count_mm)) < _TELLING_MM

    def would_recall(self, axis: FocusAxis) -> bool:
        """Whether what `keep` writes now is going to hold, if nothing happens to the rail."""
        if not isinstance(axis, KeepsCount):
            return axis.position().trust is PositionTrust.HOST_COUNTED
        count = axis.count()
        return axis.count_survived and count is not None and abs(count) >= _TELLING_MM

    def keep(self, axis: FocusAxis) -> None:
        """Write where the axis stands; forget what was kept when that is not known.

        Raises
        ------
        HardwareError
            When the axis does not answer: then nobody knows.
        """
        reference = None
        with on_failure(self.forget):
            memory, position = self.read(), axis.position()
            if isinstance(axis, KeepsCount) and position.trust is not PositionTrust.UNKNOWN:
                count = axis.count()
                if count is not None:
                    reference = Reference(count_mm=count, position_mm=position.value, at=now())
        if reference is not None:
            self.write(memory.model_copy(update={"reference": reference, "lost": None}))
        else:
            self.forget()

    def set_off(self) -> None:
        """It is about to be moved: what is kept holds again when `keep` has said where it came to rest.

        A command that is killed in between leaves a position that is not to be believed.
        """
        memory = self.read()
        if memory.reference is not None:
            under_way = memory.reference.model_copy(update={"under_way": True})
            self.write(memory.model_copy(update={"reference": under_way}))

    def forget(self) -> None:
        """Nobody knows any more where it stands."""
        memory = self.read()
        if memory.reference is not None:
            self.write(memory.model_copy(update={"reference": None, "lost": memory.reference}))

    # --- the limits -----------------------------------------------------------------------------------

    def outer_mm(self, rail: RailConfig) -> tuple[float, float]:
        """The limits of the configuration, as positions are counted now."""
        zero_mm = self.read().zero_mm
        return rail.limits_mm[0] + zero_mm, rail.limits_mm[1] + zero_mm

    def limits_mm(self, rail: RailConfig) -> tuple[float, float]:
        """The limits in force: the configured ones, as far as the kept ones are not narrower.

        Raises
        ------
        UserError
            When the two leave nothing.
        """
        kept = self.read().limits
        low, high = outer = self.outer_mm(rail)
        if kept is None:
            return low, high
        low = low if kept.low_mm is None else max(low, kept.low_mm)
        high = high if kept.high_mm is None else min(high, kept.high_mm)
        if not low < high:
            raise UserError(
                f"the soft limits set on {kept.at.astimezone():%d %b %H:%M} leave nothing of the configured "
                f"{outer[0]:g} mm to {outer[1]:g} mm: set them anew, or "
                "rig rail limits clear"
            )
        return low, high

    def set_limits(
        self, rail: RailConfig, *, low_mm: float | None = None, high_mm: float | None = None
    ) -> tuple[float, float]:
        """Set one limit or both, and return those in force.

        Raises
        ------
        UserError
            When they lie outside the configured ones, or low is not below high.
        """
        outer = self.outer_mm(rail)
        for value in (low_mm, high_mm):
            if value is not None and not outer[0] <= value <= outer[1]:
                raise UserError(
                    f"{value:g} mm lies outside the limits of the configuration, {outer[0]:g} mm to "
                    f"{outer[1]:g} mm; soft limits can only be narrower (limits in [rail])"
                )
        memory = self.read()
        kept = memory.limits or KeptLimits(at=now())
        new = KeptLimits(
            low_mm=kept.low_mm if low_mm is None else low_mm,
            high_mm=kept.high_mm if high_mm is None else high_mm,
            at=now(),
        )
        low = outer[0] if new.low_mm is None else new.low_mm
        high = outer[1] if new.high_mm is None else new.high_mm
        if not low < high:
            raise UserError(
                f"the near limit, {low:g} mm, has to be below the far one, {high:g} mm (positions grow "
                "towards the subject); nothing was changed"
            )
        self.write(memory.model_copy(update={"limits": new}))
        return low, high

    def clear_limits(self) -> bool:
        """Forget the soft limits and the zero: positions count as in the configuration. Were there any?

        The limits of the configuration stay where they are on the bench.
        """
        memory = self.read()
        new: dict[str, object] = {"limits": None}
        if memory.zero_mm:
            kept = memory.reference
            if kept is not None:
                kept = kept.model_copy(update={"position_mm": kept.position_mm - memory.zero_mm})
            new |= {"zero_mm": 0.0, "counted_since": now(), "reference": kept}
        if memory.limits is not None or memory.zero_mm:
            self.write(memory.model_copy(update=new))
        return memory.limits is not None

    def renumber(self, shift_mm: float | None) -> bool:
        """The count begins elsewhere: positions have grown by the shift; None when nobody knows by how much.

        Limits and home stay where they are on the bench, those of the configuration, too; when nobody knows,
        soft limits are dropped and the configuration counts from the new zero.

        Returns whether there are soft limits still.
        """
        memory = self.read()
        kept, moved = memory.limits, None
        if kept is not None and shift_mm is not None:
            moved = kept.model_copy(
                update={
                    name: None if value is None else value + shift_mm
                    for name, value in (("low_mm", kept.low_mm), ("high_mm", kept.high_mm))
                }
            )
        zero_mm = 0.0 if shift_mm is None else memory.zero_mm + shift_mm
        # What was kept of the position counts from the old zero: with these limits it would be wrong.
        new = {"limits": moved, "zero_mm": zero_mm, "reference": None, "counted_since": now()}
        self.write(memory.model_copy(update=new))
        return moved is not None

    def counts_anew(self) -> None:
        """Somebody has said where the rail stands, and it was not known, or known otherwise."""
        self.write(self.read().model_copy(update={"counted_since": now()}))


def _void(kept: Reference, count_mm: float | None) -> str | None:
    """Why a count does not say any more where the rail stands; None when it does."""
    when = f"{kept.at.astimezone():%d %b %H:%M}"
    if count_mm is None:
        return "its controller is in alarm"
    if kept.under_way and not (
        abs(kept.count_mm) >= _TELLING_MM and abs(count_mm - kept.count_mm) <= SAME_MM
    ):
        return f"a command set off from {kept.text} and did not live to say where it came to rest"
    if abs(kept.count_mm) < _TELLING_MM:
        return (
            f"its controller counted {kept.count_mm:g} when it was left ({when}), as it would after being "
            "switched off, too"
        )
    if abs(count_mm - kept.count_mm) > SAME_MM:
        return (
            f"its controller counts {count_mm:.3f}, and {kept.count_mm:.3f} when it was left ({when}): it "
            "was switched off, or moved by something else"
        )
    return None


def now() -> datetime:
    """This moment, with its zone."""
    return datetime.now().astimezone()


def with_kept_limits(loaded: LoadedConfig) -> LoadedConfig:
    """Return the configuration with the soft limits that were set at the rig; a simulated one as it is."""
    config = loaded.config
    if config.simulated or (config.rail.port is None and not config.rail.by_hand):
        return loaded
    state = RailState.of(config.rail)
    return with_limits(loaded, state.limits_mm(config.rail), state.read().zero_mm)


def with_limits(loaded: LoadedConfig, limits_mm: tuple[float, float], zero_mm: float = 0.0) -> LoadedConfig:
    """Return the configuration with other limits, in its table, too: a session keeps that and is resumed.

    ``zero_mm`` is by how much positions have grown since they were counted as in this configuration: the home
    position grows with them.
    """
    config = loaded.config
    if limits_mm == config.rail.limits_mm and not zero_mm:
        return loaded
    home_mm = config.rail.home_position_mm + zero_mm
    rail = config.rail.model_copy(update={"limits_mm": limits_mm, "home_position_mm": home_mm})
    texts: dict[str, object] = {"limits": [f"{x:.6f} mm" for x in limits_mm]}
    if zero_mm:
        texts["home_position"] = f"{home_mm:.6f} mm"
    table = {**loaded.table, "rail": {**loaded.table["rail"], **texts}}
    return replace(loaded, config=config.model_copy(update={"rail": rail}), table=table)
