"""What was measured on a rig, for the calculator: used where it holds, and said where it does not."""

from __future__ import annotations

from rig.calibrate.measured import measured_setup
from rig.calibrate.records import read_calibration
from rig.config import LoadedConfig, RigConfig
from rig.dof.request import DofRequest
from rig.errors import UserError
from rig.planning import PlanRequest, setup_of, with_request

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
