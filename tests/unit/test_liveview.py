"""Live view: peaking against noise and blur, what is drawn, the feed, the address, rest and end."""

from __future__ import annotations

import http.client
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from hardware_sims.bench import Bench, Order
from hardware_sims.live import LiveRenderer, Sight
from hypothesis import given
from hypothesis import strategies as st

from rig.errors import CameraError, UserError
from rig.liveview.looks import Looks
from rig.liveview.overlay import COLOURS, Magnify
from rig.liveview.peaking import in_focus, measure, sharpness
from rig.liveview.run import Preview, PreviewFrame, served
from rig.liveview.server import parse_address

ROWS, COLUMNS = 240, 320


def scene(
    blur_px: float = 0.6, noise: float = 0.0, *, contrast: float = 120.0, tiles: int = 24
) -> np.ndarray:
    """Patches of random brightness on half a picture, plain wall on the other; grey, uint8."""
    random = np.random.default_rng(1)
    patches = random.uniform(-0.5, 0.5, (ROWS // tiles, COLUMNS // tiles)).astype(np.float32)
    picture = 110 + contrast * cv2.resize(patches, (COLUMNS, ROWS), interpolation=cv2.INTER_NEAREST)
    picture[:, : COLUMNS // 2] = 110
    picture = cv2.GaussianBlur(picture, (0, 0), blur_px)
    return np.clip(picture + random.normal(0, noise, picture.shape), 0, 255).astype(np.uint8)


def peaked(gray: np.ndarray) -> float:
    return float((in_focus(measure(gray)) > 0).mean())


def jpeg(gray: np.ndarray, quality: int = 90) -> bytes:
    done, data = cv2.imencode(
        ".jpg", cv2.cvtColor(gray, cv2.COLOR_GRAY2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality]
    )
    assert done
    return bytes(data.tobytes())


def picture(data: bytes) -> np.ndarray:
    found = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert found is not None
    return np.asarray(found)


@pytest.mark.parametrize("noise", [0.0, 1.0, 3.0, 6.0])
def test_noise_alone_is_not_peaked(noise: float) -> None:
    assert peaked(scene(noise=noise, contrast=0)) < 0.002


@pytest.mark.parametrize("noise", [0.0, 2.0, 4.0])
def test_edges_in_focus_are_peaked_in_any_noise_and_those_out_of_it_are_not(noise: float) -> None:
    sharp, blurred = peaked(scene(0.6, noise)), peaked(scene(2.5, noise))
    assert sharp > 0.02
    assert blurred < sharp / 20


def test_a_weak_edge_in_focus_counts_and_a_strong_one_out_of_it_does_not() -> None:
    assert peaked(scene(0.6, 1.0, contrast=60)) > 0.015
    assert peaked(scene(2.5, 1.0, contrast=250)) < 0.001


def test_a_picture_that_is_all_texture_does_not_lose_its_peaking() -> None:
    random = np.random.default_rng(2)
    texture = cv2.GaussianBlur(random.uniform(0, 255, (ROWS, COLUMNS)).astype(np.float32), (0, 0), 0.8)
    sharp = np.clip(texture, 0, 255).astype(np.uint8)
    assert peaked(sharp) > 0.02
    assert peaked(cv2.GaussianBlur(sharp, (0, 0), 2.0)) < 0.002


def test_peaking_and_sharpness_are_highest_at_best_focus() -> None:
    blurs = (3.0, 1.8, 1.0, 0.6, 1.0, 1.8, 3.0)
    seen = [measure(picture(jpeg(scene(blur, 2.0), 80))[..., 1]) for blur in blurs]
    shares = [float((in_focus(s) > 0).mean()) for s in seen]
    sharp = [sharpness(s) for s in seen]
    assert int(np.argmax(shares)) == int(np.argmax(sharp)) == 3
    assert shares[3] > 3 * max(shares[2], shares[4])
    assert sharp[0] < sharp[1] < sharp[2]


def test_the_edge_of_a_burnt_area_is_no_edge_of_the_subject() -> None:
    gray = np.full((ROWS, COLUMNS), 120, np.uint8)
    cv2.circle(gray, (160, 120), 60, 255, -1)
    assert peaked(gray) == 0


def test_what_is_drawn_is_where_it_belongs() -> None:
    gray = scene(0.6, 1.0)
    gray[:40, :40] = 255
    plain = Looks().show(jpeg(gray))
    assert plain.jpeg == jpeg(gray)  # nothing is drawn: the body's own bytes
    assert plain.peaked is None
    assert plain.clipped_white == pytest.approx(40 * 40 / gray.size, rel=0.1)
    drawn = Looks("red", None, histogram=True).show(jpeg(gray))
    shown = picture(drawn.jpeg)
    assert drawn.peaked is not None
    assert drawn.peaked > 0.01
    assert 0.3 < (shown[:40, :40].mean(axis=2) < 100).mean() < 0.7  # stripes
    red = (shown[..., 2] > 150) & (shown[..., 0] < 110)
    assert red[45:150, 170:].mean() > 0.02
    assert red[45:150, 45:150].mean() < 0.002  # the wall


def test_a_part_is_shown_larger_and_its_sharpness_is_told() -> None:
    gray = scene(0.6, 1.0)
    wall, patches = (Looks(magnify=Magnify(x, 0.3, 4)).show(jpeg(gray)) for x in (0.2, 0.8))
    assert patches.sharpness > 5 * wall.sharpness
    shown = picture(patches.jpeg)
    down, along = Magnify(0.8, 0.3, 4).window(gray.shape)
    height, width = round(ROWS * 0.45), round(COLUMNS * 0.45)
    larger = cv2.resize(gray[down, along], (width, height), interpolation=cv2.INTER_LINEAR).astype(float)
    inset = shown[ROWS - height :, :width, 1].astype(float)
    inside = (slice(4, -4), slice(40, -4))
    assert np.abs(inset[inside] - larger[inside]).mean() < 6


def test_simulated_is_drawn_in() -> None:
    shown = picture(Looks(simulated=True).show(jpeg(scene(contrast=0))).jpeg)
    magenta = (shown[..., 2] > 160) & (shown[..., 1] < 140)
    assert magenta[:40].sum() > 100
    assert not magenta[60:].any()


@given(
    st.floats(0, 1), st.floats(0, 1), st.floats(1, 16), st.sampled_from([(683, 1024), (64, 96), (33, 200)])
)
def test_a_magnified_part_lies_inside(x: float, y: float, zoom: float, shape: tuple[int, int]) -> None:
    down, along = Magnify(x, y, zoom).window(shape)
    assert 0 <= down.start < down.stop <= shape[0]
    assert 0 <= along.start < along.stop <= shape[1]


@pytest.mark.parametrize(
    "text", ["", "1", "0.5,0.5,0", "2,0.5", "a,b", "0.5,0.5,4,4", "nan,0.5", "0.5,0.5,99"]
)
def test_a_place_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(UserError, match=r"0\.5,0\.5,4"):
        Magnify.from_text(text)


def test_addresses() -> None:
    assert [parse_address(t) for t in ("8041", ":8041", "127.0.0.1:8041", "localhost:0")] == [
        8041,
        8041,
        8041,
        0,
    ]
    for text in ("0.0.0.0:8041", "192.168.1.2:8041"):
        with pytest.raises(UserError, match="no password"):
            parse_address(text)
    for text in ("", "http", "127.0.0.1:x", "99999"):
        with pytest.raises(UserError, match="port"):
            parse_address(text)


def test_bytes_that_are_no_picture_are_said() -> None:
    for data in (b"\xff\xd8 nothing", b""):
        with pytest.raises(CameraError, match="no picture"):
            Looks().show(data)


class Body:
    """Gives numbered frames at a rate, and counts how often it is switched."""

    def __init__(self, fps: float = 50) -> None:
        self.taken = self.ended = self.begun = 0
        self._fps, self._on = fps, False

    def frame(self) -> bytes:
        self.begun += not self._on
        self._on = True
        time.sleep(1 / self._fps)
        self.taken += 1
        return jpeg(np.full((64, 96), min(self.taken, 255), np.uint8))

    def end(self) -> None:
        self.ended += self._on
        self._on = False


def test_files_are_whole_numbered_and_the_body_is_put_back(tmp_path: Path) -> None:
    body = Body()
    view = Preview(body, Looks(simulated=True), folder=tmp_path)
    frames = list(view.frames(lambda: False, 4))
    assert [f.path.name for f in frames if f.path] == [f"SIMULATED_live_{n:05d}.jpg" for n in range(1, 5)]
    assert all(picture(f.path.read_bytes()).shape == (64, 96, 3) for f in frames if f.path)
    assert sorted(p.name for p in tmp_path.iterdir()) == [f.path.name for f in frames if f.path]
    assert (body.begun, body.ended) == (1, 1)


def test_a_body_that_fails_is_put_back_and_says_so() -> None:
    body = Body()
    body.frame()

    def fail() -> bytes:
        raise CameraError("the cable was pulled")

    body.frame = fail  # type: ignore[method-assign]
    with pytest.raises(CameraError, match="the cable was pulled"):
        list(Preview(body, Looks()).frames(lambda: False))
    assert body.ended == 1


class Shown:
    """A preview that is served, shown by a thread until the test ends."""

    def __init__(self, body: Body, idle_s: float) -> None:
        self.body, self._done = body, threading.Event()
        self.frames: list[PreviewFrame] = []
        self._context = served("0")
        feed, server = self._context.__enter__()
        assert server is not None
        self.server = server
        self.view = Preview(body, Looks(), feed=feed, idle_s=idle_s)
        self._thread = threading.Thread(target=self._show)
        self._thread.start()

    def _show(self) -> None:
        self.frames.extend(self.view.frames(self._done.is_set))

    def close(self) -> None:
        self._done.set()
        self._thread.join()
        self._context.__exit__(None, None, None)


@pytest.fixture
def shown() -> Iterator[Shown]:
    found = Shown(Body(), idle_s=0.5)
    yield found
    found.close()


def numbers(stream: object, count: int) -> list[int]:
    """The brightness, which is the number, of the next frames of an MJPEG stream."""
    found = []
    for _ in range(count):
        lines = [stream.readline() for _ in range(4)]  # type: ignore[attr-defined]
        assert lines[0] == b"--focusrig-frame\r\n"
        assert lines[1] == b"Content-Type: image/jpeg\r\n"
        data = stream.read(int(lines[2].split(b":")[1]))  # type: ignore[attr-defined]
        assert stream.read(2) == b"\r\n"  # type: ignore[attr-defined]
        found.append(round(float(picture(data).mean())))
    return found


def test_several_viewers_see_every_frame_once(shown: Shown) -> None:
    with (
        urllib.request.urlopen(shown.server.stream) as one,
        urllib.request.urlopen(shown.server.stream) as two,
    ):
        assert "multipart/x-mixed-replace" in one.headers["Content-Type"]
        first, second = numbers(one, 10), numbers(two, 10)
    for seen in (first, second):
        assert seen == sorted(set(seen))  # in order, none twice
        assert seen[-1] - seen[0] < 14  # and next to none left out
    with urllib.request.urlopen(shown.server.address) as page:
        assert b"/live.mjpg" in page.read()


def test_the_body_rests_while_nobody_looks_on_and_wakes_for_the_next(shown: Shown) -> None:
    with urllib.request.urlopen(shown.server.stream) as stream:
        numbers(stream, 3)
    deadline = time.monotonic() + 10
    while not shown.body.ended and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not shown.view.grabber.running
    assert (shown.body.begun, shown.body.ended) == (1, 1)
    rested = shown.body.taken
    with urllib.request.urlopen(shown.server.address.rstrip("/") + "/frame.jpg") as one:
        assert round(float(picture(one.read()).mean())) > rested  # none from before the rest
    with urllib.request.urlopen(shown.server.stream) as stream:
        numbers(stream, 3)
    assert shown.body.begun == 2


def test_a_page_from_elsewhere_cannot_look_in(shown: Shown) -> None:
    host, port = "127.0.0.1", int(shown.server.address.split(":")[2].rstrip("/"))
    for name, status in ((f"evil.example:{port}", 403), (f"localhost:{port}", 200)):
        connection = http.client.HTTPConnection(host, port)
        connection.request("GET", "/", headers={"Host": name})
        assert connection.getresponse().status == status
        connection.close()
    connection = http.client.HTTPConnection(host, port)
    connection.request("GET", "/etc/passwd")
    assert connection.getresponse().status == 404
    connection.close()


def test_a_taken_address_is_said(shown: Shown) -> None:
    port = shown.server.address.split(":")[2].rstrip("/")
    with pytest.raises(UserError, match="cannot be used"), served(port):
        pass


def test_every_colour_has_a_name_of_its_own() -> None:
    assert len(set(COLOURS.values())) == len(COLOURS)


def test_on_the_bench_the_peaked_share_is_highest_where_the_target_is_in_focus() -> None:
    """The body's own live view of a textured card that is in focus at 10 mm, at f/5.6."""
    simulator = {"target": "texture", "target_at": 10.0, "pixels": [480, 320]}
    bench = Bench(Order.read({"simulator": simulator}))
    try:
        world = bench.world
        live = LiveRenderer(world.renderer, world.lens, 480, seed=1)
        assert live.frame(Sight(10.0, world.lens, 1.0)) is None  # it is being painted
        live.close()
        places = np.arange(4.0, 16.1, 1.5)
        frames = [live.frame(Sight(float(x), world.lens.stopped_to(5.6), 1.0)) for x in places]
        looks = Looks("red")
        shown = [looks.show(frame) for frame in frames if frame is not None]
    finally:
        bench.close()
    shares = [s.peaked or 0.0 for s in shown]
    assert len(shares) == len(places)
    assert int(np.argmax(shares)) == int(np.argmax([s.sharpness for s in shown])) == 4
    assert shares[4] > 0.05
    assert max(shares[:2] + shares[-2:]) < shares[4] / 20  # nothing floods where nothing is in focus
