"""What each simulated body shows the unmodified libgphoto2: settings, pictures, live view, lens, battery."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import tifffile
from hardware_sims.cameras.equipment import Battery, Card, Equipment, MountedLens
from hardware_sims.focus_drive import FocusTravel

COMMON = {"shutterspeed", "iso", "whitebalance", "focusmode", "cameramodel", "serialnumber", "manufacturer"}
CANON = COMMON | {
    "aperture", "autoexposuremode", "imageformat", "capturetarget", "manualfocusdrive", "viewfinder",
    "eosremoterelease", "drivemode", "aeb", "alomode", "batterylevel", "lensname", "availableshots",
}  # fmt: skip
SONY = COMMON | {
    "dro",
    "flashmode",
    "f-number",
    "expprogram",
    "imagequality",
    "capturetarget",
    "manualfocus",
    "capturemode",
}
NAMES = {
    "canon": CANON,
    "canon-dslr": CANON,
    "sony": SONY
    | {"focalposition", "prioritymode", "jpegquality", "imagestabilization", "shuttertype", "silentmode"},
    "sony-steps": SONY,
    "nikon": COMMON
    | {
        "f-number",
        "expprogram",
        "imagequality",
        "capturetarget",
        "manualfocusdrive",
        "viewfinder",
        "capturemode",
        "autofocus",
        "focusmode2",
        "dlighting",
        "recordingmedia",
        "batterylevel",
        "liveviewprohibit",
        "shutterspeed2",
        "autoiso",
        "longexpnr",
        "bracketing",
        "exposuredelaymode",
    },
    "generic": COMMON | {"f-number", "expprogram", "imagequality", "capturemode", "batterylevel"},
}
MODELS = {
    "canon": "Canon EOS R5", "canon-dslr": "Canon EOS 80D", "sony": "ILCE-7RM5", "sony-steps": "ILCE-7RM2",
    "nikon": "D850", "generic": "Generic PTP/IP body",
}  # fmt: skip
SETTINGS = {
    "canon": (("iso", "400"), ("shutterspeed", "1/30"), ("aperture", "11")),
    "canon-dslr": (("iso", "400"), ("shutterspeed", "1/30"), ("aperture", "11")),
    "sony": (("iso", "400"), ("shutterspeed", "1/30"), ("f-number", "f/11")),
    "sony-steps": (("iso", "125"), ("shutterspeed", "1/10"), ("f-number", "f/6.3")),
    "nikon": (("iso", "400"), ("shutterspeed2", "1/30"), ("f-number", "f/11")),
    "generic": (("iso", "400"), ("shutterspeed", "0.0333s"), ("f-number", "f/11")),
}
STEMS = {"canon": "capt", "canon-dslr": "capt", "sony": "capt_DSC00001", "sony-steps": "capt_DSC00001"}
EVERY = pytest.mark.parametrize("name", NAMES)


@pytest.fixture
def made(wired: Callable[..., Any]) -> Iterator[Callable[..., Any]]:
    """Makes bodies, none of which may be asked for an operation that it does not have."""
    bodies = []

    def make(*arguments: Any, **options: Any) -> Any:
        bodies.append(wired(*arguments, **options))
        return bodies[-1]

    yield make
    for one in bodies:
        assert not one.sim.body.responder.unknown


@EVERY
def test_the_configuration_has_the_names_of_a_real_body(made: Callable[..., Any], name: str) -> None:
    tree = made(name).library("tree")
    assert tree["cameramodel"]["value"] == MODELS[name]
    assert set(tree) >= NAMES[name]
    for entry in ("iso", "shutterspeed"):
        assert len(tree[entry]["choices"] or ()) > 10 or name == "sony-steps"


@EVERY
def test_settings_are_made_and_told(made: Callable[..., Any], name: str) -> None:
    body = made(name)
    for entry, value in SETTINGS[name]:
        body.library("write", entry, value)
        assert body.value(entry) == value
    used = body.sim.body.exposure_settings()
    wanted = (1 / 10, 6.35, 125) if name == "sony-steps" else (1 / 30, 11.31, 400)
    assert (used.shutter_s, used.f_number, used.iso) == pytest.approx(wanted, rel=0.07)


@EVERY
def test_raw_and_jpeg_come_as_a_pair(made: Callable[..., Any], name: str) -> None:
    body = made(name, initial={"image_format": "raw+jpeg"})
    (raw_name, raw), (jpeg_name, jpeg) = body.shot(2)
    assert jpeg.read_bytes()[:2] == b"\xff\xd8"
    with tifffile.TiffFile(raw) as tiff:
        bayer, preview = tiff.pages.first.pages
        assert bayer.asarray().shape == preview.asarray().shape[:2]
    if name == "generic":
        assert (raw_name, jpeg_name) == ("SIM_0001.DNG", "SIM_0001.JPG")
    elif name in STEMS:
        assert raw_name.startswith(STEMS[name])
        assert jpeg_name.startswith(STEMS[name])
    assert not body.library("files", 1, 0.1)


@pytest.mark.parametrize("name", ["canon", "sony", "nikon"])
def test_raw_alone(made: Callable[..., Any], name: str) -> None:
    body = made(name)
    body.sim.body.turn("image_format", "raw")
    ((_, raw),) = body.shot()
    with tifffile.TiffFile(raw) as tiff:
        assert tiff.pages.first.tags["DNGVersion"].value == bytes((1, 4, 0, 0))


@EVERY
def test_the_librarys_own_capture_gives_a_jpeg(made: Callable[..., Any], name: str, tmp_path: Path) -> None:
    body = made(name, initial={"focus_mode": "MF"})
    folder, file = body.library("capture")
    body.library("fetch", folder, file, str(tmp_path / "frame"))
    assert (tmp_path / "frame").read_bytes()[-2:] == b"\xff\xd9"


@EVERY
def test_live_view(made: Callable[..., Any], bare_error: type[Exception], name: str) -> None:
    body = made(name)
    if name == "generic":  # standard PTP has none
        with pytest.raises(bare_error, match="-6"):
            body.library("previews", 1)
        return
    assert body.library("previews", 5)["good"] == 5
    assert body.sim.body.live.taken - 5 in (0, 1)  # of a Nikon body the library throws the first away
    if name != "sony-steps":
        assert body.shot()  # a release in the middle of it
        assert body.library("previews", 2)["good"] == 2
    body.library.leave()
    assert not body.sim.body.live.is_on


# ---- the lens ----


@pytest.mark.parametrize("name", ["canon", "canon-dslr"])
def test_a_canon_lens_is_driven_in_live_view_only_and_says_ok_otherwise(
    made: Callable[..., Any], name: str
) -> None:
    body = made(name)
    body.library("write", "manualfocusdrive", "Near 2")
    assert body.extension_mm == 0.0
    body.library("write", "viewfinder", 1)
    for choice, moved_um in (("Near 1", 30), ("Near 2", 200), ("Near 3", 1200), ("Near 1", 30)):
        before_mm = body.extension_mm
        body.library("write", "manualfocusdrive", choice)
        assert body.extension_mm - before_mm == pytest.approx(moved_um / 1000)
    body.sim.body.turn("lens_switch", "MF")
    before_mm = body.extension_mm
    body.library("write", "manualfocusdrive", "Near 1")
    assert body.extension_mm == before_mm
    body.sim.body.turn("lens_switch", "AF")
    body.library("write", "manualfocusdrive", "Far 1")
    assert body.extension_mm == before_mm  # the play of twelve units takes two small steps
    body.library("write", "manualfocusdrive", "Far 3")
    assert body.extension_mm < before_mm


@pytest.mark.parametrize("name", ["sony", "sony-steps"])
def test_a_sony_lens_is_driven_in_manual_focus(
    made: Callable[..., Any], bare_error: type[Exception], name: str
) -> None:
    body = made(name, travel=FocusTravel(near_mm=2.0, far_mm=-2.0, play_units=0))
    moved = []
    for step in (-1.0, -4.0, -7.0, 7.0):
        before_mm = body.extension_mm
        body.library("write", "manualfocus", step)
        moved.append(body.extension_mm - before_mm)
    assert moved == pytest.approx([0.01, 0.2, 1.2, -1.2])
    if name == "sony":  # older bodies do not tell
        assert 0.0 < body.value("focalposition") < 50.0
        for _ in range(4):
            body.library("write", "manualfocus", 7.0)
        assert body.extension_mm == pytest.approx(-2.0)
        assert body.value("focalposition") == 100.0
    body.sim.body.turn("focus_mode", "AF")
    before_mm = body.extension_mm
    with pytest.raises(bare_error):
        body.library("write", "manualfocus", -7.0)
    assert body.extension_mm == before_mm


def test_a_nikon_lens_is_driven_by_units_and_tells_the_end_of_travel(
    made: Callable[..., Any], bare_error: type[Exception]
) -> None:
    body = made("nikon", travel=FocusTravel(play_units=0))
    with pytest.raises(bare_error):  # not in live view
        body.library("write", "manualfocusdrive", 100.0)
    body.library("previews", 1)
    body.library("write", "manualfocusdrive", 100.0)
    assert body.extension_mm == pytest.approx(-0.5)
    with pytest.raises(bare_error, match="-113"):  # a step too small for the lens
        body.library("write", "manualfocusdrive", 1.0)
    with pytest.raises(bare_error, match="-113"):
        body.library("write", "manualfocusdrive", -20000.0)
    assert body.extension_mm == pytest.approx(3.0)


@pytest.mark.parametrize("name", ["canon", "sony"])
def test_a_release_with_autofocus_moves_the_lens_and_one_without_does_not(
    made: Callable[..., Any], name: str
) -> None:
    body = made(name, initial={"focus_mode": "AF"})
    if name == "canon":
        body.shot()
        assert body.extension_mm == 0.0
    body.library("capture")
    assert body.extension_mm != 0.0


# ---- battery, card, hand ----


def test_a_battery_drains_is_told_and_ends(made: Callable[..., Any], bare_error: type[Exception]) -> None:
    body = made("canon", equipment=Equipment(battery=Battery(51.0, per_frame=25.0)))
    assert body.value("batterylevel") == "50%"
    body.shot()
    assert body.value("batterylevel") == "25%"
    body.shot()
    assert body.value("batterylevel") == "Low"
    with pytest.raises(bare_error):
        body.shot()  # the last of its charge
    body.library.leave()
    with pytest.raises(bare_error):
        body.connect()
    body.sim.body.turn("battery", 100)
    body.connect()
    assert body.value("batterylevel") == "100%"


def test_a_battery_drains_with_time(made: Callable[..., Any]) -> None:
    body = made("nikon", scale=1000.0, equipment=Equipment(battery=Battery(90.0, per_hour=36.0)))
    before = body.sim.body.state()["battery_percent"]
    body.library("files", 1, 0.3)  # 300 bench seconds
    assert before - body.sim.body.state()["battery_percent"] == pytest.approx(3.0, rel=0.2)


@pytest.mark.parametrize("name", ["canon", "generic", "nikon"])
def test_a_card_fills_refuses_and_is_changed(
    made: Callable[..., Any], bare_error: type[Exception], name: str
) -> None:
    body = made(name, equipment=Equipment(card=Card(capacity_bytes=15_000, used_bytes=0), lens=MountedLens()))
    if name != "generic":
        body.library("write", "capturetarget", "Memory card")
    ((first, _),) = body.shot()
    assert body.library("storage")[0]["free_kb"] < 10
    body.shot()
    with pytest.raises(bare_error, match="-1"):
        body.shot()
    body.sim.body.turn("card", "empty")
    ((later, _),) = body.shot()
    assert first != later


def test_pictures_go_to_memory_card_or_both(made: Callable[..., Any]) -> None:
    body = made("sony")
    for target, in_memory, on_card in (("sdram", 1, 0), ("card+sdram", 1, 1), ("card", 0, 1)):
        body.sim.body.turn("capture_target", target)
        before = len([o for o in body.sim.body.objects.select() if not o.is_folder])
        body.release()
        assert len(body.files(1, 0.4)) == in_memory
        assert len([o for o in body.sim.body.objects.select() if not o.is_folder]) - before == on_card


def test_a_hand_turns_dials_and_the_library_sees_it(made: Callable[..., Any]) -> None:
    body = made("canon")
    body.sim.body.turn("exposure_mode", "A")
    body.sim.body.turn("iso", 800)
    body.sim.body.turn("shutter_s", 0.5)
    assert [body.value(entry) for entry in ("autoexposuremode", "iso", "shutterspeed")] == [
        "AV",
        "800",
        "0.5",
    ]
    body.sim.body.turn("lens_switch", "MF")
    assert body.value("focusmode") == "Manual"
    body.sim.body.turn("button", "press")
    assert len(body.files(1)) == 1


def test_a_mirror_knocks_outside_live_view(made: Callable[..., Any]) -> None:
    body = made("canon-dslr")
    body.shot()
    body.library("write", "viewfinder", 1)
    body.shot()
    assert [exposure.shake_um for exposure in body.world.exposures] == [6.0, 0.0]


def test_with_mirror_lock_the_second_release_exposes_without_a_knock(made: Callable[..., Any]) -> None:
    body = made("canon-dslr")
    body.library("write", "mirrorlock", "1")
    body.release()
    assert body.value("mirrorlockstatus") == "1"
    assert not body.world.exposures
    body.shot()
    assert [exposure.shake_um for exposure in body.world.exposures] == [0.0]
    assert body.value("mirrorlockstatus") == "0"


@pytest.mark.parametrize(("delay", "knock_um"), [("off", 6.0), ("on", 0.0)])
def test_exposure_delay_waits_for_a_nikons_mirror(
    made: Callable[..., Any], delay: str, knock_um: float
) -> None:
    body = made("nikon", initial={"exposure_delay": delay})
    started_s = body.clock.now()
    body.shot()
    (exposure,) = body.world.exposures
    assert exposure.shake_um == knock_um
    assert (exposure.start_s - started_s > 1.0) or delay == "off"


def test_a_nikon_without_mirror(made: Callable[..., Any]) -> None:
    body = made("nikon", model="Z 6")
    body.shot()
    assert body.world.exposures[0].shake_um == 0.0
    assert body.library("tree")["cameramodel"]["value"] == "Z 6"
