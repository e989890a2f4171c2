"""Bad input: one clear sentence, the right exit code, no traceback, and nothing half-written."""

from __future__ import annotations

import os
import pty
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

pytestmark = pytest.mark.timeout(100)

REAL = """\
[rail]
driver = "grbl"
port = "{rail}"
pitch = "1 mm"
limits = ["-2 mm", "60 mm"]
towards_subject = "+"

[camera]
port = "ptpip:127.0.0.1:9:9"
sensor_width = "36 mm"
pixels = [300, 200]

[lens]
magnification = 1.0

[capture]
aperture = "f/5.6"
shutter = "1/125 s"
iso = 100
"""


def _assert_refused(done: Any, code: int, *words: str) -> None:
    assert done.code == code, done
    assert "Traceback" not in done.err, done
    for word in words:
        assert word in done.err, done


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("--start", "0", "--end", "90mm"), 2, ("90", "60 mm", "limits")),
        (("--start", "-5mm", "--end", "0"), 2, ("-5", "-2 mm", "limits")),
        (("--start", "0", "--end", "10mm", "--step", "0"), 2, ("--step", "above 0")),
        (("--start", "0", "--end", "10mm", "--step", "-1mm"), 2, ("--step", "above 0")),
        (("--start", "0", "--end", "10furlongs"), 2, ("--end", "furlongs")),
        (("--start", "0", "--end", "10s"), 2, ("--end", "10s")),
        (("--start", "0"), 2, ("--end",)),
    ],
)
@pytest.mark.parametrize("command", [("plan",), ("shoot",), ("shoot", "--dry-run")])
def test_what_cannot_be_planned(
    workshop: Any, command: tuple[str, ...], arguments: tuple[str, ...], code: int, words: tuple[str, ...]
) -> None:
    _assert_refused(workshop.call("rig", *command, *arguments, "--config", workshop.config()), code, *words)
    assert not (workshop.folder / "sessions").exists()


def test_start_equal_to_end_is_one_frame_and_says_so(workshop: Any) -> None:
    done = workshop.run("rig", "shoot", "--start", "3mm", "--end", "3mm", "--config", workshop.config())
    assert done.code == 0, done
    assert "one frame" in done.err
    saved = [e for e in workshop.journal() if e["event"] == "frame_saved"]
    assert [e["position_mm"] for e in saved] == [3.0]


def test_a_config_with_a_typo(workshop: Any) -> None:
    config = workshop.config()
    config.write_text(config.read_text().replace("pitch =", "pich ="))
    done = workshop.call("rig", "shoot", "--start", "0", "--end", "1mm", "--config", config)
    _assert_refused(done, 2, "fast.toml", "rail.pich", "pitch")


def test_a_simulator_table_that_the_bench_refuses(workshop: Any) -> None:
    config = workshop.config(extra='weather = "rain"')
    done = workshop.run("rig", "shoot", "--start", "0", "--end", "1mm", "--config", config)
    _assert_refused(done, 2, "weather")


def test_no_serial_port_there(workshop: Any) -> None:
    config = workshop.folder / "rig.toml"
    config.write_text(REAL.format(rail="/dev/ttyNOWHERE7"))
    done = workshop.run("rig", "shoot", "--start", "0", "--end", "5mm", "--yes")
    _assert_refused(done, 3, "/dev/ttyNOWHERE7")


@contextmanager
def _chatter(data: bytes) -> Iterator[str]:
    """A port behind which something answers that is no motion controller."""
    master, slave = pty.openpty()
    over = threading.Event()

    def talk() -> None:
        while not over.wait(0.05):
            os.write(master, data)

    thread = threading.Thread(target=talk)
    thread.start()
    try:
        yield os.ttyname(slave)
    finally:
        over.set()
        thread.join()
        os.close(slave)
        os.close(master)


def test_a_port_that_answers_garbage(workshop: Any) -> None:
    with _chatter(b"\x80\xfe~k\x02garble\r\n") as port:
        (workshop.folder / "rig.toml").write_text(REAL.format(rail=port))
        done = workshop.run("rig", "shoot", "--start", "0", "--end", "5mm", "--yes")
    _assert_refused(done, 3, port)
    assert "baud" in done.err


def test_camera_not_there(workshop: Any) -> None:
    """The bench plays the rail; the camera's port has nobody behind it."""
    with workshop.bench(pictures=False) as bench:
        (workshop.folder / "rig.toml").write_text(REAL.format(rail=bench["rail_port"]))
        done = workshop.run("rig", "shoot", "--start", "0", "--end", "5mm", "--yes")
    _assert_refused(done, 3, "ptpip:127.0.0.1:9:9")


@pytest.mark.parametrize("model", ["ILCE-7RM5", "Canon EOS R5"])
def test_camera_not_in_m_and_not_settable(workshop: Any, model: str) -> None:
    config = workshop.config(model=model, extra='physical_dial = true\ninitial = { exposure_mode = "A" }')
    done = workshop.run("rig", "shoot", "--start", "0", "--end", "5mm", "--config", config)
    _assert_refused(done, 3, "exposure mode", "M")
    assert not [e for e in workshop.journal() if e["event"] == "fired"]


def test_a_dial_that_the_body_turns_itself_is_set_and_put_back(workshop: Any) -> None:
    config = workshop.config(extra='initial = { exposure_mode = "A", iso = "auto" }')
    done = workshop.run("rig", "shoot", "--start", "0", "--end", "2mm", "--config", config)
    assert done.code == 0, done
    (preflight,) = [e for e in workshop.journal() if e["event"] == "preflight"]
    assert "set" in preflight["verdicts"].values()


def test_a_black_test_frame_stops_the_run(workshop: Any) -> None:
    """A bench lit for one second, and a body set to 1/8000 s."""
    with workshop.bench(shutter_s=1.0) as bench:
        text = REAL.format(rail=bench["rail_port"]).replace("ptpip:127.0.0.1:9:9", bench["camera_port"])
        (workshop.folder / "rig.toml").write_text(text.replace("1/125 s", "1/8000 s"))
        done = workshop.run("rig", "shoot", "--start", "0", "--end", "2mm", "--yes")
    _assert_refused(done, 3, "black")
    assert not [e for e in workshop.journal() if e["event"] == "frame_saved"]


def test_frames_of_other_pixels_than_planned_for_stop_the_run(workshop: Any) -> None:
    with workshop.bench() as bench:
        text = REAL.format(rail=bench["rail_port"]).replace("ptpip:127.0.0.1:9:9", bench["camera_port"])
        (workshop.folder / "rig.toml").write_text(text.replace("[300, 200]", "[450, 300]"))
        done = workshop.run("rig", "shoot", "--start", "0", "--end", "2mm", "--yes")
    _assert_refused(done, 2, "300 × 200 px", "450 × 300 on 36 mm, 80 µm each", 'sensor_width = "24 mm"')
    assert not [e for e in workshop.journal() if e["event"] == "frame_saved"]


def test_real_hardware_is_not_moved_unasked(workshop: Any) -> None:
    """Nobody is at the terminal and --yes is not there: nothing may move."""
    with workshop.bench() as bench:
        text = REAL.format(rail=bench["rail_port"]).replace("ptpip:127.0.0.1:9:9", bench["camera_port"])
        (workshop.folder / "rig.toml").write_text(text)
        done = workshop.run("rig", "shoot", "--start", "0", "--end", "5mm")
    _assert_refused(done, 2, "--yes", "first move")


def test_resuming_real_hardware_asks_where_the_carriage_stands(workshop: Any) -> None:
    with workshop.bench() as bench:
        text = REAL.format(rail=bench["rail_port"]).replace("ptpip:127.0.0.1:9:9", bench["camera_port"])
        (workshop.folder / "rig.toml").write_text(text)
        done = workshop.run("rig", "shoot", "--start", "0", "--end", "2mm", "--step", "1mm", "--yes")
        assert done.code == 0, done
        frames = sorted((workshop.session() / "frames").iterdir())
        frames[1].unlink()
        refused = workshop.run("rig", "resume", workshop.session(), "--yes")
        _assert_refused(refused, 2, "--here-is")
        done = workshop.run("rig", "resume", workshop.session(), "--yes", "--here-is", "0mm")
        assert done.code == 0, done
    assert len(list((workshop.session() / "frames").glob("stack_*.jpg"))) == 3


def _pictures(folder: Path, sizes: list[tuple[int, int]]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(1)
    for number, (width, height) in enumerate(sizes):
        image = cv2.GaussianBlur(rng.integers(0, 255, (height, width, 3), np.uint8), (0, 0), 1.5)
        cv2.imwrite(str(folder / f"f{number}.jpg"), image)


def test_an_empty_folder_to_fuse(workshop: Any) -> None:
    (workshop.folder / "empty").mkdir()
    _assert_refused(workshop.call("stacker", "fuse", "empty", "-o", "out.tif"), 2, "empty")
    assert not (workshop.folder / "out.tif").exists()


def test_two_frames_of_different_size(workshop: Any) -> None:
    _pictures(workshop.folder / "mixed", [(300, 200), (320, 200)])
    _assert_refused(
        workshop.call("stacker", "fuse", "mixed", "-o", "out.tif"), 2, "f0.jpg", "f1.jpg", "300", "320"
    )
    assert not (workshop.folder / "out.tif").exists()


def test_a_truncated_jpeg(workshop: Any) -> None:
    _pictures(workshop.folder / "cut", [(300, 200)] * 4)
    frame = workshop.folder / "cut" / "f2.jpg"
    frame.write_bytes(frame.read_bytes()[:-2000])
    _assert_refused(workshop.call("stacker", "fuse", "cut", "-o", "out.tif"), 4, "f2.jpg")
    assert not (workshop.folder / "out.tif").exists()
    done = workshop.call("stacker", "fuse", "cut", "-o", "out.tif", "--skip-bad")
    assert done.code == 0, done
    assert "f2.jpg" in done.err + done.out


def test_an_output_path_that_cannot_be_written(workshop: Any) -> None:
    _pictures(workshop.folder / "fine", [(300, 200)] * 2)
    for path in ("no/such/folder/out.tif", "fine", "out.xyz"):
        done = workshop.call("stacker", "fuse", "fine", "-o", path)
        _assert_refused(done, 2, path)
