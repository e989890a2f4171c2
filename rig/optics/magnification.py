"""How large the subject is drawn: magnification, frame width, distances, objectives on other tube lenses."""

from __future__ import annotations

import numpy as np

from rig.optics.numeric import FloatOrArray, checked_positive, tidy

__all__ = [
    "focal_length_from_distance",
    "frame_width",
    "magnification_from_focus",
    "magnification_from_frame",
    "objective_magnification",
    "pixel_pitch",
    "subject_to_sensor_distance",
]


def magnification_from_frame(sensor_width: FloatOrArray, frame_width: FloatOrArray) -> FloatOrArray:
    """Return the magnification from the width of what the frame shows: m = sensor width / frame width.

    Parameters
    ----------
    sensor_width : float or array
        Width of the sensor, mm, above 0.
    frame_width : float or array
        Width of the plane of focus that fills the frame, mm, above 0.

    Returns
    -------
    float or array
        m, image over object.

    Notes
    -----
    Always valid, and the only safe route for a lens with internal focusing: its focal length at close focus
    is not the engraved one, so the focus distance tells nothing.

    References
    ----------
    Zerene Stacker documentation, table 1 (frame widths).

    Examples
    --------
    >>> round(magnification_from_frame(36.0, 70.0), 4)
    0.5143
    """
    checked_positive(sensor_width=sensor_width, frame_width=frame_width)
    return tidy(np.divide(sensor_width, frame_width))


def frame_width(sensor_width: FloatOrArray, m: FloatOrArray) -> FloatOrArray:
    """Return the width of the plane of focus that fills the frame, mm: sensor width / m.

    Parameters
    ----------
    sensor_width : float or array
        mm, above 0.
    m : float or array
        Magnification, above 0.

    References
    ----------
    Zerene Stacker documentation, table 1 (frame widths).

    Examples
    --------
    >>> frame_width(36.0, 2.0)
    18.0
    """
    checked_positive(sensor_width=sensor_width, m=m)
    return tidy(np.divide(sensor_width, m))


def magnification_from_focus(f: FloatOrArray, s: FloatOrArray) -> FloatOrArray:
    """Return the magnification of a lens of known focal length focused at s: m = f/(s − f).

    Parameters
    ----------
    f : float or array
        Focal length *at this focus*, mm, above 0.
    s : float or array
        Distance from the front principal plane (for a thin lens: the lens) to the plane of focus, mm,
        above f.

    Notes
    -----
    For calculators of photographic distances. Close up use `magnification_from_frame`.

    References
    ----------
    Newton's equation, x = f/m with x = s − f; e.g. Kingslake, Optics in Photography, ch. 5.

    Examples
    --------
    >>> magnification_from_focus(50.0, 100.0)
    1.0
    """
    checked_positive(f=f, s_minus_f=np.asarray(s) - np.asarray(f))
    return tidy(np.asarray(f) / (np.asarray(s) - np.asarray(f)))


def subject_to_sensor_distance(f: FloatOrArray, m: FloatOrArray, hiatus: FloatOrArray = 0.0) -> FloatOrArray:
    """Return the distance from the plane of focus to the sensor: D = f(2 + m + 1/m) + HH'.

    Parameters
    ----------
    f : float or array
        Focal length at this focus, mm, above 0.
    m : float or array
        Magnification, above 0.
    hiatus : float or array
        Distance HH' between the principal planes, mm; may be negative, 0 for a thin lens.

    References
    ----------
    Gaussian imaging, image and object distance f(1 + m) and f(1 + 1/m); e.g. Hecht, Optics, ch. 6.

    Examples
    --------
    >>> subject_to_sensor_distance(100.0, 1.0)
    400.0
    """
    checked_positive(f=f, m=m)
    m = np.asarray(m)
    return tidy(np.asarray(f) * (2 + m + 1 / m) + hiatus)


def focal_length_from_distance(
    distance: FloatOrArray, m: FloatOrArray, hiatus: FloatOrArray = 0.0
) -> FloatOrArray:
    """Return the focal length that draws at m from a subject-to-sensor distance: the inverse of the above.

    Parameters
    ----------
    distance : float or array
        Plane of focus to sensor, mm, above 0 (a maker's "minimum focus distance").
    m : float or array
        Magnification there, above 0.
    hiatus : float or array
        Distance HH' between the principal planes, mm. Unknown for most lenses; taking 0 is off by up to
        half at 1:1.

    References
    ----------
    `subject_to_sensor_distance` solved for f.

    Examples
    --------
    >>> round(focal_length_from_distance(1400.0, 0.12), 1)
    133.9
    """
    checked_positive(distance=distance, m=m)
    m = np.asarray(m)
    return tidy((np.asarray(distance) - hiatus) / (2 + m + 1 / m))


def objective_magnification(
    nominal: FloatOrArray, tube: FloatOrArray, reference: FloatOrArray
) -> FloatOrArray:
    """Return the magnification of an infinity objective on a tube lens: m = m_nominal · f_tube / f_reference.

    Parameters
    ----------
    nominal : float or array
        Magnification engraved on the objective, above 0.
    tube : float or array
        Focal length of the tube lens in use (often a telephoto lens), mm, above 0.
    reference : float or array
        Focal length the engraving refers to, mm: 200 Mitutoyo and Nikon, 180 Olympus, 165 Zeiss.

    Notes
    -----
    The numerical aperture, and so the wave part of the depth of field, does not change.

    References
    ----------
    m = f_tube/f_objective; Nikon MicroscopyU, "Infinity optical systems".

    Examples
    --------
    >>> objective_magnification(10.0, 150.0, 200.0)
    7.5
    """
    checked_positive(nominal=nominal, tube=tube, reference=reference)
    return tidy(np.asarray(nominal) * np.asarray(tube) / np.asarray(reference))


def pixel_pitch(sensor_width: FloatOrArray, pixels: FloatOrArray) -> FloatOrArray:
    """Return the pitch of the pixels, mm: sensor width / pixel count (published pitches disagree by 1 %).

    Parameters
    ----------
    sensor_width : float or array
        Width of the area that the pixels are counted on, mm, above 0.
    pixels : float or array
        Pixels across, above 0; those of the delivered picture for its pitch.

    References
    ----------
    Makers' specifications give both.

    Examples
    --------
    >>> round(pixel_pitch(35.7, 9504) * 1000, 2)
    3.76
    """
    checked_positive(sensor_width=sensor_width, pixels=pixels)
    return tidy(np.divide(sensor_width, pixels))
