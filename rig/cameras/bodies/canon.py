"""Canon EOS bodies."""

from __future__ import annotations

from rig.cameras.bodies.focus_drive import DriveEntry
from rig.cameras.bodies.profile import AbsentMeans, BodyProfile, FixedSetting, Release, ReleaseKind, Untold

__all__ = ["profile"]

_RELEASE = Release(
    ReleaseKind.WIDGET,
    "eosremoterelease",
    (
        # 2.5.34 renamed the choices: "Press Full MF" shoots without autofocus there, "Immediate" before.
        ("Press Full MF", "Immediate", "Press Full"),
        # There, "Release Full" leaves the button half pressed and "Release" lets go of it.
        ("Release", "Release Full"),
    ),
)

_DRIVE = DriveEntry(
    name="manualfocusdrive",
    nearer=("Near 1", "Near 2", "Near 3"),
    farther=("Far 1", "Far 2", "Far 3"),
    # The motor is out of reach in MF. Nothing focuses all the same: releases are without autofocus.
    focus_mode=FixedSetting(
        "focus mode",
        ("focusmode",),
        ("One Shot", "AI Focus", "AI Servo"),
        absent=AbsentMeans.ASK,
        advice="put the switch of the lens to AF: on MF its motor is out of reach",
    ),
    also=(
        FixedSetting("continuous autofocus", ("continuousaf",), ("Off", "0"), otherwise=AbsentMeans.ASK),
        FixedSetting("movie servo autofocus", ("movieservoaf",), ("Off", "0"), otherwise=AbsentMeans.ASK),
    ),
    live_view=("viewfinder", "1", "0"),
)

_TO_CARD = FixedSetting("capture target", ("capturetarget",), ("Memory card",))

_CANON = BodyProfile(
    make="Canon",
    exposure_mode=FixedSetting(
        "exposure mode",
        ("autoexposuremode", "autoexposuremodedial"),
        ("Manual",),
        absent=AbsentMeans.ASK,
        advice="turn the mode dial to M",
    ),
    focus_mode=FixedSetting(
        "focus mode",
        ("focusmode",),
        ("Manual",),
        otherwise=AbsentMeans.ASK,  # R5, R6 and 90D offer no Manual: it is the switch on the lens
        absent=AbsentMeans.ASK,
        advice="put the focus switch of the lens to MF",
    ),
    fixed=(
        FixedSetting("drive mode", ("drivemode",), ("Single", "Single silent"), advice="set single shooting"),
        FixedSetting("exposure bracketing", ("aeb",), ("off", "Off"), advice="switch bracketing off"),
        FixedSetting("bracketing", ("bracketmode",), ("off", "Off", "0"), otherwise=AbsentMeans.ASK),
        FixedSetting(
            "auto lighting optimiser",
            ("alomode",),
            ("Off", "x3", "disabled", "0"),
            otherwise=AbsentMeans.ASK,
            meaning={"x3": "off"},  # libgphoto2 counts: standard, x1 (low), x2 (high), x3
        ),
        FixedSetting(
            "mirror lock",
            ("mirrorlock",),
            ("0", "Off", "off"),
            advice="switch it off in the menu: the first release would only raise the mirror",
            meaning={"0": "off"},
        ),
    ),
    target_computer=FixedSetting("capture target", ("capturetarget",), ("Internal RAM",)),
    target_card=_TO_CARD,
    target_card_only=_TO_CARD,
    mirror_up=FixedSetting(
        "mirror up in live view",
        ("output",),
        ("PC", "TFT + PC"),
        advice="switch live view on: the mirror stays up, and most bodies open the shutter electronically",
    ),
    with_flash=(
        FixedSetting(
            "drive mode", ("drivemode",), ("Single",), advice="no flash fires with a silent release"
        ),
    ),
    untold=(
        Untold(
            "image stabiliser", "switch it off on the lens, or in the menu: on a stand it moves the picture"
        ),
        Untold("focus bracketing", "switch it off in the menu: it would take many frames a release"),
        Untold("long-exposure noise reduction", "switch it off in the menu: it doubles every exposure", 1.0),
    ),
    aperture=("aperture",),
    image_format=("imageformat",),
    kelvin_white_balance=("Color Temperature",),
    release=_RELEASE,
    focus_drive=_DRIVE,
)


def profile(_model: str) -> BodyProfile:
    """The profile of an EOS body."""
    return _CANON
