"""Bodies without a tether: fired through the rail or by hand, frames from a folder or the card."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from hardware_sims.exif import read_truth

pytestmark = pytest.mark.timeout(100)

RIG = """\
[rail]
driver = "grbl"
port = "{rail}"
pitch = "1 mm"
limits = ["-2 mm", "10 mm"]
towards_subject = "+"
shutter = {{ output = "{output}", pulse = "20 ms", off = "20 ms" }}

[camera]
driver = "{driver}"
watch = "card"
sensor_width = "36 mm"
pixels = [300, 200]
image_wait = "15 s"
shutter_lag = "20 ms"
readout = "20 ms"

[lens]
magnification = 1.0

[capture]
aperture = "f/5.6"
shutter = "1/125 s"
iso = 100
settle = "0.1 s"
"""


def _positions(frames: list[Path]) -> list[float]:
    return [float(str(read_truth(f.read_bytes())["position_mm"])) for f in frames]


def test_the_rail_fires_a_body_whose_files_turn_up_in_a_folder(workshop: Any) -> None:
    card = workshop.folder / "card"
    card.mkdir()
    (card / "DSC00000.JPG").write_bytes(b"an old picture")
    with workshop.bench(time_scale=5, folder=str(card)) as bench:
        text = RIG.format(rail=bench["rail_port"], driver="folder", output="coolant")
        (workshop.folder / "rig.toml").write_text(text)
        done = workshop.run(
            "rig", "shoot", "--start", "0", "--end", "3mm", "--step", "1mm", "--yes", "--no-stack"
        )
    assert done.code == 0, done
    assert "1 picture is in card already" in done.err
    frames = sorted((workshop.session() / "frames").glob("stack_*.jpg"))
    assert _positions(frames) == pytest.approx([0, 1, 2, 3], abs=0.001)
    assert len(list(card.iterdir())) == 1 + 1 + 4  # the old one, the test frame, and all still there
    saved = [e for e in workshop.journal() if e["event"] == "frame_saved"]
    assert [e["camera_names"] for e in saved] == [[f"DSC0000{n}.JPG"] for n in (2, 3, 4, 5)]


def test_frames_left_on_the_card_are_matched_afterwards(workshop: Any) -> None:
    card = workshop.folder / "card"
    with workshop.bench(time_scale=5, folder=str(card)) as bench:
        text = RIG.format(rail=bench["rail_port"], driver="none", output="coolant")
        (workshop.folder / "rig.toml").write_text(text.replace('settle = "0.1 s"', 'settle = "1.2 s"'))
        done = workshop.run("rig", "shoot", "--start", "0", "--end", "3mm", "--step", "1mm", "--yes")
        assert done.code == 0, done
        assert "rig match" in done.err
    assert len(list(card.iterdir())) == 4
    shutil.copy(card / "DSC00001.JPG", card / "DSC00009.JPG")
    refused = workshop.run("rig", "match", workshop.session(), card)
    assert refused.code == 2, refused
    assert "5 pictures for 4 releases" in refused.err
    (card / "DSC00009.JPG").unlink()
    done = workshop.run("rig", "match", workshop.session(), card, "--json")
    assert done.code == 0, done
    assert json.loads(done.out)["matched"] == 4
    frames = sorted((workshop.session() / "frames").glob("stack_*.jpg"))
    assert _positions(frames) == pytest.approx([0, 1, 2, 3], abs=0.001)
