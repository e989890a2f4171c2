"""How the focus motor of a lens is driven through a make of bodies: entries, commands, preconditions."""

from __future__ import annotations

from dataclasses import dataclass

from rig.cameras.bodies.profile import FixedSetting

__all__ = ["DriveEntry"]


@dataclass(frozen=True)
class DriveEntry:
    """The focus drive of a make.

    A unit is the smallest thing that can be asked for again and again: one command of the chosen size where a
    body knows sizes, one step of the motor where it takes numbers.

    Parameters
    ----------
    name : str
        The configuration entry; setting it drives.
    nearer, farther : tuple of str
        Commands by size, small to large; empty where the entry takes a number of steps.
    most_steps : int
        Where it takes a number: the largest. Negative numbers are nearer.
    focus_mode : FixedSetting
        What the body's focus mode has to be for the drive to work; with what it has to be for nothing else
        to focus, `also`.
    live_view : tuple of str
        Entry that switches live view, which the drive needs: name, value for on, value for off. Empty where
        live view is there whenever it is asked for.
    refuses_small_steps : bool
        Whether an end of travel and a step that is too small for the motor are told by one code.
    position : str
        Entry that tells where the lens stands, 0 (near end) to 100 (far end); empty where there is none.
    """

    name: str
    focus_mode: FixedSetting
    also: tuple[FixedSetting, ...] = ()
    nearer: tuple[str, ...] = ()
    farther: tuple[str, ...] = ()
    most_steps: int = 0
    live_view: tuple[str, ...] = ()
    refuses_small_steps: bool = False
    position: str = ""

    @property
    def sizes(self) -> int:
        """How many sizes of a command there are; 1 where the entry takes a number."""
        return len(self.farther) or 1

    @property
    def units_per_command(self) -> int:
        """How many units one command can drive."""
        return self.most_steps or 1

    def command(self, units: int, size: int) -> str:
        """The value that drives by that many units, positive farther.

        Raises
        ------
        ValueError
            When one command cannot do that.

        Examples
        --------
        >>> from rig.cameras.bodies import recognise
        >>> recognise("Canon.Inc", "Canon EOS R5").focus_drive.command(-1, 2)
        'Near 2'
        """
        if not 0 < abs(units) <= self.units_per_command:
            raise ValueError(f"one command drives by 1 to {self.units_per_command} units, not {units}")
        if self.most_steps:
            return str(units)
        return (self.farther if units > 0 else self.nearer)[size - 1]
