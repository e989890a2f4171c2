"""Near and far limits of the depth of field, and the distances that they are counted in.

Symbols: f focal length *at this focus* · m magnification · P pupil magnification · v signed distance from
the entrance pupil to the plane of focus, infinite when telecentric, negative when hypercentric · A diameter
of the entrance pupil · c circle of confusion, a *diameter* on the sensor · g geometric depth of field, total.
Lengths in mm.
"""

from __future__ import annotations

import numpy as np

from rig.optics.numeric import FloatOrArray, checked_positive, per_distance, tidy

__all__ = [
    "depth_before",
    "depth_behind",
    "entrance_pupil_distance",
    "far_depth",
    "hyperfocal_distance",
    "near_depth",
]


def entrance_pupil_distance(f: FloatOrArray, m: FloatOrArray, P: FloatOrArray = 1.0) -> FloatOrArray:  # noqa: N803
    """Return the signed distance from the entrance pupil to the plane of focus: v = f(1/m + 1/P).

    Parameters
    ----------
    f : float or array
        Focal length at this focus, mm, above 0.
    m : float or array
        Magnification of this focus, above 0.
    P : float or array
        Pupil magnification of this focus, exit over entrance pupil: 0 for a lens that is telecentric on the
        subject's side (its entrance pupil is infinitely large and far), negative for one whose entrance
        pupil is inverted, and hypercentric when it lies beyond the plane of focus.

    Returns
    -------
    float or array
        v, mm; infinite when telecentric, negative when hypercentric.

    References
    ----------
    Newton's equation for object (f/m) and entrance pupil (f/P), both counted from the front focal point.

    Examples
    --------
    >>> entrance_pupil_distance(150.0, 1.0)
    300.0
    >>> entrance_pupil_distance(65.3, 1.0, 0.278).__round__()  # Sigma 105/2.8 DG DN Macro Art
    300
    >>> entrance_pupil_distance(100.0, 1.0, 0.0)
    inf
    """
    checked_positive(f=f, m=m)
    ratio = np.asarray(P, dtype=np.float64)
    per_ratio = np.divide(1.0, ratio, out=np.full(ratio.shape, np.inf), where=ratio != 0)
    return tidy(np.asarray(f) * (1 / np.asarray(m) + per_ratio))


def _reach(b: FloatOrArray, narrowing: FloatOrArray) -> FloatOrArray:
    """Depth at which b is reached when the cone narrows so much per depth; infinite where it does not."""
    b, narrowing = np.broadcast_arrays(np.asarray(b, np.float64), np.asarray(narrowing, np.float64))
    return tidy(np.divide(b, narrowing, out=np.full(b.shape, np.inf), where=narrowing > 0))


def near_depth(v: FloatOrArray, pupil: FloatOrArray, c: FloatOrArray, m: FloatOrArray) -> FloatOrArray:
    """Return how far the geometric depth of field reaches before the plane of focus: v·b/(A + b), b = c/m.

    Parameters
    ----------
    v : float or array
        Entrance pupil to plane of focus, mm (`entrance_pupil_distance`); for a thin lens the focus
        distance. Negative when hypercentric. For a telecentric lens, whose pupil is infinite too, take
        `depth_before`.
    pupil : float or array
        Diameter A of the entrance pupil, mm, above 0: f/N.
    c : float or array
        Circle of confusion, a diameter, mm, above 0.
    m : float or array
        Magnification, above 0.

    Returns
    -------
    float or array
        Depth before the plane of focus, mm. Exact for any lens, in geometric optics.

    References
    ----------
    Similar triangles at the entrance pupil; e.g. Kingslake, Optics in Photography, ch. 5.

    Examples
    --------
    >>> round(1000 - near_depth(1000.0, 50 / 16, 0.03, 50 / 950))
    846
    """
    checked_positive(pupil=pupil, c=c, m=m)
    per_v = per_distance(v=v)
    b = np.asarray(c) / np.asarray(m)
    return _reach(b, np.asarray(pupil) * np.abs(per_v) + b * per_v)


def far_depth(v: FloatOrArray, pupil: FloatOrArray, c: FloatOrArray, m: FloatOrArray) -> FloatOrArray:
    """Return how far the geometric depth of field reaches behind the plane of focus: v·b/(A − b), b = c/m.

    Parameters are those of `near_depth`. Infinite from the hyperfocal distance on, where A ≤ b.

    Examples
    --------
    >>> round(1000 + far_depth(1000.0, 50 / 16, 0.03, 50 / 950))
    1223
    """
    checked_positive(pupil=pupil, c=c, m=m)
    per_v = per_distance(v=v)
    b = np.asarray(c) / np.asarray(m)
    return _reach(b, np.asarray(pupil) * np.abs(per_v) - b * per_v)


def depth_before(geometric: FloatOrArray, v: FloatOrArray) -> FloatOrArray:
    """Return the part of the geometric depth of field before the plane of focus: 1/(2/g + 1/v).

    The same as `near_depth`, since A/(v·b) = m²/(Ne·c) = 2/g; in this form it needs neither pupil nor focal
    length and holds for every lens: both parts are g/2 when telecentric (v infinite), and the part before is
    the longer one when hypercentric (v negative).

    Parameters
    ----------
    geometric : float or array
        g = 2 n Ne c/m² (`geometric_dof`), mm, above 0.
    v : float or array
        Signed distance from the entrance pupil to the plane of focus, mm, not 0.

    Returns
    -------
    float or array
        mm; infinite for a hypercentric lens with −v ≤ g/2.

    Examples
    --------
    >>> round(depth_before(0.32, 300.0), 6), depth_before(0.32, float("inf"))
    (0.159915, 0.16)
    """
    checked_positive(geometric=geometric)
    per_v = per_distance(v=v)
    return _reach(1.0, 2 / np.asarray(geometric) + per_v)


def depth_behind(geometric: FloatOrArray, v: FloatOrArray) -> FloatOrArray:
    """Return the part of the geometric depth of field behind the plane of focus: 1/(2/g − 1/v).

    Parameters are those of `depth_before`. Infinite from the hyperfocal distance on, where v ≤ g/2.

    Examples
    --------
    >>> round(depth_behind(0.32, 300.0), 6), depth_behind(600.0, 300.0)
    (0.160085, inf)
    """
    checked_positive(geometric=geometric)
    per_v = per_distance(v=v)
    return _reach(1.0, 2 / np.asarray(geometric) - per_v)


def hyperfocal_distance(f: FloatOrArray, N: FloatOrArray, c: FloatOrArray) -> FloatOrArray:  # noqa: N803
    """Return the hyperfocal distance of a thin lens: H = f²/(N c) + f, mm.

    Parameters
    ----------
    f : float or array
        Focal length, mm, above 0.
    N : float or array
        f-number, above 0; the marked one does, since the focus is far.
    c : float or array
        Circle of confusion, a diameter, mm, above 0.

    Returns
    -------
    float or array
        Focus distance from the lens, mm, from which on the far limit is infinite.

    References
    ----------
    `far_depth` with A = b at H; e.g. Kingslake, Optics in Photography, ch. 5.

    Examples
    --------
    >>> round(hyperfocal_distance(50.0, 16.0, 0.03))
    5258
    """
    checked_positive(f=f, N=N, c=c)
    return tidy(np.asarray(f) ** 2 / (np.asarray(N) * np.asarray(c)) + np.asarray(f))
