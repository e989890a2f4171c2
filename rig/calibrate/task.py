"""What every calibration is told: the rig, the set-up, and where its frames come from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from rig.calibrate.capture import Capture, CaptureRequest, Focus
from rig.calibrate.frames import TakenFrame, session_frames
from rig.calibrate.measured import measured_setup
from rig.calibrate.records import (
    ApertureRecord,
    Calibration,
    FrameHash,
    ScaleRecord,
    SetUp,
    now,
    read_calibration,
)
from rig.calibrate.sweep import Region
from rig.config import LoadedConfig, RigConfig
from rig.config.equipment import equipped
from rig.config.rail import NO_RAIL_ADVICE
from rig.errors import DataError, LimitError, UserError
from rig.events import Subscriber
from rig.plan import StackPlan
from rig.planning.ends import here_of
from rig.planning.rail import PlanRequest, build_plan, optical_setup, setup_of
from rig.runs.operator import Operator
from rig.runs.stopping import Stopper
from rig.session import Session

__all__ = ["Shooting", "Task", "frames_of"]


@dataclass(frozen=True)
class Shooting:
    """Who and what is there when frames are taken on the rig.

    ``here_is_mm`` is where the carriage stands; None takes what is kept from the command before, else 0, and
    the middle of the rail on a simulated one.
    """

    operator: Operator
    stopper: Stopper
    subscribers: Sequence[Subscriber] = ()
    here_is_mm: float | None = None
    folder: Path | None = None


@dataclass(frozen=True)
class Task:
    """One calibration.

    Parameters
    ----------
    loaded : LoadedConfig
        The rig.
    request : PlanRequest
        Aperture, magnification, circle of confusion and exposure asked for; its positions do not count.
    images : tuple of TakenFrame
        Existing frames; none to take them on the rig.
    shooting : Shooting, optional
        Needed without images.
    region : Region
        Part of the frame to look at.
    linear : bool
        Existing frames hold linear light.
    """

    loaded: LoadedConfig
    request: PlanRequest
    images: tuple[TakenFrame, ...] = ()
    shooting: Shooting | None = None
    region: Region = field(default_factory=Region)
    linear: bool = False

    @property
    def config(self) -> RigConfig:
        """The rig's configuration."""
        return self.loaded.config

    @property
    def setup(self) -> SetUp:
        """What the measurement will hold for."""
        return setup_of(self.config, self.request)

    @property
    def here_mm(self) -> float:
        """Where the carriage stands, and the target is in focus."""
        here = self.shooting.here_is_mm if self.shooting else None
        if here is not None:
            return here
        if not self.config.simulated:
            return here_of(self.config, None).known_mm()
        low, high = self.config.rail.limits_mm
        return round((low + high) / 2, 3)

    def plan(
        self, start_mm: float, end_mm: float, *, step_mm: float | None = None, frames: int | None = None
    ) -> StackPlan:
        """Plan positions, in rising order, inside the limits.

        Raises
        ------
        UserError
            When they are outside; says how to tell where the carriage stands. When there is no rail.
        """
        if not self.config.rail.is_there:
            raise UserError(NO_RAIL_ADVICE)
        asked = replace(self.request, start_mm=start_mm, end_mm=end_mm, step_mm=step_mm, frames=frames)
        try:
            return build_plan(self.config, asked)
        except LimitError as err:
            err.add_note(
                f"The measurement runs from {start_mm:.4g} mm to {end_mm:.4g} mm, around where the target is "
                f"in focus. Say where the carriage stands with --here-is (now {self.here_mm:g} mm), or give "
                "--start and --end."
            )
            raise

    def still_plan(self) -> StackPlan:
        """Plan one frame where the carriage stands; it does not move, so it needs no room for a run-up."""
        rail = self.config.rail.model_copy(update={"backlash_mm": 0.0})
        low, high = rail.limits_mm
        here_mm = min(max(self.here_mm, low), high)
        asked = replace(self.request, start_mm=here_mm, end_mm=here_mm, step_mm=1.0)
        return build_plan(self.config.model_copy(update={"rail": rail}), asked)

    @property
    def _known(self) -> RigConfig:
        """The configuration with magnification and aperture as measured before on this set-up."""
        path = self.loaded.calibration_path
        file = None if path is None else read_calibration(path)
        if file is None:
            return self.config
        optics = tuple(r for r in file.records if isinstance(r, ScaleRecord | ApertureRecord))
        try:
            return measured_setup(self.config, Calibration(records=optics), self.setup, str(path)).config
        except UserError:  # of another set-up: this one is about to be measured
            return self.config

    def predicted_dof_mm(self) -> float:
        """Depth of field that the optics predict.

        Raises
        ------
        UserError
            When too little is known of them.
        """
        optics = optical_setup(self._known, self.request, needed=False)
        if optics is None:
            raise UserError(
                "how far to go cannot be worked out without the magnification, aperture and pixels: give "
                "--start, --end and --step, or fill in [lens] and [camera]"
            )
        return optics.dof_mm

    def effective_f_number(self) -> float | None:
        """Effective f-number, if anything is known of it."""
        optics = optical_setup(self._known, self.request, needed=False)
        return None if optics is None else optics.effective.f_number

    @property
    def sensor_width_mm(self) -> float | None:
        """Of the sensor as configured, or as its model's name tells."""
        return equipped(self.config).camera.sensor_width_mm

    def coc_px(self, pitch_mm: float | None) -> float:
        """Circle of confusion in pixels.

        Raises
        ------
        UserError
            When it is a length, and the size of a pixel is not known.
        """
        coc = self.request.coc or self.config.capture.coc
        if coc.unit == "px":
            return coc.value
        if pitch_mm is None:
            raise UserError(
                "a circle of confusion in mm needs the size of a pixel: set sensor_width in [camera]"
            )
        return coc.value / pitch_mm

    def pitch_mm(self, width_px: int) -> float:
        """Size of a pixel of frames that wide.

        Raises
        ------
        UserError
            When the sensor's width is not configured.
        """
        width = self.sensor_width_mm
        if width is None:
            raise UserError("the sensor's width is not known: set sensor_width in [camera], such as 36 mm")
        return width / width_px

    def common(self, frames: Sequence[FrameHash], *, simulated: bool) -> dict[str, Any]:
        """What every record has."""
        return {
            "measured_at": now(),
            "simulated": simulated or (self.config.simulated and not self.images),
            "setup": self.setup,
            "frames": tuple(frames),
        }

    @contextmanager
    def capture(
        self,
        job: str,
        plan: StackPlan,
        frames: int,
        *,
        target: str,
        both_sides: bool = False,
        motion: bool = True,
        focus: Focus = "working",
        drives_lens: bool = False,
    ) -> Iterator[Capture]:
        """Open a session and connect the rig for as long as frames are taken."""
        config, shooting = self.config, self.shooting
        assert shooting is not None
        config.check_real_hardware()  # before there is a folder
        request = CaptureRequest(
            job=job,
            plan=plan,
            frames=frames,
            here_is_mm=self.here_mm,
            here_is_kept=shooting.here_is_mm is None and here_of(config, None).kept,
            target=target,
            both_sides=both_sides,
            motion=motion,
            focus=focus,
            drives_lens=drives_lens,
            shutter_s=self.request.shutter_s,
        )
        with (
            Session.create(
                shooting.folder or config.session.folder,
                f"calibrate-{job}",
                template=config.session.file_template,
                simulated=config.simulated,
            ) as session,
            Capture(
                self.loaded, session, request, shooting.operator, shooting.stopper, shooting.subscribers
            ) as rig,
        ):
            yield rig


def frames_of(images: Sequence[Path], step_mm: float | None = None) -> tuple[TakenFrame, ...]:
    """Existing frames with what is known of them.

    Parameters
    ----------
    images : sequence of Path
        Files, or one folder: a session (its journal knows the positions) or any other with frames.
    step_mm : float, optional
        Distance between the frames, in the order of their names or as given; the first is at 0.

    Raises
    ------
    UserError
        When there is nothing there.
    """
    if len(images) == 1 and images[0].is_dir():
        frames = _of_folder(images[0])
    else:
        missing = next((path for path in images if not path.is_file()), None)
        if missing is not None:
            raise UserError(f"there is no image {missing}; give image files, or the folder of one session")
        frames = _with_journal(images)
    if step_mm is not None:
        frames = [replace(f, position_mm=k * step_mm) for k, f in enumerate(frames)]
    return tuple(frames)


def _of_folder(folder: Path) -> list[TakenFrame]:
    if (folder / "journal.jsonl").is_file():
        return session_frames(folder)
    from stacker import Pairs, StackerError, list_frames

    try:
        return _with_journal(list_frames([folder], pairs=Pairs.JPEG))
    except StackerError as err:
        raise UserError(str(err)) from err


def _with_journal(paths: Sequence[Path]) -> list[TakenFrame]:
    """Frames of a session, given one by one, bring their positions along."""
    folder = paths[0].resolve().parent.parent
    known: dict[Path, TakenFrame] = {}
    if (folder / "journal.jsonl").is_file():
        try:
            known = {frame.path.resolve(): frame for frame in session_frames(folder)}
        except (UserError, DataError):
            known = {}
    return [replace(known.get(p.resolve(), TakenFrame(p, None)), path=p) for p in paths]
