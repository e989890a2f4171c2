"""Which sensor is meant: a camera model, a format, or a size."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from rig.config.models import CameraConfig
from rig.dof.request import DofRequest
from rig.errors import UserError
from rig.formatting import format_length
from rig.optics.tables import Tables, find_sensor, suggestions

__all__ = ["Sensor", "sensor_of"]

_FORMATS = {
    "full-frame": (36.0, 24.0),
    "aps-c": (23.5, 15.6),
    "aps-c-canon": (22.3, 14.9),
    "mft": (17.3, 13.0),
}
"""Nominal sizes in mm; bodies differ by up to 1 %, and have pixels."""

_SAME_PITCH = 0.02
"""Relative: published pitches disagree by 1 %."""

_SIZE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(?:mm)?\s*[x×]\s*(\d+(?:\.\d+)?)\s*(?:mm)?\s*")


@dataclass(frozen=True)
class Sensor:
    """What is known of the sensor; ``pixel_pitch_mm`` is its own, whatever is delivered."""

    name: str | None = None
    width_mm: float | None = None
    pixels_across: int | None = None
    pixel_pitch_mm: float | None = None


def _parse_sensor(text: str, tables: Tables) -> Sensor:
    """Read ``--sensor``: a model of the tables, ``36x24mm``, or a format (``full-frame``, ``aps-c``,
    ``mft``).

    Raises
    ------
    UserError
        When it is none of them, with what was perhaps meant.
    """
    size = _SIZE.fullmatch(text)
    if size is not None:
        width, height = float(size[1]), float(size[2])
        if width == 0 or height == 0:
            raise UserError(f'--sensor: "{text}" has no size; write for instance 36x24mm')
        return Sensor(text.strip(), width)
    form = _FORMATS.get(text.strip().lower().replace(" ", "-"))
    if form is not None:
        return Sensor(text.strip().lower(), form[0])
    row = find_sensor(text, tables)
    if row is None:
        near = suggestions("sensor", text, tables)
        meant = f"did you mean {' or '.join(near)}? Else " if near else ""
        raise UserError(
            f'--sensor: "{text}" is in no table; {meant}write its size, such as 36x24mm, or '
            f"{', '.join(_FORMATS)}"
        )
    across = None if row.pixels is None else row.pixels[0]
    return Sensor(row.name, row.width_mm, across, row.pixel_pitch_mm)


def sensor_of(request: DofRequest, camera: CameraConfig, tables: Tables) -> Sensor:
    """Return the sensor that was asked for, or the camera's.

    Parameters
    ----------
    request : DofRequest
    camera : CameraConfig
        As configured, with what its model brings along.
    tables : Tables
        The user's own rows.

    Raises
    ------
    UserError
        When size, pixels and pitch contradict each other, or the sensor is not known.
    """
    if request.sensor is None:
        sensor = Sensor(
            camera.model,
            camera.sensor_width_mm,
            None if camera.pixels is None else camera.pixels[0],
            camera.pixel_pitch_mm,
        )
    else:
        sensor = _parse_sensor(request.sensor, tables)
    return _with_pitch(_with_pixels(sensor, request), request)


def _with_pixels(sensor: Sensor, request: DofRequest) -> Sensor:
    if request.pixels is None:
        return sensor
    across, known = request.pixels[0], sensor.pixels_across
    if request.sensor is not None and known is not None and abs(across / known - 1) > _SAME_PITCH:
        raise UserError(
            f"--pixels {across} contradicts --sensor: the {sensor.name} has {known} across; leave --pixels "
            "out, or give the size of the part that was read out, such as --sensor 24x16mm"
        )
    pitch = None if sensor.width_mm is None else sensor.width_mm / across
    return replace(sensor, pixels_across=across, pixel_pitch_mm=pitch)


def _with_pitch(sensor: Sensor, request: DofRequest) -> Sensor:
    pitch, known = request.pixel_pitch_mm, sensor.pixel_pitch_mm
    if pitch is None:
        return sensor
    across, width = sensor.pixels_across, sensor.width_mm
    if request.sensor is None and request.pixels is None:
        return replace(sensor, pixel_pitch_mm=pitch, pixels_across=None)  # outranks the configuration
    if known is not None and width is not None and abs(pitch / known - 1) > _SAME_PITCH:
        raise UserError(
            f"--pixel-pitch {format_length(pitch)} contradicts the sensor: {across} px on "
            f"{format_length(width)} are {format_length(known)} each; leave the pitch out, or correct "
            "--sensor or --pixels"
        )
    if width is None and across is not None:
        width = pitch * across
    return replace(sensor, pixel_pitch_mm=pitch, width_mm=width)
