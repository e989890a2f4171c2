"""What a pixel means: the sensor's own, or, for a smaller picture, a pixel of what is delivered."""

from __future__ import annotations

from rig.config import RigConfig
from rig.errors import UserError
from rig.formatting import format_length
from rig.optics.magnification import pixel_pitch
from rig.plan import Picture
from rig.planning.limits import estimated_frame_bytes
from rig.planning.request import PlanRequest, refuse_two_blurs
from rig.units import DEFAULT_COC, CircleOfConfusion

__all__ = ["circle_of_confusion", "picture_of", "pixel_mm"]


def picture_of(config: RigConfig, request: PlanRequest) -> Picture:
    """Return the pixels of sensor and delivered picture, and the size of a frame's files.

    A picture to be delivered that is wider than the sensor's pixels is planned with those, and a warning: it
    cannot show more than was recorded.

    Raises
    ------
    UserError
        When a delivered width is asked for and the sensor's width is not known.
    """
    camera = config.camera
    size, source = camera.frame_bytes, "as configured"
    if size is None and camera.pixels is not None:
        size = estimated_frame_bytes(camera.pixels, config.capture.image_format)
        source = "estimated from pixels and format"
    files = (size, None if size is None else source)
    width_px = request.deliver_px or config.capture.deliver_px
    if width_px is None:
        return Picture(camera.pixel_pitch_mm, None, None, *files)
    if camera.sensor_width_mm is None:
        raise UserError(
            f"a delivered width of {width_px} px says what a pixel is only with the sensor's width: set "
            "sensor_width in [camera]"
        )
    warnings = []
    if camera.pixels is not None and width_px > camera.pixels[0]:
        warnings.append(
            f"{width_px} px are to be delivered and the sensor has {camera.pixels[0]}: a picture cannot show "
            f"more than was recorded, planned with {camera.pixels[0]} px"
        )
        width_px = camera.pixels[0]
    if request.deliver_px is not None and config.capture.coc.unit == "mm" and request.coc is None:
        warnings.append(
            f"coc = {format_length(config.capture.coc.value)} of the configuration gives way to --deliver: "
            f"{DEFAULT_COC.value:g} px of the delivered picture"
        )
    delivered = float(pixel_pitch(camera.sensor_width_mm, width_px))
    return Picture(camera.pixel_pitch_mm, width_px, delivered, *files, tuple(warnings))


def pixel_mm(config: RigConfig, request: PlanRequest) -> float | None:
    """Return what a pixel measures on the sensor, mm: one of the delivered picture, or the sensor's own.

    None when neither is known; errors are those of `picture_of`.
    """
    picture = picture_of(config, request)
    return picture.delivered_pixel_mm or picture.pixel_pitch_mm


def circle_of_confusion(config: RigConfig, request: PlanRequest) -> CircleOfConfusion:
    """Return the blur still called sharp; in pixels, those of the delivered picture if there is one.

    A length on the command line outranks a delivered width in the configuration, and the other way round.

    Raises
    ------
    UserError
        When the command line says both.
    """
    refuse_two_blurs(request.coc, request.deliver_px)
    if request.coc is not None:
        return request.coc
    configured = config.capture.coc
    return DEFAULT_COC if request.deliver_px is not None and configured.unit == "mm" else configured
