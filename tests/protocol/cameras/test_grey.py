"""White balance from a grey card: found by trying, kept for the body, asked for by sessions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hardware_sims.cameras import make_camera
from hardware_sims.clock import SimClock
from hardware_sims.colour import cast
from hardware_sims.exif import ExposureRecord, with_exif
from hypothesis import given
from hypothesis import strategies as st

from rig.cameras.base import CameraInfo, LockRequest
from rig.cameras.frame_exif import read_exif
from rig.cameras.gphoto import GPhotoCamera
from rig.cameras.grey import CENTRE, GreyCard, Region, balanced_kelvin, measure_grey
from rig.cameras.protocol import FetchOrder
from rig.cameras.registry import open_camera
from rig.cameras.settings import CameraSettings
from rig.clock import ScaledClock
from rig.errors import CameraError, DataError, UserError
from rig.grey import GreyStore, measure_balance, with_grey

REQUEST = LockRequest(shutter_s=0.125, aperture=5.6, iso=100)
INFO = CameraInfo("Sony", "ILCE-7RM5", "123", "usb:001,002")


@dataclass(frozen=True)
class Photo:
    jpeg: bytes
    raw: bytes | None = None
    width: int = 60
    height: int = 40


@dataclass
class CardWorld:
    """A grey card in a light of some colour; greenish, as cheap lamps are."""

    light_k: float = 3600.0
    green: float = 1.1

    def expose(
        self, _start_s: float, shutter_s: float, f_number: float, iso: int, *,
        kelvin: float | None = 5200.0, program: int = 1, **_more: Any,
    ) -> Photo:  # fmt: skip
        colour = cast(self.light_k, self.light_k if kelvin is None else kelvin)
        linear = 0.2 * np.array(colour) * (1.0, self.green, 1.0)
        level = np.round(255 * (1.055 * linear ** (1 / 2.4) - 0.055)).astype(np.uint8)
        done, data = cv2.imencode(".jpg", np.full((40, 60, 3), level[::-1]), [cv2.IMWRITE_JPEG_QUALITY, 98])
        assert done
        record = ExposureRecord(shutter_s, f_number, iso, 100.0, False, "card", program, kelvin is None)
        return Photo(with_exif(data.tobytes(), record, {}))

    def preview(self, *_arguments: float) -> bytes | None:
        return None


@pytest.fixture
def before_a_card() -> Iterator[Callable[..., tuple[GPhotoCamera, Any]]]:
    with ExitStack() as stack:

        def make(personality: str, **options: Any) -> tuple[GPhotoCamera, Any]:
            sim = stack.enter_context(make_camera(personality, CardWorld(), SimClock(8.0), **options))
            camera = open_camera(CameraSettings(port=sim.port_name), ScaledClock(8.0))
            assert isinstance(camera, GPhotoCamera)
            stack.callback(camera.close)
            return camera, sim.body

        yield make


@pytest.mark.parametrize("name", ["canon", "sony", "sony-steps"])
def test_the_colour_temperature_of_the_light_is_found(before_a_card: Any, name: str, tmp_path: Path) -> None:
    camera, _ = before_a_card(name, initial={"white_balance": "auto"})
    before = camera.read("whitebalance").value
    balance = measure_balance(camera, REQUEST)
    assert balance.white_balance == "3600 K"
    assert balance.is_set
    assert balance.frames <= 4
    # What is left is the lamp's green, which no colour temperature takes away.
    assert balance.gains == pytest.approx((1.1, 1.0, 1.1), abs=0.03)
    assert balance.tint_stops == pytest.approx(np.log2(1.1), abs=0.03)
    assert balance.left_over is not None
    assert "stops too green at 3600 K" in balance.left_over
    assert balance.model_copy(update={"gains": (1.02, 1.0, 1.02)}).left_over is None
    assert camera.read("whitebalance").value == before
    store = GreyStore(tmp_path)
    store.keep(balance, camera.describe())
    request, found = with_grey(replace(REQUEST, white_balance="Grey"), camera.describe(), store)
    assert (request.white_balance, found) == ("3600 K", balance)
    assert not camera.lock(request).refused
    assert camera.read("colortemperature").value == "3600"
    camera.restore()


def test_a_body_without_colour_temperatures_leaves_gains(before_a_card: Any) -> None:
    camera, _ = before_a_card("generic")
    balance = measure_balance(camera, replace(REQUEST, shutter_s=None, aperture=None))
    assert (balance.white_balance, balance.is_set, balance.frames) == ("Daylight", False, 1)
    assert balance.left_over is not None
    assert "stays at Daylight" in balance.left_over
    left = np.array(cast(3600.0, 5200.0)) * (1.0, 1.1, 1.0) * balance.gains
    assert left / left[1] == pytest.approx(np.ones(3), abs=0.03)


def test_what_was_never_measured_is_refused_and_says_how(tmp_path: Path) -> None:
    store = GreyStore(tmp_path)
    with pytest.raises(UserError, match=r"no grey card.*rig camera grey"):
        with_grey(LockRequest(white_balance="grey"), INFO, store)
    (tmp_path / "ILCE-7RM5-123.json").write_text("{")
    with pytest.raises(UserError, match=r"cannot be read.*again"):
        with_grey(LockRequest(white_balance="grey"), INFO, store)
    assert with_grey(LockRequest(white_balance="Daylight"), INFO, store) == (
        LockRequest(white_balance="Daylight"),
        None,
    )


@pytest.mark.parametrize("white_balance", ["auto", "tungsten"])
@pytest.mark.parametrize(
    ("name", "mode", "program"), [("canon", "A", 3), ("sony", "P", 2), ("generic", "M", 1)]
)
def test_bodies_write_into_exif_what_they_did(
    before_a_card: Any, tmp_path: Path, name: str, mode: str, program: int, white_balance: str
) -> None:
    initial = {"exposure_mode": mode, "white_balance": white_balance}
    camera, body = before_a_card(name, initial=initial)
    body.turn("button", "press")
    order = FetchOrder(str(tmp_path), "hand", 1, 20.0)
    file = camera.ask("waiting for a frame", "follow", order)
    said = read_exif(Path(file.path).read_bytes())
    automatic = white_balance == "auto"
    assert (said.program, said.mode, said.white_balance) == (program, int(mode == "M"), int(not automatic))


def picture(folder: Path, pixels: np.ndarray) -> Path:
    path = folder / "card.png"
    assert cv2.imwrite(str(path), pixels)
    return path


def test_a_card_is_measured_in_light_where_it_is(tmp_path: Path) -> None:
    pixels = np.zeros((100, 200, 3), np.uint8)
    pixels[10:30, 20:60] = (99, 124, 188)  # 8-bit sRGB: blue, green, red
    card = measure_grey(picture(tmp_path, pixels), Region.from_text("0.1,0.1,0.2,0.2"))
    assert (card.red, card.green, card.blue) == pytest.approx((0.5029, 0.2016, 0.1248), abs=2e-4)
    assert np.array(card.gains) * (card.red, card.green, card.blue) == pytest.approx([card.green] * 3)


@pytest.mark.parametrize(
    ("level", "spread", "words"), [(20, 0, "too dark"), (253, 0, "too bright"), (128, 60, "no even card")]
)
def test_what_is_no_card(tmp_path: Path, level: int, spread: int, words: str) -> None:
    stripes = np.where(np.arange(90) % 2, level + spread, level - spread)
    pixels = np.broadcast_to(np.clip(stripes, 0, 255)[None, :, None], (60, 90, 3)).astype(np.uint8)
    with pytest.raises(CameraError, match=words):
        measure_grey(picture(tmp_path, pixels))


def test_what_is_no_picture(tmp_path: Path) -> None:
    (tmp_path / "card.jpg").write_bytes(b"nothing")
    with pytest.raises(DataError):
        measure_grey(tmp_path / "card.jpg")


@pytest.mark.parametrize("text", ["", "0.1,0.1,0.2", "0.9,0,0.2,0.2", "0,0,0,1", "a,b,c,d", "0,0,nan,1"])
def test_regions_that_are_none(text: str) -> None:
    with pytest.raises(UserError, match="no part of the frame"):
        Region.from_text(text)


def test_the_whole_frame_is_a_region() -> None:
    assert Region.from_text("0,0,1,1") == Region(0.0, 0.0, 1.0, 1.0)
    assert Region(0.4, 0.4, 0.2, 0.2) == CENTRE


@given(st.integers(2600, 9800), st.floats(0.5, 2.0))
def test_any_body_is_balanced_by_trying(light_k: int, slope: float) -> None:
    """Bodies whose Kelvin scale is up to twice as steep or as flat as a black body's."""

    def look(kelvin: int) -> GreyCard:
        ratio = 2.0 ** ((1e6 / light_k - 1e6 / kelvin) / 86.7 * slope)
        return GreyCard(0.2 * ratio**0.5, 0.2, 0.2 / ratio**0.5)

    kelvin, seen = balanced_kelvin(look, 5200, (2500.0, 9900.0, 100.0))
    assert seen == look(kelvin)
    # Within a step and a half of the light's own.
    assert abs(1e6 / kelvin - 1e6 / light_k) < 1.5 * 1e6 * 100 / min(light_k, kelvin) ** 2 + 2.0
