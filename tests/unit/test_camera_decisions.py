"""What is decided about a camera without one: messages, identities, what runs out, what frames say."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
import tifffile

from rig.cameras.base import CameraHealth, LockReport
from rig.cameras.frame_exif import FrameExif, differences
from rig.cameras.messages import LinkLostError, explain
from rig.cameras.protocol import Trouble
from rig.cameras.sequence import ShotFiles, TakenTimes
from rig.cameras.verify import BrokenImageError, check_image
from rig.errors import CameraError, OperatorNeededError
from rig.events import Event, EventBus, Note
from rig.runs.supplies import SupplyWatch

LOCKED = LockReport((), shutter_s=0.125, aperture=5.6, iso=100, white_balance="Daylight")
NOON = datetime(2026, 11, 22, 12, tzinfo=None)  # noqa: DTZ001  (bodies name no zone)


@pytest.mark.parametrize("code", [-1, -7, -10])
def test_codes_after_which_a_connection_is_not_believed(code: int) -> None:
    assert isinstance(explain(Trouble("gphoto2", code, "?"), "firing", None), LinkLostError)


def test_a_full_card_needs_somebody() -> None:
    assert isinstance(explain(Trouble("gphoto2", -115, "no space"), "firing", None), OperatorNeededError)


SURROUNDINGS = """
import os, sys
from pathlib import Path
from rig.cameras.gphoto_guards import keep_descriptor_0, prepare_surroundings
os.close(0)
prepare_surroundings(Path(sys.argv[1]))
os.fstat(0)
os.close(0)
keep_descriptor_0()
os.fstat(0)
names = ("LC_ALL", "LANG", "LANGUAGE", "XDG_CONFIG_HOME", "HOME")
sys.stdout.write(" ".join(os.environ[name] for name in names))
"""


def test_a_camera_process_has_a_language_settings_and_a_descriptor_0_of_its_own(tmp_path: Path) -> None:
    environment = os.environ | {"LC_ALL": "de_DE.UTF-8", "LANGUAGE": "de", "HOME": "/nowhere"}
    command = [sys.executable, "-c", SURROUNDINGS, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    assert done.stdout == f"C C C {tmp_path} {tmp_path}"


@pytest.mark.parametrize(
    ("frame", "said"),
    [
        (FrameExif(), ""),
        (FrameExif(shutter_s=1 / 8, f_number=5.7, iso=100, program=1), ""),
        (FrameExif(shutter_s=1 / 10), "1/10 s and not 1/8 s"),
        (FrameExif(f_number=8.0), "f/8 and not f/5.6"),
        (FrameExif(iso=200), "ISO 200 and not ISO 100"),
        (FrameExif(program=3), "not exposed manually"),
        (FrameExif(mode=2), "bracketed"),
        (FrameExif(white_balance=0), "white balance was automatic"),
    ],
)
def test_a_frame_is_held_against_what_is_locked(frame: FrameExif, said: str) -> None:
    assert said in "; ".join(differences(frame, LOCKED))
    assert bool(said) is bool(differences(frame, LOCKED))


def test_automatic_white_balance_does_not_matter_to_raw_alone() -> None:
    assert not differences(FrameExif(white_balance=0), LOCKED, raw_only=True)


def test_a_frame_of_an_earlier_release_is_known_by_its_time() -> None:
    """The body's clock is an hour ahead, which is learnt; after two refusals it is learnt anew."""
    hour, times = timedelta(hours=1), TakenTimes()
    assert not times.is_earlier(NOON + hour, NOON)
    times.accepted(NOON + hour, NOON)
    assert not times.is_earlier(NOON + hour + timedelta(seconds=5), NOON + timedelta(seconds=5.5))
    assert times.is_earlier(NOON + hour + timedelta(seconds=2), NOON + timedelta(seconds=5.5))
    times.refused()
    assert times.is_known
    times.refused()
    assert not times.is_known


def test_a_pair_is_of_one_number_and_two_kinds() -> None:
    pair = ShotFiles(2)
    pair.names.append("DSC00007.ARW")
    assert not pair.complete
    assert pair.fits("DSC00007.JPG")
    assert not pair.fits("DSC00008.JPG")
    assert not pair.fits("DSC00008.ARW")


def test_a_raw_file_without_its_end_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "raw.dng"
    tifffile.imwrite(path, np.zeros((64, 64), np.uint16))
    whole = path.read_bytes()
    check_image(whole, len(whole))
    with pytest.raises(BrokenImageError, match="ends before its picture"):
        check_image(whole[:-900], len(whole) - 900)
    boxes = b"\0\0\0\x10ftypcrx \0\0\0\1" + b"\0\0\0\x20mdat" + bytes(24)
    check_image(boxes)
    with pytest.raises(BrokenImageError, match="ends before its picture"):
        check_image(boxes[:-1])


@pytest.mark.parametrize(("said", "percent"), [("88%", 88.0), ("Low", 5.0), ("Unknown", None), (None, None)])
def test_a_battery_is_read_as_bodies_write_it(said: str | None, percent: float | None) -> None:
    assert CameraHealth.told(said, None).battery_percent == percent


def test_what_runs_out_is_told_once_and_a_small_card_is_refused() -> None:
    told: list[Event] = []
    watch = SupplyWatch(EventBus(told.append), keeps_on_card=True)
    with pytest.raises(CameraError, match=r"30 frames .* room for 20"):
        watch.check(CameraHealth.told("100%", "20"), 30)
    for percent, room in (("90%", "20"), ("24%", "20"), ("23%", "8"), ("9%", "7"), ("8%", "6")):
        watch.look(CameraHealth.told(percent, room), 10)
    notes = [event.message for event in told if isinstance(event, Note)]
    assert ["24%" in notes[0], "room for 8 of 10" in notes[1], "9%" in notes[2], len(notes)] == [True] * 3 + [
        3
    ]
