"""``rig calibrate`` on files: what it says, writes and refuses."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest

from rig.calibrate.records import read_calibration
from rig.cli import build_app
from rig.errors import DataError, LimitError, RigError, UserError

CONFIG = """\
[rail]
driver = "grbl"
pitch = "1 mm"
limits = ["-2 mm", "60 mm"]

[camera]
sensor_width = "6 mm"
pixels = [300, 200]

[lens]
name = "macro"
magnification = 1
calibration = "measured.json"

[capture]
aperture = "f/5.6"
"""
RNG = np.random.default_rng(4)


@pytest.fixture
def shop(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rig.toml").write_text(CONFIG)
    return tmp_path


def rig(*arguments):
    build_app()([str(a) for a in arguments], standalone_mode=False)


def photo(path, light):
    """A frame of linear light as a PNG with the sRGB curve."""
    v = np.clip(light, 0, 1)
    encoded = np.where(v <= 0.0031308, v * 12.92, 1.055 * v ** (1 / 2.4) - 0.055)
    cv2.imwrite(str(path), np.repeat((255 * encoded + 0.5).astype(np.uint8)[..., None], 3, axis=2))
    return path.name


def noisy(level, shape=(200, 300)):
    return level + RNG.normal(0, 0.01, shape)


def ruler(period_px=14.5, shape=(200, 300)):
    x = np.arange(shape[1]) / period_px
    light = np.full(shape, 0.7)
    light[40:150, np.abs(x - np.round(x)) < 0.12] = 0.1
    return light + RNG.normal(0, 0.005, shape)


TEXTURE = cv2.GaussianBlur(RNG.uniform(0, 1, (260, 360)), (0, 0), 0.7)


def sweep(folder, best, *, frames=15, jump_px=0, gain=1.0):
    """A texture that goes through focus at frame `best`."""
    folder.mkdir()
    for k in range(frames):
        left = 30 + (jump_px if k > best else 0)
        seen = TEXTURE[30:230, left : left + 300]
        blurred = cv2.GaussianBlur(seen, (0, 0), 0.3 + 0.35 * abs(k - best))
        photo(
            folder / f"{k:02d}.png",
            gain * (0.45 + 1.2 * (blurred - 0.5)) + RNG.normal(0, 0.004, blurred.shape),
        )
    return folder


def test_a_ruler_becomes_a_magnification_in_the_file(shop, capsys):
    rig("calibrate", "scale", "--images", photo(shop / "ruler.png", ruler()), "--graduation", "0.25mm")
    said = capsys.readouterr().out
    (record,) = read_calibration(shop / "measured.json").records
    assert record.magnification == pytest.approx(0.02 * 14.5 / 0.25, rel=1e-3)  # 20 µm pixels
    assert record.frames[0].file == "ruler.png"
    assert len(record.frames[0].sha256) == 64
    assert "intervals of 250 µm" in said
    rig("plan", "--start", "0", "--end", "1", "--json")
    assert json.loads(capsys.readouterr().out)["magnification"] == record.magnification


def test_two_cards_become_an_effective_aperture(shop, capsys):
    names = [photo(shop / f"{n}.png", noisy(level)) for n, level in (("far", 0.8), ("near", 0.2))]
    rig("calibrate", "aperture", "--images", *names, "--json", "--plot", "loss.svg")
    answer = json.loads(capsys.readouterr().out)
    assert answer["record"]["effective_f_number"] == pytest.approx(2**2.5 * 2, rel=0.02)
    assert "do not say how they were exposed" in answer["warnings"][0]
    assert (shop / "loss.svg").read_text().startswith("<?xml")


def shaken_session(folder, *, smear_px):
    """What `rig calibrate settle` leaves: pairs at three waits, the first frame smeared by a shake."""
    (folder / "frames").mkdir(parents=True)
    lines = []
    for k, wait_s in enumerate((0.0, None, 0.1, None, 0.2, None)):
        seen = cv2.GaussianBlur(TEXTURE[30:230, 30:330], (0, 0), 0.5)
        if k == 0:
            seen = cv2.blur(seen, (smear_px, 1))
        photo(folder / "frames" / f"{k}.png", seen)
        files = [{"file": f"frames/{k}.png"}]
        lines.append(
            {"event": "frame_saved", "index": k, "position_mm": 1.0, "files": files, "wait_s": wait_s}
        )
    (folder / "journal.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder


def test_a_frame_smeared_past_recognition_is_one_that_shakes(shop, capsys):
    # It was said to lack texture, of a target that the other frames show well.
    session = shaken_session(shop / "settle", smear_px=61)
    rig("calibrate", "settle", "--images", session, "--json", "--plot", "shake.svg")
    answer = json.loads(capsys.readouterr().out)
    assert answer["record"]["settle_s"] == 0.1
    assert answer["details"]["pairs"][0]["shift_px"] is None
    rig("calibrate", "settle", "--images", session, "--no-save")
    assert "smeared past recognition, sharpness" in capsys.readouterr().out
    with pytest.raises(UserError, match=r"1\.png and 2\.png are not a frame after a move"):
        rig("calibrate", "settle", "--images", *sorted((session / "frames").iterdir())[1:5])


def test_a_sweep_of_files_needs_their_distance(shop, capsys):
    folder = sweep(shop / "sweep", 7)
    with pytest.raises(UserError, match="--step"):
        rig("calibrate", "dof", "--images", folder)
    rig("calibrate", "dof", "--images", folder, "--step", "50um", "--no-save", "--json")
    answer = json.loads(capsys.readouterr().out)
    assert 0.05 < answer["record"]["dof_mm"] < 0.5
    assert answer["details"]["peak_mm"] == pytest.approx(0.35, abs=0.02)
    assert not (shop / "measured.json").exists()


def rehearsed(folder):
    (folder / "bench.toml").write_text(CONFIG + "[simulator]\n")
    return folder / "bench.toml"


def files(folder):
    return sorted(p for p in folder.iterdir())


BAD = {
    "a sweep that never reaches focus": (
        lambda shop: ["dof", "--step", "0.1mm", "--images", *files(sweep(shop / "s", 14))],
        DataError,
        "towards its last frame",
    ),
    "no texture": (
        lambda shop: [
            "dof",
            "--step",
            "0.1mm",
            "--images",
            *[photo(shop / f"{k}.png", noisy(0.4)) for k in range(12)],
        ],
        DataError,
        "texture",
    ),
    "a burnt target": (
        lambda shop: ["dof", "--step", "0.1mm", "--images", *files(sweep(shop / "s", 7, gain=3.0))],
        DataError,
        "is burnt",
    ),
    "a moving subject": (
        lambda shop: ["dof", "--step", "0.1mm", "--images", *files(sweep(shop / "s", 7, jump_px=9))],
        DataError,
        "moved while the sweep was taken",
    ),
    "two frames for a sweep": (
        lambda shop: ["dof", "--step", "0.1mm", "--images", *files(sweep(shop / "s", 1, frames=2))],
        UserError,
        "a sweep of 2 frames is too short",
    ),
    "one card": (
        lambda shop: ["aperture", "--images", photo(shop / "a.png", noisy(0.5))],
        UserError,
        "1 image was given; give two",
    ),
    "a burnt card": (
        lambda shop: ["aperture", "--images", *[photo(shop / f"{k}.png", noisy(1.0)) for k in range(2)]],
        DataError,
        "expose both frames shorter",
    ),
    "two rulers": (
        lambda shop: ["scale", "--images", *[photo(shop / f"{k}.png", ruler()) for k in range(2)]],
        UserError,
        "one frame",
    ),
    "a ruler without lines": (
        lambda shop: ["scale", "--images", photo(shop / "a.png", noisy(0.5))],
        DataError,
        "no graduation is to be seen",
    ),
    "a speck of a ruler": (
        lambda shop: ["scale", "--region", "0,0,0.01,0.01", "--images", photo(shop / "a.png", ruler())],
        UserError,
        "take a part of 32 × 32 px or more",
    ),
    "no checkerboard": (
        lambda shop: ["scale", "--checker", "1mm", "--images", photo(shop / "a.png", ruler())],
        DataError,
        "no checkerboard is to be seen",
    ),
    "a ruler and a checkerboard": (
        lambda shop: [
            "scale",
            "--checker",
            "1mm",
            "--graduation",
            "1mm",
            "--images",
            photo(shop / "a.png", ruler()),
        ],
        UserError,
        "--graduation",
    ),
    "no file": (lambda _: ["dof", "--images", "nothing.jpg"], UserError, "there is no image nothing.jpg"),
    "a file that is no image": (
        lambda shop: ["scale", "--images", (shop / "rig.toml")],
        DataError,
        "rig.toml",
    ),
    "frames without sides": (
        lambda shop: ["backlash", "--images", photo(shop / "a.png", noisy(0.5))],
        UserError,
        "from which side",
    ),
    "frames that are no pairs": (
        lambda shop: ["settle", "--images", photo(shop / "a.png", noisy(0.5))],
        UserError,
        "not pairs",
    ),
    "a sweep beyond the rail": (
        lambda shop: [
            "dof",
            "--config",
            rehearsed(shop),
            "--start",
            "-6mm",
            "--end",
            "6mm",
            "--step",
            "1mm",
            "--here-is",
            "0",
        ],
        LimitError,
        "-2 mm to 60 mm",
    ),
    "a region outside": (
        lambda shop: ["dof", "--region", "0.5,0.5,1,1", "--images", photo(shop / "a.png", noisy(0.5))],
        UserError,
        "not a part of the frame",
    ),
    "a step of nothing": (
        lambda shop: ["dof", "--step", "0", "--images", photo(shop / "a.png", noisy(0.5))],
        UserError,
        '--step: "0" is not above 0',
    ),
    "a pupil from one frame": (
        lambda shop: ["pupil", "--step", "1mm", "--images", photo(shop / "a.png", noisy(0.5))],
        UserError,
        "too few",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_said_and_nothing_is_written(shop, case):
    arguments, error, said = BAD[case]
    with pytest.raises(RigError) as refused:
        rig("calibrate", *arguments(shop))
    assert isinstance(refused.value, error)
    assert said in str(refused.value)
    assert refused.value.exit_code in (2, 4)
    assert not (shop / "measured.json").exists()
