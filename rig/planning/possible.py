"""Which numbers a set-up of lens and camera can have: what lies outside is a slip of a unit or a finger."""

from __future__ import annotations

from rig.errors import UserError
from rig.formatting import format_length
from rig.units import CircleOfConfusion

__all__ = ["check_coc", "check_magnification", "check_size", "check_sizes"]

_POSSIBLE = {
    "magnification": (1e-6, 1e4, "image over object, such as 1 or 1:10"),
    "objective_magnification": (0.1, 1e3, "what is engraved, such as 10x"),
    "marked_f_number": (0.3, 1e3, "the f-number as marked, such as f/5.6"),
    "effective_f_number": (0.3, 1e4, "an f-number such as 11.1"),
    "numerical_aperture": (1e-5, 2.0, "what is engraved on the objective, such as 0.28"),
    "pupil_ratio": (0.01, 100.0, "exit over entrance pupil, such as 1 or 0.8"),
    "focal_length_mm": (0.1, 1e5, "a focal length such as 50mm"),
    "focus_distance_mm": (0.1, 1e9, "a distance from the lens such as 1.5m"),
    "tube_length_mm": (1.0, 1e4, "a focal length such as 200mm"),
    "reference_tube_length_mm": (1.0, 1e4, "200mm for Mitutoyo and Nikon, 180mm for Olympus"),
    "frame_width_mm": (1e-3, 1e7, "a width such as 36mm"),
    "shutter_s": (1e-6, 1e5, "a time such as 1/8s"),
}
"""Fields of requests with the range that holds everything that was ever built, and what to write."""

_OPTION = {
    "marked_f_number": "aperture",
    "effective_f_number": "effective-aperture",
    "numerical_aperture": "na",
    "tube_length_mm": "tube-lens",
    "reference_tube_length_mm": "reference-tube-lens",
}
"""Options that are not called like the field."""

_COC_MM = (1e-6, 10.0)
_COC_PX = (0.01, 1e4)


def check_sizes(request: object) -> None:
    """Check that every number of a request is one that a lens can have.

    Parameters
    ----------
    request : object
        With any of the fields of `rig.planning.request.PlanRequest` and `rig.dof.request.DofRequest`.

    Raises
    ------
    UserError
        With option, value, and what would be right.
    """
    for name in _POSSIBLE:
        value = getattr(request, name, None)
        if value is not None:
            option = _OPTION.get(name, name.removesuffix("_mm").removesuffix("_s")).replace("_", "-")
            check_size(name, value, f"--{option}: ")
    coc = getattr(request, "coc", None)
    if coc is not None:
        check_coc(coc, "--coc: ")


def check_size(name: str, value: float, where: str = "") -> None:
    """Check that a number is one that a lens can have.

    Parameters
    ----------
    name : str
        The field of a request that it is, or would be.
    value : float
        mm, s or a plain number.
    where : str
        What the message begins with.

    Raises
    ------
    UserError
        With the value, and what would be right.
    """
    low, high, right = _POSSIBLE[name]
    if not low <= value <= high:
        raise UserError(f"{where}{_said(name, value)} is not possible; write {right}")


def _said(name: str, value: float) -> str:
    if name.endswith("_mm"):
        return format_length(value)
    return f"{value:g} s" if name.endswith("_s") else f"{value:g}"


def check_coc(coc: CircleOfConfusion, where: str = "") -> None:
    """Check that a circle of confusion is one; as `check_size`."""
    low, high = _COC_MM if coc.unit == "mm" else _COC_PX
    if not low <= coc.value <= high:
        size = format_length(coc.value) if coc.unit == "mm" else f"{coc.value:g} px"
        raise UserError(f"{where}{size} is not possible; write 2px or 30um")


def check_magnification(m: float) -> None:
    """Check that a magnification that was worked out, or is configured, is one that a lens can have.

    Raises
    ------
    UserError
        When no lens has it.
    """
    low, high, _ = _POSSIBLE["magnification"]
    if not low <= m <= high:
        raise UserError(
            f"a magnification of {m:.3g} follows from what was given, which no lens has: check lengths and "
            "their units"
        )
