"""What grblHAL does otherwise than GRBL, as its simulator driver showed it (build 20260817)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hardware_sims.rails.settings import GrblError, GrblSettings

__all__ = ["GRBL", "GRBLHAL", "Dialect", "HalSettings", "settings_of"]


@dataclass(frozen=True)
class Dialect:
    """A firmware of the family.

    Parameters
    ----------
    banner : str
        Said after every start.
    alarm_pause_s : float
        From an ``ALARM:`` line to what follows it; it is deaf meanwhile.
    answer_s : float
        From a line to its being carried out.
    rx_bytes, blocks, line_chars : int
        Sizes of the receive buffer, of the planner, and of a line.
    build : tuple of str
        The answer to ``$I``.
    modal_extra : str
        What ``$G`` says besides, after the feed mode.
    resumed : tuple of str
        What is said when a hold ends.
    queries_while_running : bool
        Whether ``$$`` and settings are taken while a motion runs.
    limits_need_homing : bool
        Whether soft limits are ignored until it was homed.
    greets : bool
        Whether it says its banner to whoever connects over a network, without having restarted (``stream.c``
        of grblHAL's core).
    hal : bool
        Whether reports, settings and error numbers are grblHAL's.
    """

    banner: str = "Grbl 1.1h ['$' for help]"
    alarm_pause_s: float = 0.5
    answer_s: float = 0.0
    rx_bytes: int = 128
    blocks: int = 15
    line_chars: int = 79
    build: tuple[str, ...] = ("[VER:1.1h.20190830:]", "[OPT:V,15,128]")
    modal_extra: str = ""
    resumed: tuple[str, ...] = ()
    queries_while_running: bool = False
    limits_need_homing: bool = False
    greets: bool = False
    hal: bool = False


GRBL = Dialect()

GRBLHAL = Dialect(
    banner="GrblHAL 1.1f ['$' or '$HELP' for help]",
    alarm_pause_s=0.1,
    answer_s=0.04,
    rx_bytes=1023,
    blocks=100,
    line_chars=256,
    build=(
        "[VER:1.1f.20260817:]",
        "[OPT:VNML+,100,1024,3,0]",
        "[AXS:3:XYZ]",
        "[NEWOPT:ENUMS,RT+,TC,SED]",
        "[FIRMWARE:grblHAL]",
        "[SIGNALS:D]",
        "[NVS STORAGE:*EEPROM]",
        "[DRIVER:Simulator]",
        "[DRIVER VERSION:260324]",
    ),
    modal_extra=" G40 G49 G98 G50",
    resumed=("[MSG:]",),
    queries_while_running=True,
    limits_need_homing=True,
    greets=True,
    hal=True,
)
"""Its answers came 79 ms after the lines in the median, in ticks of 20 ms or so: a part of that was the
recorder's own port."""

_HAL_MORE: dict[int, float] = {
    **dict.fromkeys((14, 15, 17, 18, 19, 29, 34, 35, 37, 40, 41, 46, 60, 61, 62, 64, 65, 341, 384, 394), 0.0),
    **dict.fromkeys((481, 485, 486, 539, 673, 680), 0.0),
    **dict.fromkeys((9, 39, 43, 346, 393), 1.0),
    28: 0.1,
    33: 5000.0,
    36: 100.0,
    42: 2.0,
    44: 4.0,
    45: 3.0,
    56: 5.0,
    57: 100.0,
    58: -5.0,
    59: 500.0,
    63: 3.0,
    342: 30.0,
    343: 25.0,
    344: 200.0,
    345: 200.0,
    392: 4.0,
    398: 100.0,
    676: 15.0,
}
_HAL_CHANGED: dict[int, float] = {0: 5, 4: 7, 10: 511}
_HAL_DECIMALS = {
    **dict.fromkeys((0, 24, 25, 29, 33, 34, 35, 36, 56, 57, 58, 59), 1),
    **dict.fromkeys((342, 343, 344, 345, 392, 393, 394, 539, 673), 1),
    **dict.fromkeys((11, 12, 27, 28, 30, 31, *range(110, 133)), 3),
    **dict.fromkeys((100, 101, 102), 5),
}


class HalSettings(GrblSettings):
    """grblHAL's settings: more of them, other decimals, other numbers for what it refuses."""

    _more = _HAL_MORE

    def __init__(self, changes: Mapping[int, float] | None = None) -> None:
        super().__init__({**_HAL_CHANGED, **(changes or {})})
        self._values = dict(sorted(self._values.items()))

    def store(self, number: int, value: float) -> None:
        """Take ``$number=value``; raises GrblError 10 or 53, or as GRBL does."""
        if number not in self._values:
            raise GrblError(53)
        if number == 10:  # nine bits, where GRBL keeps eight
            self._values[10] = float(int(value) & 0x1FF)
            return
        super().store(number, value)

    def lines(self) -> list[str]:
        """What ``$$`` prints, without the `ok`."""
        return [f"${n}={value:.{_HAL_DECIMALS.get(n, 0)}f}" for n, value in self._values.items()]


def settings_of(dialect: Dialect, changes: Mapping[int, float] | None = None) -> GrblSettings:
    """The EEPROM of a firmware, with what differs from a fresh one."""
    return HalSettings(changes) if dialect.hal else GrblSettings(changes)
