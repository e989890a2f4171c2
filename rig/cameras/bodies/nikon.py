"""Nikon bodies."""

from __future__ import annotations

from rig.cameras.bodies.focus_drive import DriveEntry
from rig.cameras.bodies.profile import AbsentMeans, BodyProfile, FixedSetting, Untold

__all__ = ["profile"]

_READ_CACHE_S = 2.1
"""libgphoto2 keeps a value for 2 s."""

_DRIVE = DriveEntry(
    name="manualfocusdrive",
    most_steps=32767,
    focus_mode=FixedSetting(
        "focus mode",
        ("focusmode", "focusmode2"),
        ("AF-S", "AF-A", "AF-F", "AF-C"),
        otherwise=AbsentMeans.ASK,
        absent=AbsentMeans.ASK,
        advice="put the focus switches of body and lens to AF: on M the motor is out of reach",
    ),
    live_view=("viewfinder", "1", "0"),
    refuses_small_steps=True,
)

_TO_CARD = FixedSetting("capture target", ("capturetarget",), ("Memory card",))

_NIKON = BodyProfile(
    make="Nikon",
    exposure_mode=FixedSetting(
        "exposure mode",
        ("expprogram", "expprogram2"),
        ("M",),
        absent=AbsentMeans.ASK,
        advice="turn the mode dial to M",
    ),
    focus_mode=FixedSetting(
        "focus mode",
        ("focusmode", "focusmode2"),
        ("Manual", "MF", "MF (fixed)", "MF (selection)"),
        otherwise=AbsentMeans.ASK,
        absent=AbsentMeans.ASK,
        advice="put the focus switch of body or lens to M",
    ),
    fixed=(
        FixedSetting("automatic ISO", ("isoauto", "autoiso"), ("Off", "0"), advice="switch auto ISO off"),
        # libgphoto2's own switch: without it a trigger focuses first.
        FixedSetting("autofocus at release", ("autofocus",), ("Off",), otherwise=AbsentMeans.ASK),
        FixedSetting("drive mode", ("capturemode",), ("Single Shot",), advice="set single-frame release"),
        FixedSetting("bracketing", ("bracketing",), ("Off", "off", "0"), advice="switch bracketing off"),
        FixedSetting("active D-lighting", ("dlighting",), ("Off",), otherwise=AbsentMeans.ASK),
        FixedSetting(
            "long-exposure noise reduction", ("longexpnr",), ("Off", "0"), otherwise=AbsentMeans.ASK
        ),
    ),
    mirror_up=FixedSetting(
        "exposure delay",
        ("exposuredelaymode",),
        ("On", "1 second", "1", "2 seconds", "3 seconds"),
        otherwise=AbsentMeans.ASK,
        absent=AbsentMeans.ASK,
        advice="switch exposure delay mode on, and add the delay to shutter_lag",
    ),
    untold=(
        Untold(
            "vibration reduction",
            "switch it off on the lens, or in the menu: on a stand it moves the picture",
        ),
    ),
    target_computer=FixedSetting("capture target", ("capturetarget",), ("Internal RAM",)),
    target_card=_TO_CARD,
    target_card_only=_TO_CARD,
    aperture=("f-number", "aperture"),
    read_cache_s=_READ_CACHE_S,
    kelvin_white_balance=("Color Temperature",),
    focus_drive=_DRIVE,
)


def profile(_model: str) -> BodyProfile:
    """The profile of a Nikon body."""
    return _NIKON
