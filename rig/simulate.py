"""Starting the simulated bench as a process of its own, and making sure that it ends with us.

The bench is known by its command only; nothing of it is imported. It is told what to play by one JSON object
on its standard input and answers with the port names of its devices; it ends when that input closes, which
happens however this process ends.
"""

from __future__ import annotations

import json
import select
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import replace
from types import TracebackType
from typing import Any

from rig.config import LoadedConfig, RigConfig
from rig.errors import HardwareError, UserError
from rig.plan import StackPlan
from rig.planning.lens_plan import LensPlan
from rig.planning.rail import PlanRequest, plan_for

__all__ = ["Bench", "bench_order", "one_frame"]

_READY_S = 60.0  # scenes are painted at the start: seconds on a slow machine
_END_S = 5.0

_TELECENTRIC_MM = 1e6
"""Seen from a kilometre away, the bench's perspective cannot be told from none."""


class Bench:
    """A running simulated bench.

    Parameters
    ----------
    order : dict
        What to play: the ``[simulator]`` table unread, and the rail, camera, lens and exposure of the
        configuration that is rehearsed.

    Attributes
    ----------
    rail_port, camera_port : str
        Port names, of the same kinds as those of real devices.

    Raises
    ------
    UserError
        When the bench refuses the order (the ``[simulator]`` table is its own to judge).
    HardwareError
        When it does not start.
    """

    def __init__(self, order: dict[str, Any]) -> None:
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115  (lives as long as the bench)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "hardware_sims"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            start_new_session=True,  # Ctrl-C is for the rig, which then ends the bench in its own time
        )
        with ExitStack() as unless_ready:
            unless_ready.callback(self.close)
            answer = self._ordered(order)
            if not answer.get("ready"):
                if trouble := answer.get("error"):
                    raise UserError(f"the simulated bench: {trouble}")
                raise HardwareError(f"the simulated bench did not start: {self._tail() or 'no answer'}")
            unless_ready.pop_all()
        self.rail_port: str = answer["rail_port"]
        self.camera_port: str = answer["camera_port"]
        self.about: dict[str, Any] = answer

    def _ordered(self, order: dict[str, Any]) -> dict[str, Any]:
        """Tell the process what to play; its answer, empty when it died or is silent."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(order).encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            return {}
        return self._read_line(_READY_S) or {}

    def _read_line(self, seconds: float) -> dict[str, Any] | None:
        out = self._process.stdout
        assert out is not None
        deadline = time.monotonic() + seconds
        line = b""
        while not line.endswith(b"\n"):
            ready, _, _ = select.select([out], [], [], max(0.0, deadline - time.monotonic()))
            chunk = out.read1(65536) if ready else b""  # type: ignore[attr-defined]
            if not chunk:
                return None
            line += chunk
        answer = json.loads(line)
        return answer if isinstance(answer, dict) else None

    def _tail(self) -> str:
        self._errors.seek(0)
        lines = self._errors.read().decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else ""

    def close(self) -> dict[str, Any]:
        """End the bench; returns its closing report (how late its renders were), empty when it died."""
        report: dict[str, Any] = {}
        if self._process.poll() is None:
            try:
                assert self._process.stdin is not None
                self._process.stdin.close()
                report = self._read_line(_END_S) or {}
                self._process.wait(_END_S)
            except (OSError, ValueError, subprocess.TimeoutExpired):
                self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout, self._errors):
            if stream is not None and not stream.closed:
                try:
                    stream.close()
                except BrokenPipeError:  # closing flushes towards a bench that is gone
                    continue
        return report

    def __enter__(self) -> Bench:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, err: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def one_frame(loaded: LoadedConfig) -> StackPlan:
    """A plan that lights a bench for whoever shoots no stack: of one frame, anywhere on the rail."""
    rail = loaded.config.rail.model_copy(update={"backlash_mm": 0.0})
    place = f"{rail.limits_mm[0]}mm"
    config = loaded.config.model_copy(update={"rail": rail})
    request = PlanRequest.from_text(start=place, end=place, frames=1)
    return plan_for(replace(loaded, config=config), request, calibrated=False)


def bench_order(config: RigConfig, plan: StackPlan | LensPlan, start_mm: float) -> dict[str, Any]:
    """What the simulated bench is told to play: the configured rig, lit for the planned exposure.

    What the configuration does not know, the bench decides.
    """
    rail, camera, simulator = config.rail, config.camera, dict(config.simulator or {})
    if isinstance(plan, LensPlan):
        simulator.setdefault("focus", {})  # the scene as far as the lens can be focused
        pupil_mm = config.lens.pupil_distance_mm
    else:
        pupil_mm = plan.pupil_distance_mm
    lens = {
        "magnification": plan.magnification,
        "f_number": plan.f_number,
        "effective_f_number": plan.effective_f_number,
        "pupil_distance_mm": None if pupil_mm is None else min(pupil_mm, _TELECENTRIC_MM),
    }
    order: dict[str, dict[str, Any]] = {
        "simulator": simulator,
        "rail": {
            "driver": rail.driver if rail.is_there else None,
            "steps_per_mm": rail.steps_per_mm,
            "pitch_mm": rail.pitch_mm,
            "turn_closer": rail.turn_closer,
            "max_speed_mm_s": rail.speed_mm_s,
            "acceleration_mm_s2": rail.acceleration_mm_s2,
            "towards_subject": rail.towards_subject or "+",
            "start_mm": start_mm,
        },
        "camera": {
            "model": camera.model,
            "sensor_width_mm": camera.sensor_width_mm,
            "shutter_lag_s": camera.shutter_lag_s,
            "readout_s": camera.readout_s,
        },
        "lens": lens,
        "exposure": {"shutter_s": plan.shutter_s, "iso": plan.iso},
    }
    return {
        table: {key: value for key, value in values.items() if value is not None}
        for table, values in order.items()
    }
