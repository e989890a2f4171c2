"""Sony Alpha bodies."""

from __future__ import annotations

from dataclasses import replace

from rig.cameras.bodies.focus_drive import DriveEntry
from rig.cameras.bodies.profile import AbsentMeans, BodyProfile, Detour, FixedSetting, Untold

__all__ = ["profile"]

_SLOW_STARTERS = frozenset(
    {
        "DSC-RX0M2", "DSC-RX100M7", "ILCE-1", "ILCE-7C", "ILCE-7M3", "ILCE-7M4", "ILCE-7RM4", "ILCE-7RM4A",
        "ILCE-7SM3", "ILCE-9M2", "ZV-1", "ZV-E10",
    }
)  # fmt: skip
"""Bodies for which libgphoto2 waits 3 s from connection to first capture; before a trigger it does not."""
_SLOW_START_S = 3.0

_DRIVE = DriveEntry(
    name="manualfocus",
    nearer=tuple(str(-size) for size in range(1, 8)),
    farther=tuple(str(size) for size in range(1, 8)),
    focus_mode=FixedSetting(
        "focus mode",
        ("focusmode",),
        ("Manual",),
        absent=AbsentMeans.ASK,
        advice="set the body to MF and leave the switch of the lens on AF",
    ),
    position="focalposition",
)

_SONY = BodyProfile(
    make="Sony",
    exposure_mode=FixedSetting(
        "exposure mode",
        ("expprogram",),
        ("M",),
        absent=AbsentMeans.ASK,
        advice="turn the mode dial to M",
    ),
    focus_mode=FixedSetting(
        "focus mode",
        ("focusmode",),
        ("Manual",),
        absent=AbsentMeans.ASK,
        advice="set the focus to manual on body and lens",
    ),
    fixed=(
        FixedSetting(
            "drive mode",
            ("capturemode",),
            ("Single Shot",),
            advice="set the drive mode to single shot",
        ),
        FixedSetting("dynamic range optimiser", ("dro",), ("Off",), otherwise=AbsentMeans.ASK),
        FixedSetting("flash mode", ("flashmode",), ("Flash off", "Fill flash"), otherwise=AbsentMeans.ASK),
        FixedSetting(
            "image stabiliser",
            ("imagestabilization",),
            ("Off",),
            otherwise=AbsentMeans.ASK,
            absent=AbsentMeans.ASK,  # bodies of the older protocol tell nothing of it
            advice="switch SteadyShot off: on a stand it moves the picture by itself",
        ),
    ),
    target_computer=FixedSetting(
        "capture target",
        ("capturetarget",),
        ("sdram", "card+sdram"),
        advice="set PC Remote to save to the computer",
    ),
    target_card=FixedSetting(
        "capture target",
        ("capturetarget",),
        ("card+sdram",),  # "card" alone gives the computer nothing to check
        advice="set PC Remote to save to computer and camera",
    ),
    with_flash=(
        FixedSetting(
            "silent mode", ("silentmode",), ("Off",), advice="switch it off: no flash fires in silent mode"
        ),
        FixedSetting(
            "shutter type",
            ("shuttertype",),
            ("Mechanical", "Auto"),
            advice="set a mechanical shutter: an electronic one reads too slowly for a flash",
        ),
    ),
    untold=(
        Untold("long-exposure noise reduction", "switch it off in the menu: it doubles every exposure", 1.0),
    ),
    kelvin_white_balance=("Choose Color Temperature",),
    # libgphoto2 2.5.34 sends no value when the capture target is set by name; by number it does.
    detours={"capturetarget": Detour("d222", {"sdram": "1", "card": "16", "card+sdram": "17"})},
    focus_drive=_DRIVE,
)


def profile(model: str) -> BodyProfile:
    """The profile of a Sony body."""
    return replace(_SONY, settle_after_connect_s=_SLOW_START_S) if model in _SLOW_STARTERS else _SONY
