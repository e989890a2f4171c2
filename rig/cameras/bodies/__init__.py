"""What bodies call things: names, choices and quirks as data and pure functions, without input or output."""

from __future__ import annotations

from rig.cameras.bodies import canon, generic, nikon, sony
from rig.cameras.bodies.profile import BodyProfile

__all__ = ["BodyProfile", "recognise"]

_MAKES = (("sony", sony.profile), ("canon", canon.profile), ("nikon", nikon.profile))


def recognise(manufacturer: str, model: str) -> BodyProfile:
    """The profile of a body, by what it says of itself.

    Parameters
    ----------
    manufacturer, model : str
        As in the device information, e.g. ``"Canon.Inc"`` and ``"Canon EOS R5"``.

    Returns
    -------
    BodyProfile
        The generic one for a make that is not known.
    """
    said = f"{manufacturer} {model}".lower()
    for word, profile in _MAKES:
        if word in said:
            return profile(model)
    return generic.profile(model)
