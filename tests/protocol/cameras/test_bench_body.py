"""A body on the whole bench: its lens, its RAW files and its live view show the world, through libgphoto2."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hardware_sims.bench import Bench, Order
from hardware_sims.exif import read_truth

ORDER = {
    "simulator": {
        "target": "texture",
        "pixels": [192, 128],
        "personality": "canon",
        "initial": {"image_format": "raw+jpeg"},
        "focus": {"far": "-8 mm", "near": "2 mm", "play_units": 0},
        "backlash": "0 mm",
        "live_fps": 60,
    },
    "camera": {"model": "Canon EOS R5"},
    "lens": {"f_number": 5.657},
}


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    made = Bench(Order.read(ORDER))
    yield made
    made.close()


def sharpness(path: Path) -> float:
    image = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    assert image is not None
    return float(np.abs(np.diff(cv2.GaussianBlur(image, (0, 0), 1.0).astype(float), axis=1)).mean())


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60.0
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def previewed(library: Any, bench: Bench, path: Path) -> float:
    """Sharpness in live view, in frames that are begun when the lens is at rest."""
    drive, live = bench.camera.body.equipment.lens.drive, bench.camera.body.live
    until(lambda: not drive.is_turning())
    for _ in range(2):  # the first may have been begun before; asked for, since unwatched none are made
        until(lambda: live.take() is not None)
    library("previews", 2, str(path))
    return sharpness(path)


def test_a_driven_lens_is_seen_in_live_view_in_frames_and_in_their_truth(
    bench: Bench, bare_library: Any, tmp_path: Path
) -> None:
    library = bare_library
    library.connect(bench.camera.port_name)
    try:
        library("write", "viewfinder", 1)
        before = previewed(library, bench, tmp_path / "before.jpg")
        for _ in range(4):
            library("write", "manualfocusdrive", "Far 3")
        after = previewed(library, bench, tmp_path / "after.jpg")
        assert after < 0.8 * before
        library("write", "eosremoterelease", "Press Full MF")
        library("write", "eosremoterelease", "Release")
        truths = []
        for folder, name in library("files", 2, 20.0):
            library("fetch", folder, name, str(tmp_path / name))
            truths.append(read_truth((tmp_path / name).read_bytes()))
    finally:
        library.leave()
    raw, jpeg = truths
    assert raw == jpeg
    assert jpeg["extension_mm"] == pytest.approx(-4.8)
    assert jpeg["position_mm"] == pytest.approx(0.0, abs=1e-6)
    assert float(str(jpeg["focus_mm"])) == pytest.approx(4.96, abs=0.05)


def test_the_bench_tells_where_its_control_socket_is(bench: Bench) -> None:
    host, port = bench.ports()["control_port"].split(":")
    with socket.create_connection((host, int(port))) as peer, peer.makefile("rw") as stream:
        stream.write('{"do": "state"}\n')
        stream.flush()
        state = json.loads(stream.readline())["state"]
    assert state["model"] == "Canon EOS R5"
    assert state["raw"]
    assert state["lens_switch"] == "AF"
