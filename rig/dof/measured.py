"""What was measured on a rig, for the calculator: used where it holds, and said where it does not."""

from __future__ import annotations

from rig.calibrate.measured import measured_setup
from rig.calibrate.records import read_calibration
from rig.config import LoadedConfig, RigConfig
from rig.dof.request import DofRequest
from rig.errors import UserError
from rig.planning.rail import PlanRequest, setup_of, with_request

__all__ = ["measured_config"]


def measured_config(loaded: LoadedConfig, request: DofRequest) -> tuple[RigConfig, tuple[str, ...]]:
    """Return the configuration with its calibration's values, and one line for each of them.

    A plan refuses a calibration of another lens, magnification or aperture, since it is about to be shot.
    Here other set-ups are what is asked for: such a calibration is left out, and the line says why.

    Raises
    ------
    DataError
        When the calibration file cannot be read.
    """
    path, config = loaded.calibration_path, loaded.config
    calibration = None if path is None else read_calibration(path)
    if calibration is None:
        return config, ()
    if request.lens is not None and request.lens != config.lens.name:
        return config, (f"{path}: measured with another lens than {request.lens}, not used",)
    other = _another_set_up(request)
    if other is not None:
        return config, (f"{path}: measured on the set-up as configured; {other} is another one, not used",)
    asked = PlanRequest(
        0.0,
        0.0,
        magnification=request.magnification,
        frame_width_mm=request.frame_width_mm,
        marked_f_number=request.marked_f_number,
    )
    config = with_request(config, asked)
    try:
        measured = measured_setup(config, calibration, setup_of(config, asked), str(path))
    except UserError as err:
        return config, (f"not used: {str(err).partition('. ')[0]}",)
    return measured.config, measured.notes


def _another_set_up(request: DofRequest) -> str | None:
    """The option that leaves the configured set-up, where it does so in what a `SetUp` does not name."""
    leaving = {
        "--objective-magnification": request.objective_magnification,
        "--tube-lens": request.tube_length_mm,
        "--na": request.numerical_aperture,
        "--focus-distance": request.focus_distance_mm,
        "--sensor": request.sensor,
    }
    return next((option for option, value in leaving.items() if value is not None), None)
