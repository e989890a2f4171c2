"""The tables of a rig's TOML file. Attributes carry their unit; in the file the value does."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, field_validator, model_validator

from rig.cameras.base import LockRequest
from rig.cameras.settings import CameraSettings
from rig.config.rail import CRANK, NO_RAIL, RailConfig
from rig.config.table import Table, known_driver
from rig.errors import UserError
from rig.fields import (
    AnyTable,
    Brackets,
    Bytes,
    Coc,
    Count,
    FNumber,
    Magnification,
    Pixels,
    PositiveLength,
    PositiveTime,
    PupilDistance,
    Share,
    ShutterTime,
    Time,
    UserPath,
)
from rig.frames.stacked_file import StackedFile
from rig.optics.stops import true_stop
from rig.optics.tables.rows import Tables
from rig.planning.focus_calibration import FocusCalibration
from rig.planning.shots import MOST_SHOTS
from rig.planning.spacing import MAX_FRAMES
from rig.session import DEFAULT_TEMPLATE, check_template
from rig.units import DEFAULT_COC
from stacker import Credits

__all__ = [
    "CAMERA_DRIVERS",
    "CameraConfig",
    "CaptureConfig",
    "EffectiveFNumberConfig",
    "LensConfig",
    "RailConfig",
    "RigConfig",
    "SessionConfig",
]

CAMERA_DRIVERS = ("gphoto2", "folder", "none")
"""Names that ``[camera] driver`` can have."""

_IMAGE_WAIT_S = {"gphoto2": 30.0, "folder": 120.0, "none": 30.0}
"""A tethered body offers its file within seconds; who fires by hand, and copies, takes his time."""


class CameraConfig(Table):
    """``[camera]``: the body, its sensor, and how long it takes.

    ``shutter_lag`` runs from the command to the opening of the shutter, ``readout`` from its closing until
    the carriage may move (a rolling electronic shutter still reads then), ``download`` from then until the
    file is here. ``shutter_change`` is what setting another shutter time takes, for brackets: runs measure
    it, plans know it only from here. ``frame_size`` is the size of a frame's files, estimated when absent;
    ``card_space`` the room on the camera's card. ``keep_on_card`` has the frames there too; ``card_only`` has
    them fetched from there instead of from the body's memory. ``mirror_up`` keeps a mirror out of the way of
    every release. ``image_wait`` is how long a body may take from the end of an exposure to offering its
    file, and ``transfer`` how long its files may take to come over, both in real time even on a simulated
    bench.

    With ``driver = "folder"`` another program puts the frames into the folder ``watch`` (or, with
    ``watch_subfolders``, into folders within it), each within ``image_wait`` in ``files_per_frame`` files (2
    for RAW and JPEG). With ``"none"`` they stay on the card, and ``rig match`` brings them into the session
    afterwards.
    """

    driver: str = "gphoto2"
    model: str | None = None
    port: str | None = None
    sensor_width_mm: PositiveLength | None = Field(default=None, alias="sensor_width")
    pixels: tuple[Count, Count] | None = None
    shutter_lag_s: Time = Field(default=0.1, alias="shutter_lag")
    readout_s: Time = Field(default=0.1, alias="readout")
    download_s: Time = Field(default=0.0, alias="download")
    shutter_change_s: Time = Field(default=0.0, alias="shutter_change")
    overlap_download: bool = True
    frame_bytes: Bytes | None = Field(default=None, alias="frame_size")
    card_bytes: Bytes | None = Field(default=None, alias="card_space")
    keep_on_card: bool = False
    card_only: bool = False
    mirror_up: bool = False
    transfer_s: PositiveTime = Field(default=60.0, alias="transfer")
    reports_effective_f_number: bool = False
    watch: UserPath | None = None
    watch_subfolders: bool = False
    files_per_frame: Annotated[int, Field(ge=1, le=2, strict=True)] = 1
    image_wait_s: PositiveTime | None = Field(default=None, alias="image_wait")

    @field_validator("driver")
    @classmethod
    def _driver_known(cls, value: str) -> str:
        return known_driver(value, CAMERA_DRIVERS)

    @property
    def aspect(self) -> float | None:
        """Height over width of a frame, or None when the pixels are not given."""
        return None if self.pixels is None else self.pixels[1] / self.pixels[0]

    @property
    def collected(self) -> bool:
        """Whether frames come here while shooting; with the driver ``"none"`` they stay on the card."""
        return self.driver != "none"

    @property
    def pixel_pitch_mm(self) -> float | None:
        """Sensor width over pixel count, or None when either is not given."""
        if self.sensor_width_mm is None or self.pixels is None:
            return None
        return self.sensor_width_mm / self.pixels[0]

    def settings(self, port: str | None = None) -> CameraSettings:
        """Return what the camera's driver needs; `port` overrides the configured one (a simulated body's)."""
        return CameraSettings(
            driver=self.driver,
            port=port or self.port,
            model=self.model if port is None else None,
            shutter_lag_s=self.shutter_lag_s,
            readout_s=self.readout_s,
            image_wait_s=self.image_wait_s or _IMAGE_WAIT_S[self.driver],
            watch=self.watch if port is None else Path(port),
            watch_subfolders=self.watch_subfolders,
            files_per_frame=self.files_per_frame,
            transfer_s=self.transfer_s,
        )


class EffectiveFNumberConfig(Table):
    """One known effective f-number: ``value`` with the ring at ``at``, at that magnification."""

    value: float = Field(ge=0.3, le=1e4)
    at: FNumber
    magnification: Magnification | None = None


class LensConfig(Table):
    """``[lens]``: how large it draws, and what is known of its aperture.

    ``effective_f_number`` is a measurement on this lens, ``effective_f_numbers`` the maker's table;
    ``unit_focus`` says that the lens focuses by moving as a whole (bellows, extension, enlarging lens).
    ``pupil_distance`` is v, from the entrance pupil to the plane of focus. ``calibration`` names the file of
    what was measured (``rig calibrate``), in the folder of this configuration unless its path says otherwise.
    ``focus_calibration`` says what a unit of the lens's focus drive does; ``focus_step`` which of the body's
    step sizes is a unit (1 to 3 on Canon, 1 to 7 on Sony), ``focus_run_up`` how many units the drive backs
    off before it goes one way: more than its play.
    """

    name: str | None = None
    calibration: UserPath | None = None
    magnification: Magnification | None = None
    frame_width_mm: PositiveLength | None = Field(default=None, alias="frame_width")
    focal_length_mm: PositiveLength | None = Field(default=None, alias="focal_length")
    pupil_ratio: float | None = Field(default=None, gt=0)
    pupil_distance_mm: PupilDistance | None = Field(default=None, alias="pupil_distance")
    unit_focus: bool = False
    effective_f_number: EffectiveFNumberConfig | None = None
    effective_f_numbers: tuple[EffectiveFNumberConfig, ...] = ()
    numerical_aperture: float | None = Field(default=None, gt=0, lt=2)
    refractive_index: float = Field(default=1.0, ge=1, lt=2)
    objective_magnification: Magnification | None = None
    tube_length_mm: PositiveLength | None = Field(default=None, alias="tube_length")
    reference_tube_length_mm: PositiveLength = Field(default=200.0, alias="reference_tube_length")
    working_distance_mm: PositiveLength | None = Field(default=None, alias="working_distance")
    focus_calibration: FocusCalibration | None = None
    focus_step: Count = 1
    focus_run_up: Count = 10

    @model_validator(mode="after")
    def _consistent(self) -> LensConfig:
        ways = {
            "magnification": self.magnification,
            "frame_width": self.frame_width_mm,
            "objective_magnification": self.objective_magnification,
        }
        given = [name for name, value in ways.items() if value is not None]
        if len(given) > 1:
            raise ValueError(f"{' and '.join(given)} say the same thing twice; keep one")
        if self.numerical_aperture is not None and self.numerical_aperture >= self.refractive_index:
            raise ValueError(
                f"numerical_aperture {self.numerical_aperture:g} is not below refractive_index "
                f"{self.refractive_index:g}; air is 1, water 1.33, oil 1.515"
            )
        if any(row.magnification is None for row in self.effective_f_numbers):
            raise ValueError(
                "a row of effective_f_numbers has no magnification; "
                'write { magnification = 1, at = "f/2.8", value = 5.6 }'
            )
        return self


class CaptureConfig(Table):
    """``[capture]``: exposure and rhythm. No ``aperture`` means: the lens has none that the body knows of.

    ``settle`` is the wait after a move, ``settle_per_mm`` what every mm of it adds, to at most 10 s in all.
    ``flash_sync`` is the shortest time in which the whole shutter is open; ``warm_up_frames`` are fired
    before the test frame and thrown away, for lamps and flashes that are not yet steady. ``brackets`` are
    the exposures taken at every position, in EV from ``shutter`` or as shutter times;
    ``shots_per_position`` is how often the same is taken. ``stack_file`` is which file of a frame that comes
    as RAW and JPEG is stacked while shooting, ``"jpeg"`` or ``"raw"``. ``attempts`` is how often one frame
    is fired before the run gives up on it. ``deliver`` is the width of the picture to be delivered; ``coc``
    counts its pixels then. ``max_frames`` and ``max_duration`` refuse longer plans.
    """

    aperture: FNumber | None = None
    shutter_s: ShutterTime | None = Field(default=None, alias="shutter")
    iso: Count | None = None
    white_balance: str | None = None
    image_format: str | None = None
    stack_file: StackedFile = StackedFile.JPEG
    settle_s: Time = Field(default=1.0, alias="settle")
    settle_per_mm_s: Time = Field(default=0.0, alias="settle_per_mm")
    flash: bool = False
    flash_interval_s: PositiveTime = Field(default=2.0, alias="flash_interval")
    flash_sync_s: ShutterTime = Field(default=1 / 160, alias="flash_sync")
    brackets: Brackets | None = None
    shots_per_position: int = Field(default=1, ge=1, le=MOST_SHOTS)
    warm_up_frames: int = Field(default=0, ge=0, le=100)
    attempts: int = Field(default=3, ge=1, le=20)
    overlap: Share | None = None
    coc: Coc = DEFAULT_COC
    deliver_px: Pixels | None = Field(default=None, alias="deliver")
    max_frames: Count = MAX_FRAMES
    max_duration_s: PositiveTime | None = Field(default=None, alias="max_duration")
    accept_clipping: bool = False
    return_to_start: bool = True

    @model_validator(mode="after")
    def _one_measure_of_blur(self) -> CaptureConfig:
        if self.deliver_px is not None and self.coc.unit == "mm":
            raise ValueError(
                f"deliver = {self.deliver_px} px and a coc that is a length both say how much blur is still "
                "sharp; keep one, or write coc in px, which then counts delivered pixels"
            )
        return self

    @property
    def f_number(self) -> float | None:
        """The true stop behind the marked aperture."""
        return None if self.aperture is None else float(true_stop(self.aperture))


class SessionConfig(Table):
    """``[session]``: where the frames go and what they are called."""

    folder: UserPath = Path("sessions")
    name: str = "stack"
    file_template: str = DEFAULT_TEMPLATE

    @field_validator("file_template")
    @classmethod
    def _template_usable(cls, value: str) -> str:
        try:
            return check_template(value)
        except UserError as err:
            raise ValueError(str(err)) from err


class RigConfig(Table):
    """A whole rig. ``simulator`` is handed on unread; only its ``time_scale`` concerns ``rig`` too.

    Without ``[rail]`` the camera stands still: cameras alone and stacks by lens focus need none.

    With a crank, settling takes 2 s and the carriage stays where the stack ends, unless ``[capture]`` says
    otherwise: a hand leaves more shake behind than a motor, and nobody is asked for thirty turns back.
    """

    rail: RailConfig = NO_RAIL
    camera: CameraConfig = CameraConfig()
    lens: LensConfig = LensConfig()
    capture: CaptureConfig = CaptureConfig()
    session: SessionConfig = SessionConfig()
    metadata: Credits = Credits()
    tables: Tables = Tables()
    simulator: AnyTable | None = None

    @model_validator(mode="before")
    @classmethod
    def _hands_shake(cls, table: Any) -> Any:
        rail = table.get("rail") if isinstance(table, Mapping) else None
        capture = table.get("capture", {}) if isinstance(table, Mapping) else None
        if isinstance(rail, Mapping) and rail.get("driver") == CRANK and isinstance(capture, Mapping):
            return {**table, "capture": {"settle": "2 s", "return_to_start": False, **capture}}
        return table

    @field_validator("simulator")
    @classmethod
    def _time_scale_positive(cls, value: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
        if value is not None and "time_scale" in value:
            scale = value["time_scale"]
            if isinstance(scale, bool) or not isinstance(scale, int | float) or not 0 < scale < float("inf"):
                raise ValueError(
                    f"time_scale {scale!r} is not a number above 0; write 4 for four times as fast"
                )
        return value

    @property
    def simulated(self) -> bool:
        """Whether the devices are simulated."""
        return self.simulator is not None

    @property
    def time_scale(self) -> float:
        """Bench seconds per real second: 1 on real hardware."""
        return float(self.simulator.get("time_scale", 1.0)) if self.simulator is not None else 1.0

    def lock_request(self) -> LockRequest:
        """What a stack asks of the body, with the exposure of ``[capture]``."""
        return LockRequest(
            shutter_s=self.capture.shutter_s,
            aperture=self.capture.aperture,
            iso=self.capture.iso,
            white_balance=self.capture.white_balance,
            image_format=self.capture.image_format,
            keep_on_card=self.camera.keep_on_card,
            card_only=self.camera.card_only,
            mirror_up=self.camera.mirror_up,
            flash=self.capture.flash,
            flash_sync_s=self.capture.flash_sync_s,
        )

    def check_real_hardware(self) -> None:
        """Check that what only real hardware needs is there; a simulated rig passes always.

        Raises
        ------
        UserError
            Naming the first key that is missing.
        """
        if not self.simulated:
            self.rail.settings()
        if self.camera.driver == "folder" and self.camera.watch is None:
            raise UserError(
                'camera.watch is missing: write watch = "/path/of/the/folder" where the other program saves'
            )
