"""The calibration file: what was measured, when, on which set-up, from which frames.

It is JSON, so that people can read and programs can write it. There is one record of each kind for each
set-up; a new measurement takes the place of the old one.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Annotated, ClassVar, Literal, TypeAlias

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from rig import __version__
from rig.atomic import write_atomically
from rig.errors import DataError, UserError
from rig.state import RigLock

__all__ = [
    "ApertureRecord",
    "BacklashRecord",
    "Calibration",
    "DofRecord",
    "FrameHash",
    "LensRecord",
    "PupilRecord",
    "Record",
    "ScaleRecord",
    "SetUp",
    "SettleRecord",
    "read_calibration",
    "store",
]

_SAME_MAGNIFICATION = 0.02
"""Relative: set-ups that far apart in magnification are one (it is 4 % of the depth of field at most)."""

_SAME_APERTURE = 0.01
"""Relative; neighbouring marks are 6 % apart at the closest."""


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="strings")


class SetUp(_Model):
    """What a measurement holds for, as the configuration and the command line named it; None is not known.

    Attributes
    ----------
    lens, body : str or None
        ``name`` of ``[lens]``, ``model`` of ``[camera]``.
    magnification : float or None
        As configured or typed: it names the set-up, whatever was measured afterwards.
    aperture : float or None
        The marked f-number.
    """

    lens: str | None = None
    body: str | None = None
    magnification: float | None = Field(default=None, gt=0)
    aperture: float | None = Field(default=None, gt=0)

    def differences(self, other: SetUp, what: Iterable[str]) -> list[str]:
        """In what `other` is another set-up, as pairs of text: ``"f/8 and not f/5.6"``."""
        return [
            f"{_shown(name, getattr(other, name))} and not {_shown(name, getattr(self, name))}"
            for name in what
            if not _same(name, getattr(self, name), getattr(other, name))
        ]


def _same(name: str, mine: str | float | None, other: str | float | None) -> bool:
    if isinstance(mine, int | float) and isinstance(other, int | float):
        near = _SAME_MAGNIFICATION if name == "magnification" else _SAME_APERTURE
        return abs(mine / other - 1) <= near
    return mine == other


def _shown(name: str, value: str | float | None) -> str:
    words = {"lens": 'the lens "{}"', "body": "the body {}", "magnification": "{:.3g}x", "aperture": "f/{:g}"}
    titles = {"lens": "lens name", "body": "body", "magnification": "magnification", "aperture": "aperture"}
    return f"no {titles[name]}" if value is None else words[name].format(value)


class FrameHash(_Model):
    """A frame that a value was measured from."""

    file: str
    sha256: str


class _Measured(_Model):
    """What every record has.

    ``simulated`` says that no real camera took the frames. `title` is what people call the value,
    `holds_for` the parts of a set-up that must be the same for it to hold.
    """

    title: ClassVar[str]
    holds_for: ClassVar[tuple[str, ...]]

    measured_at: AwareDatetime
    simulated: bool
    setup: SetUp
    frames: tuple[FrameHash, ...] = Field(min_length=1)
    software: str = f"focusrig {__version__}"


class ScaleRecord(_Measured):
    """Magnification, and the frame's width in the plane of focus."""

    title = "the scale"
    holds_for = ("lens", "magnification", "body")

    kind: Literal["scale"] = "scale"
    magnification: float = Field(gt=0)
    magnification_sigma: float = Field(ge=0)
    um_per_px: float = Field(gt=0)
    frame_width_mm: float = Field(gt=0)


class ApertureRecord(_Measured):
    """Light lost between far and working focus, and the effective f-number that follows."""

    title = "the effective aperture"
    holds_for = ("lens", "magnification")  # Ne/N belongs to the focus, whatever the aperture

    kind: Literal["aperture"] = "aperture"
    lost_stops: float
    lost_stops_sigma: float = Field(ge=0)
    effective_f_number: float = Field(gt=0)
    marked_f_number: float = Field(gt=0)


class DofRecord(_Measured):
    """Depth of field: total, for a circle of confusion."""

    title = "the depth of field"
    holds_for = ("lens", "magnification", "aperture", "body")

    kind: Literal["dof"] = "dof"
    dof_mm: float = Field(gt=0)
    dof_sigma_mm: float = Field(ge=0)
    coc_mm: float = Field(gt=0)


class PupilRecord(_Measured):
    """1/v and v, entrance pupil to plane of focus: infinite when telecentric, negative when hypercentric."""

    title = "the pupil distance"
    holds_for = ("lens", "magnification")

    kind: Literal["pupil"] = "pupil"
    pupil_distance_mm: float
    inverse_per_mm: float
    inverse_sigma_per_mm: float = Field(ge=0)


class BacklashRecord(_Measured):
    """Play of the rail's screw."""

    title = "the backlash"
    holds_for = ()

    kind: Literal["backlash"] = "backlash"
    backlash_mm: float
    backlash_sigma_mm: float = Field(ge=0)


class SettleRecord(_Measured):
    """How long to wait after a move."""

    title = "the settle time"
    holds_for = ("lens", "magnification", "body")

    kind: Literal["settle"] = "settle"
    settle_s: float = Field(ge=0)
    tolerance_px: float = Field(gt=0)


class LensRecord(_Measured):
    """What a unit of the lens's focus drive does, driven one way from its unit 0.

    ``drive`` and ``defocus_mm`` are the rows of a `rig.planning.focus_calibration.FocusCalibration`;
    ``play_units`` is what the drive turns after a reversal before the focus follows.
    """

    title = "the focus drive"
    holds_for = ("lens", "magnification", "aperture", "body")

    kind: Literal["lens"] = "lens"
    focus_step: int = Field(ge=1)
    drive: tuple[int, ...] = Field(min_length=2)
    defocus_mm: tuple[float, ...] = Field(min_length=2)
    uncertainty_mm: float = Field(ge=0)
    play_units: float
    play_sigma_units: float = Field(ge=0)


Record: TypeAlias = Annotated[
    ScaleRecord | ApertureRecord | DofRecord | PupilRecord | BacklashRecord | SettleRecord | LensRecord,
    Field(discriminator="kind"),
]
"""One measurement."""


class Calibration(_Model):
    """The content of a calibration file."""

    format_version: Literal[1] = 1
    records: tuple[Record, ...] = ()

    def with_record(self, record: Record) -> Calibration:
        """The same with one more measurement, in place of an older one of its kind and set-up."""
        kept = tuple(
            r
            for r in self.records
            if r.kind != record.kind
            or r.simulated != record.simulated
            or record.setup.differences(r.setup, record.holds_for)
        )
        return Calibration(records=(*kept, record))


def read_calibration(path: Path) -> Calibration | None:
    """Read a calibration file; None when there is none yet.

    Raises
    ------
    UserError
        When it cannot be read.
    DataError
        When its content is no calibration, or of a newer focusrig.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as err:
        raise UserError(f"cannot read the calibration {path}: {err.strerror}") from err
    try:
        return Calibration.model_validate_json(data)
    except ValidationError as err:
        first = err.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "its content"
        raise DataError(
            f"{path} is not a calibration that this focusrig ({__version__}) can read: {where}: "
            f"{first['msg']}; move it away and measure again"
        ) from err


def store(path: Path, record: Record) -> None:
    """Add a measurement to a calibration file, which is made when absent; whole or not at all.

    Measurements that end at the same time wait for each other, so that none is lost.

    Raises
    ------
    UserError, DataError
        As `read_calibration`, and when it cannot be written.
    """
    with RigLock(f".{path.name}", record.kind, path.parent, wait=True):
        calibration = (read_calibration(path) or Calibration()).with_record(record)
        write_atomically(path, calibration.model_dump_json(indent=2).encode() + b"\n")


def now() -> datetime:
    """This moment, with its offset: when a record was made."""
    return datetime.now().astimezone().replace(microsecond=0)
