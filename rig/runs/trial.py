"""The test frame before a run: what a whole stack would regret is refused while it costs one frame."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from rig.axes.hand import HandSignal
from rig.cameras.base import CameraHealth, CapturedFile
from rig.cameras.sequence import is_raw_name
from rig.config import RigConfig
from rig.config.equipment import equipped
from rig.errors import DataError, UserError
from rig.events import EventBus, Note, PreflightPassed
from rig.frames.stacked_file import file_to_stack
from rig.inspect import FrameLevels, frame_levels
from rig.preflight import check_frame_size, check_levels, check_room
from rig.runner import Runner
from rig.runs.supplies import SupplyWatch
from rig.session import Session

__all__ = ["Trial"]


class Trial:
    """Takes and judges the test frame of a run.

    Parameters
    ----------
    session : Session
        Keeps it.
    config : RigConfig
        Says what the frame should be like.
    bus : EventBus
        Is told of what is odd, and when all is well.
    stops : tuple of float
        Where each shot of the plan is taken; the test frame is taken at the next of them.
    predict : callable
        How long the frames that are left take, given how long fetching the test frame took, bench seconds.
    accept_clipping : bool
        Whether burnt highlights are no reason to refuse it.
    """

    def __init__(
        self,
        session: Session,
        config: RigConfig,
        bus: EventBus,
        stops: tuple[float, ...],
        predict: Callable[[float], float],
        *,
        accept_clipping: bool,
    ) -> None:
        self._session, self._config, self._bus, self._stops = session, config, bus, stops
        self._predict, self._accept_clipping = predict, accept_clipping

    def take(self, runner: Runner, settings: dict[str, str | None], health: CameraHealth) -> None:
        """Take the test frame, whatever the person at a crank has to say on the way to it.

        Parameters
        ----------
        runner : Runner
            Of the run; it has not begun.
        settings : dict
            What is locked, for the event that tells that all is well.
        health : CameraHealth
            What is left of battery and card.

        Raises
        ------
        UserError
            When the frame is wrongly exposed, cannot be read, or is not as large as planned.
        DataError
            When there is no room for the frames to come.
        """
        if not self._config.camera.collected:
            self._bus.publish(
                Note(
                    f"frames stay on the card, no test frame: rig match {self._session.folder} brings them in"
                )
            )
            return
        while runner.state.next_index() is not None:
            try:
                self._take(runner, settings, health)
            except HandSignal as asked:
                runner.heed(asked)
            else:
                return

    def _take(self, runner: Runner, settings: dict[str, str | None], health: CameraHealth) -> None:
        session = self._session
        index = runner.state.next_index()
        assert index is not None
        watch = SupplyWatch(self._bus, keeps_on_card=self._config.camera.keep_on_card)
        watch.check(health, runner.state.frames - len(runner.state.saved))
        self._warm_up(runner, self._stops[index])
        files = runner.expose(self._stops[index], session.incoming)
        levels = self._levels(files)
        try:
            check_levels(levels, accept_clipping=self._accept_clipping)
        finally:
            entries = [self._keep(file) for file in files]
            session.journal.append(
                "test_frame", files=entries, clipped_fraction=levels.clipped_fraction, mean_level=levels.mean
            )
        self._check_pixels((levels.width_px, levels.height_px), begun=bool(runner.state.saved))
        size = sum(f.size_bytes for f in files)
        left = runner.state.frames - len(runner.state.saved)
        check_room(session.folder, left, size, levels.width_px * levels.height_px)
        predicted_s = self._predict(runner.fetched_s)
        self._bus.publish(PreflightPassed(settings, levels.clipped_fraction, levels.mean, predicted_s))

    def _levels(self, files: Sequence[CapturedFile]) -> FrameLevels:
        """Of the file that will be stacked, or what to do where it cannot be read."""
        names = [file.camera_name for file in files]
        at = file_to_stack(names, self._config.capture.stack_file)
        if at is None:
            raise UserError(
                f'the camera sends {names[0]}, which is not read: write image_format = "JPEG" or "RAW"'
            )
        try:
            return frame_levels(files[at].path)
        except DataError as err:
            if not is_raw_name(names[at]):
                raise
            raise UserError(
                f'the camera\'s RAW file cannot be stacked: {err}. Write image_format = "RAW+JPEG" '
                "in [capture]: the JPEG is stacked, the RAW is kept"
            ) from err

    def _warm_up(self, runner: Runner, position: float) -> None:
        """Fire frames that nobody keeps, until lamps and flashes are steady."""
        frames = self._config.capture.warm_up_frames
        for _ in range(frames):
            for file in runner.expose(position, self._session.incoming):
                file.path.unlink()
        if frames:
            self._session.journal.append("warmed_up", frames=frames)

    def _check_pixels(self, frame_px: tuple[int, int], *, begun: bool) -> None:
        """The plan counts in pixels: those of the frames must be those configured."""
        camera = equipped(self._config).camera
        if camera.pixels is None:
            return
        if self._config.simulated:  # the bench has a sensor of its own, smaller than any camera's
            if frame_px != camera.pixels:
                text = "{} × {} px".format
                self._bus.publish(
                    Note(f"the bench's frames have {text(*frame_px)}, the camera's {text(*camera.pixels)}")
                )
            return
        try:
            told = check_frame_size(frame_px, camera.pixels, camera.sensor_width_mm)
        except UserError as err:
            if not begun:
                raise
            told = str(err)  # a stack that is half there is gone on with
        if told:
            self._bus.publish(Note(told, "warning"))

    def _keep(self, file: CapturedFile) -> dict[str, Any]:
        session = self._session
        mark = "SIMULATED_" if self._config.simulated else ""
        suffix = Path(file.camera_name).suffix.lower()
        names = (f"{mark}test_frame_{number}{suffix}" for number in itertools.count(1))
        name = next(n for n in names if not (session.folder / n).exists())
        final = session.publish(file.path, name, folder=session.folder)
        return session.file_entry(final, file.size_bytes, file.sha256)
