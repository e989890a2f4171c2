"""Any other body: whatever of the common names it has is used, the rest is asked of the operator."""

from __future__ import annotations

from rig.cameras.bodies.profile import AbsentMeans, BodyProfile, FixedSetting, Untold

__all__ = ["profile"]

_READ_CACHE_S = 2.1
"""libgphoto2 keeps a value for 2 s."""

_GENERIC = BodyProfile(
    make="",
    exposure_mode=FixedSetting(
        "exposure mode",
        ("expprogram", "autoexposuremode", "exposuremode", "shootingmode"),
        ("M", "Manual"),
        absent=AbsentMeans.ASK,
        advice="set the body to manual exposure",
    ),
    focus_mode=FixedSetting(
        "focus mode",
        ("focusmode",),
        ("Manual", "MF"),
        otherwise=AbsentMeans.ASK,
        absent=AbsentMeans.ASK,
        advice="set the focus to manual on body and lens",
    ),
    fixed=(
        FixedSetting("drive mode", ("capturemode", "drivemode"), ("Single Shot", "Single"), AbsentMeans.ASK),
        FixedSetting("autofocus at release", ("autofocus",), ("Off",), otherwise=AbsentMeans.ASK),
    ),
    target_computer=FixedSetting(
        "capture target", ("capturetarget",), ("Internal RAM", "sdram"), AbsentMeans.NOTHING
    ),
    target_card=FixedSetting(
        "capture target", ("capturetarget",), ("Memory card", "card+sdram", "card"), AbsentMeans.NOTHING
    ),
    untold=(
        Untold("image stabiliser", "switch it off on lens and body: on a stand it moves the picture"),
        Untold("bracketing", "switch it off: it would change exposure or focus from frame to frame"),
        Untold("long-exposure noise reduction", "switch it off in the menu: it doubles every exposure", 1.0),
    ),
    target_card_only=FixedSetting(
        "capture target", ("capturetarget",), ("Memory card", "card"), AbsentMeans.NOTHING
    ),
    read_cache_s=_READ_CACHE_S,
    kelvin_white_balance=("Color Temperature", "Choose Color Temperature"),
)


def profile(_model: str) -> BodyProfile:
    """The profile of a body of unknown make."""
    return _GENERIC
