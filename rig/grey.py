"""White balance from a grey card: measured on a body, kept for it, and asked for by its sessions."""

from __future__ import annotations

import math
import tempfile
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from rig.cameras.base import CameraInfo, LockReport, LockRequest, SettingVerdict
from rig.cameras.gphoto import GPhotoCamera
from rig.cameras.grey import CENTRE, GreyCard, Region, balanced_kelvin, measure_grey
from rig.errors import CameraError, UserError
from rig.state import state_file, write_state

__all__ = ["GREY", "GreyBalance", "GreyStore", "measure_balance", "with_grey"]

GREY = "grey"
"""What ``white_balance`` is called when it is the measured one."""

_GAINS_ARE_LEFT = (
    "this body takes no colour temperature from here: it stays at {}, and the gains that make grey grey are "
    "in the journal for whoever develops the frames"
)
_TINT_IS_LEFT = (
    "grey is {:.2f} stops too {} at {}, which no colour temperature changes: shift the white balance in the "
    "body's menu and measure again, or leave it to whoever develops the frames (the gains are in the journal)"
)
_SEEN_STOPS = 0.05
"""Of green against red and blue: 3.5 % of light, in a mid grey a difference of 1.5 in CIELAB, just seen."""

_START_K = 5200
_LIMITS_K = (2500.0, 9900.0, 100.0)
"""What nearly all bodies can be set to; those that say more are believed."""

_NAMED = "Daylight"
"""Where a body takes no colour temperature: a named one that does not vary."""


class GreyBalance(BaseModel):
    """A measured white balance, as it is kept.

    Attributes
    ----------
    model, serial
        The body that it was measured on.
    white_balance : str
        What that body is set to: ``"5600 K"``, or a name where it takes no colour temperature.
    gains : tuple of float
        What linear red, green and blue of its frames have still to be multiplied by, green being 1.
    at : str
        When it was measured.
    frames : int
        How many frames were taken for it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format_version: Literal[1] = 1
    model: str
    serial: str
    white_balance: str
    gains: tuple[float, float, float]
    at: str
    frames: int

    @property
    def tint_stops(self) -> float:
        """How much too green frames still are; negative for magenta."""
        return math.log2(self.gains[0] * self.gains[2]) / 2

    @property
    def left_over(self) -> str | None:
        """What to say of what the body does not make of this balance; None when that cannot be seen."""
        if not self.is_set:
            return _GAINS_ARE_LEFT.format(self.white_balance)
        tint = self.tint_stops
        if abs(tint) <= _SEEN_STOPS:
            return None
        return _TINT_IS_LEFT.format(abs(tint), "green" if tint > 0 else "magenta", self.white_balance)

    @property
    def is_set(self) -> bool:
        """Whether the body makes the balance; otherwise the gains are for whoever develops its frames."""
        return self.white_balance.endswith(" K")


class GreyStore:
    """Where the measured balances are kept, one a body.

    Parameters
    ----------
    folder : Path, optional
        Instead of the user's state folder.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder

    def _path(self, info: CameraInfo) -> Path:
        return state_file("grey", f"{info.model}-{info.serial}", self._folder)

    def keep(self, balance: GreyBalance, info: CameraInfo) -> None:
        """Keep what was measured, instead of what was measured before.

        Raises
        ------
        UserError, DataError
            When it cannot be written.
        """
        write_state(self._path(info), balance.model_dump_json(indent=1))

    def read(self, info: CameraInfo) -> GreyBalance:
        """What was measured last on this body.

        Raises
        ------
        UserError
            When nothing was, or it cannot be read any more.
        """
        advice = "hold a grey card before the lens and run rig camera grey"
        try:
            return GreyBalance.model_validate_json(self._path(info).read_text("utf-8"))
        except FileNotFoundError as err:
            raise UserError(
                f'white_balance = "grey": no grey card was measured with this {info.model} yet; {advice}'
            ) from err
        except (OSError, UnicodeDecodeError, ValidationError) as err:
            raise UserError(
                f"{self._path(info)}, the measured white balance, cannot be read: {advice} again"
            ) from err


def with_grey(
    request: LockRequest, info: CameraInfo, store: GreyStore | None = None
) -> tuple[LockRequest, GreyBalance | None]:
    """Put the measured balance into a request that asks for it; returns that balance too, None when not.

    Raises
    ------
    UserError
        When it asks and nothing was measured.
    """
    if (request.white_balance or "").strip().lower() != GREY:
        return request, None
    balance = (store or GreyStore()).read(info)
    return replace(request, white_balance=balance.white_balance), balance


def measure_balance(camera: GPhotoCamera, request: LockRequest, region: Region = CENTRE) -> GreyBalance:
    """Find the white balance at which the grey card before the lens is grey; the body is put back as it was.

    Parameters
    ----------
    camera : GPhotoCamera
        The body.
    request : LockRequest
        Exposure and format; a JPEG is needed.
    region : Region
        Where in the frame the card is.

    Raises
    ------
    CameraError
        When no frame came, or it does not show an even grey card.
    """
    frames = 0
    with tempfile.TemporaryDirectory(prefix="focusrig-grey-") as folder:

        def look(white_balance: str) -> GreyCard:
            nonlocal frames
            report = camera.lock(replace(request, white_balance=white_balance))
            _check(report)
            files = camera.collect(camera.fire(), Path(folder))
            frames += 1
            return measure_grey(files[0].path, region)

        try:
            kelvin_report = camera.lock(replace(request, white_balance=f"{_START_K} K"))
            if _takes_kelvin(kelvin_report):
                kelvin, seen = balanced_kelvin(lambda k: look(f"{k} K"), _START_K, _limits(camera))
                chosen = f"{kelvin} K"
            else:
                chosen = _NAMED
                seen = look(chosen)
        finally:
            camera.restore()
    info = camera.describe()
    return GreyBalance(
        model=info.model,
        serial=info.serial,
        white_balance=chosen,
        gains=(round(seen.gains[0], 4), 1.0, round(seen.gains[2], 4)),
        at=datetime.now().astimezone().isoformat(timespec="seconds"),
        frames=frames,
    )


def _takes_kelvin(report: LockReport) -> bool:
    """Whether mode and temperature could both be set."""
    named = {s.name: s.verdict for s in report.settings}
    good = (SettingVerdict.OK, SettingVerdict.SET)
    return named.get("white balance") in good and named.get("colour temperature") in good


def _limits(camera: GPhotoCamera) -> tuple[float, float, float]:
    for name in camera.profile.color_temperature:
        state = camera.read(name)
        if state is not None and state.limits is not None:
            return state.limits
    return _LIMITS_K


def _check(report: LockReport) -> None:
    """The exposure must hold from frame to frame; what does not concern it may vary."""
    bad = [s for s in report.refused if s.name in ("exposure mode", "ISO", "shutter", "white balance")]
    if bad:
        raise CameraError("; ".join(f"{s.name} is {s.after or s.before!r}: {s.message}" for s in bad))
