"""Dust on the sensor is found in a flat frame, and its shadows are taken off frames."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import imagecodecs
import numpy as np
import pytest
from typer.testing import CliRunner

from stacker import DataError, Development, UserError, load_stack, read_frame
from stacker.cli.app import build_app
from stacker.frames import FrameMetadata
from stacker.io.decode import upright
from stacker.io.development import Recipe
from stacker.io.encode import write_image
from stacker.io.reader import FrameReader
from stacker.io.sensor.dust import dust_of_frames
from stacker.io.sensor.dust_flat import specks_in_flat
from stacker.io.sensor.dust_light import LightPlane, light_of_file
from stacker.io.sensor.dust_mending import mend_dust
from stacker.io.sensor.dust_motion import motions_of
from stacker.io.sensor.dust_search import specks_in_frames
from stacker.io.sensor.specks import Dust, Speck, speck_of_map
from tests.negatives import mosaic, write_dng

SIZE = 240, 360
SPECKS = [(50.0, 60.0, 8.0, 0.3), (120.0, 240.0, 20.0, 0.15), (190.0, 100.0, 30.0, 0.95)]
"""Row, column, diameter, and the part of the light that they take."""


def through(specks: Any = SPECKS) -> Any:
    """What they let through: discs with a soft rim."""
    rows, columns = np.mgrid[: SIZE[0], : SIZE[1]]
    light = np.ones(SIZE)
    for row, column, diameter, loss in specks:
        distance = np.hypot(rows - row, columns - column)
        light *= 1 - loss * np.clip((diameter / 2 - distance) / (0.3 * diameter) + 0.5, 0, 1)
    return light[..., None]


def flat() -> Any:
    """Evenly lit, but for a lens that darkens towards the corners; warm light."""
    rows, columns = np.mgrid[-1 : 1 : SIZE[0] * 1j, -1 : 1 : SIZE[1] * 1j]
    return (0.5 - 0.04 * (rows**2 + columns**2))[..., None] * np.array([1.0, 0.9, 0.7])


def subject(seed: int = 1) -> Any:
    """Soft blobs, so that what is carried on into an opaque speck can be right."""
    blobs = cv2.GaussianBlur(np.random.default_rng(seed).random((*SIZE, 3)), (0, 0), 12.0)
    return 0.35 + 4.0 * (blobs - 0.5)


def coded(light: Any, bits: int = 8) -> Any:
    white = 2**bits - 1
    light = light + np.random.default_rng(9).normal(0.0, 0.004, np.shape(light))
    curve = np.where(light <= 0.0031308, 12.92 * light, 1.055 * np.maximum(light, 0) ** (1 / 2.4) - 0.055)
    return np.rint(np.clip(curve, 0, 1) * white).astype(f"uint{bits}")


def write_jpeg(path: Path, pixels: Any) -> Path:
    path.write_bytes(
        bytes(imagecodecs.jpeg8_encode(np.ascontiguousarray(pixels), level=97, subsampling="444"))
    )
    return path


def worst(seen: Any, expected: Any) -> float:
    """The largest error of means over some pixels, which have less noise; of white."""
    off = np.asarray(seen, np.float32) - np.asarray(expected, np.float32)
    white = 65535.0 if seen.dtype == np.uint16 else 255.0
    return float(np.abs(cv2.GaussianBlur(off, (0, 0), 1.5)).max() / white)


def test_raw_frames_are_mended_by_a_raw_flat(tmp_path: Path) -> None:
    write_dng(tmp_path / "flat.dng", mosaic(flat() * through(), 10.0, 1))
    frame = write_dng(tmp_path / "frame.dng", mosaic(subject() * through(), 10.0, 2))
    clean = read_frame(write_dng(tmp_path / "clean.dng", mosaic(subject(), 10.0, 3))).pixels
    reader = FrameReader(Development(flat=tmp_path / "flat.dng"))
    mended = reader.read(frame).pixels
    assert worst(read_frame(frame).pixels, clean) > 0.3
    assert worst(mended, clean) < 0.02
    assert reader.recipe is not None
    assert reader.recipe.dust is not None
    assert reader.recipe.dust.size_px == SIZE[::-1]
    told = {(speck.centre_px, speck.diameter_px, speck.loss) for speck in reader.recipe.dust.specks}
    assert len(told) == len(SPECKS)
    for (x, y), diameter, loss in told:
        row, column, wide, lost = min(SPECKS, key=lambda speck: abs(speck[0] - y))
        assert (y, x) == pytest.approx((row, column), abs=0.5)
        assert diameter == pytest.approx(wide, rel=0.1)
        assert loss == pytest.approx(lost, abs=0.03)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_specks_stay_where_they_are_on_the_sensor_however_a_frame_is_turned(orientation: int) -> None:
    losses = 1 - through(SPECKS[:1])[44:57, 54:67, 0]
    dust = Dust(SIZE[::-1], False, (speck_of_map(losses, 54, 44, 1),))
    seen = coded(subject() * through(SPECKS[:1]), 16)
    mended = mend_dust(upright(seen, orientation), orientation, Recipe(dust=dust))
    assert worst(mended, upright(coded(subject(), 16), orientation)) < 0.003
    assert np.array_equal(mend_dust(seen[:-9], 1, Recipe(dust=dust)), seen[:-9])  # another camera's


def test_white_stays_white_and_a_reduced_picture_is_mended_as_well() -> None:
    losses = 1 - through(SPECKS[1:2])[100:141, 220:261, 0]
    dust = Dust(SIZE[::-1], False, (speck_of_map(losses, 220, 100, 1),))
    burnt = coded(np.full((*SIZE, 3), 2.0) * through(SPECKS[1:2]))
    assert mend_dust(burnt, 1, Recipe(dust=dust)).min() == 255
    small = cv2.resize(
        coded(subject() * through(SPECKS[1:2])), None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA
    )
    clean = cv2.resize(coded(subject()), None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
    assert worst(small, clean) > 0.03
    assert worst(mend_dust(small, 1, Recipe(dust=dust)), clean) < 0.008


def test_a_flat_jpeg_mends_a_stack_of_jpegs_in_all_that_reads_it(tmp_path: Path) -> None:
    """In the picture of ``fuse``, and in the frames that a stack folder leads to."""
    write_jpeg(tmp_path / "flat.jpg", coded(flat() * through()))
    (tmp_path / "in").mkdir()
    for at in range(2):
        write_jpeg(tmp_path / "in" / f"{at}.jpg", coded(subject() * through()))
    call = ["fuse", str(tmp_path / "in"), "-o", str(tmp_path / "out.tif"), "--no-align", "--keep"]
    done = CliRunner().invoke(build_app(), [*call, "--flat", str(tmp_path / "flat.jpg"), "--json"])
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)["development"]["dust"]
    assert sorted(round(speck["diameter_px"] / 10) for speck in told) == [1, 2, 3]
    stack = load_stack(tmp_path / "out.stack")
    source = stack.sources[0]
    assert source is not None
    assert worst(stack.image, coded(subject())) < 0.02
    assert worst(read_frame(source.path, 1, source.recipe).pixels, coded(subject())) < 0.02
    without = replace(source.recipe or Recipe(), dust=None)
    assert worst(read_frame(source.path, 1, without).pixels, coded(subject())) > 0.2
    summary = CliRunner().invoke(build_app(), [*call, "--flat", str(tmp_path / "flat.jpg")])
    assert "3 specks of dust mended" in summary.output


@pytest.mark.parametrize(
    ("name", "light", "why"),
    [
        ("none.jpg", None, "There is no flat frame"),
        ("dark.jpg", flat() * 0.02, "too dark for a flat frame"),
        ("bright.jpg", flat() * 3, "too bright for a flat frame"),
        (
            "subject.jpg",
            subject() + 0.2 * (np.random.default_rng(0).random((*SIZE, 1)) - 0.5),
            "is no flat frame",
        ),
        ("shaded.jpg", flat() * (np.arange(SIZE[1])[:, None] > 30), "too dark for a flat frame"),
        ("small.jpg", flat()[:-8], "has 360 × 232 px and the frames 360 × 240 px"),
        ("turned.jpg", np.swapaxes(flat(), 0, 1), "it was turned when it was saved"),
        ("flat.dng", flat(), "the flat frame .* is one: bodies crop"),
    ],
)
def test_what_is_no_flat_frame_is_refused(tmp_path: Path, name: str, light: Any, why: str) -> None:
    frame = write_jpeg(tmp_path / "frame.jpg", coded(subject()))
    if name.endswith("dng"):
        write_dng(tmp_path / name, mosaic(light))
    elif light is not None:
        write_jpeg(tmp_path / name, coded(light))
    with pytest.raises(UserError, match=why):
        FrameReader(Development(flat=tmp_path / name)).begin([frame], 0)


def test_a_damaged_flat_jpeg_is_told_as_such(tmp_path: Path) -> None:
    frame = write_jpeg(tmp_path / "frame.jpg", coded(subject()))
    whole = write_jpeg(tmp_path / "flat.jpg", coded(flat())).read_bytes()
    half = len(whole) // 2
    (tmp_path / "flat.jpg").write_bytes(whole[:half] + b"\0" * 400 + whole[half + 400 :])
    with pytest.raises(DataError, match="is damaged"):
        FrameReader(Development(flat=tmp_path / "flat.jpg")).begin([frame], 0)


def test_a_flat_of_a_few_pixels_is_refused() -> None:
    plain = LightPlane(np.full((20, 30), np.log(0.5), np.float32), np.ones((20, 30), bool), 1, (30, 20))
    with pytest.raises(UserError, match="30 × 20 px, where 80 at least"):
        specks_in_flat(plain, "flat.png")


def test_more_pixels_than_pillow_likes_are_no_warning(tmp_path: Path) -> None:
    path = tmp_path / "large.jpg"
    path.write_bytes(bytes(imagecodecs.jpeg8_encode(np.full((8000, 11200), 128, np.uint8), level=50)))
    assert light_of_file(path, 4000).log.shape == (2000, 2800)


def test_a_raw_flat_of_another_body_is_refused(tmp_path: Path) -> None:
    frame = write_dng(tmp_path / "frame.dng", mosaic(subject()))
    write_dng(tmp_path / "flat.dng", mosaic(flat()[:, :-4]))
    write_image(tmp_path / "flat.tif", coded(flat()), FrameMetadata())
    for name, why in (("flat.dng", "not of the body"), ("flat.tif", "is no RAW file")):
        with pytest.raises(UserError, match=why):
            FrameReader(Development(flat=tmp_path / name)).begin([frame], 0)


FOUND = [(50.0, 70.0, 6.0, 0.3), (150.0, 300.0, 8.0, 0.2), (200.0, 60.0, 5.0, 0.4)]
"""As `SPECKS`, as small as they are beside a real frame."""


def stack(scale: float, specks: Any = FOUND, spot: Any = None, count: int = 7) -> list[Any]:
    """Linear light of frames focused through a subject that grows by that factor from one to the next.

    Over the sensor lie specks; the subject has a spot, at a row and a column of its middle frame, that is
    never sharp, so that it looks like a speck.
    """
    rng = np.random.default_rng(4)
    fine = 0.4 + 0.06 * (rng.random((*SIZE, 3)) - 0.5)
    fine[:, :: SIZE[1] // 4] *= 0.6  # lines, by which to register
    fine[:: SIZE[0] // 4] *= 0.6
    depth = np.linspace(0, count - 1, SIZE[1])[None, :, None]
    shots = []
    for at in range(count):
        sharp, soft, vague = (cv2.GaussianBlur(fine, (0, 0), sigma) for sigma in (0.7, 2.0, 5.0))
        off = np.abs(depth - at)
        light = np.where(off < 1, sharp, np.where(off < 2, soft, vague))
        if spot is not None:
            light = light * through([(*spot, 8.0, 0.3)])
        grown = cv2.getRotationMatrix2D((SIZE[1] / 2, SIZE[0] / 2), 0, scale ** (at - count // 2))
        light = cv2.warpAffine(light, grown, SIZE[::-1], borderMode=cv2.BORDER_REFLECT)
        noise = np.random.default_rng(at).normal(0.0, 0.004, light.shape)
        shots.append(light * through(specks) + noise)
    return shots


def planes_of(lights: Sequence[Any]) -> list[LightPlane]:
    return [
        LightPlane(np.log(light.mean(axis=2)).astype(np.float32), np.ones(SIZE, bool), 1, SIZE[::-1])
        for light in lights
    ]


def places_of(specks: Sequence[Speck]) -> list[tuple[float, float]]:
    return sorted((round(y), round(x)) for x, y in (speck.centre_px for speck in specks))


def test_specks_are_found_in_the_frames_with_their_profiles() -> None:
    planes = planes_of(stack(1.04))
    found = specks_in_frames(planes, motions_of(planes))
    assert places_of(found) == [place[:2] for place in FOUND]
    for speck in found:
        _, _, diameter, loss = min(FOUND, key=lambda place: abs(place[0] - speck.centre_px[1]))
        assert speck.diameter_px == pytest.approx(diameter, rel=0.25)
        assert speck.loss == pytest.approx(loss, rel=0.15)


@pytest.mark.parametrize("spot", [(60.0, 90.0), (170.0, 250.0)])
def test_a_dark_spot_of_the_subject_moves_with_it_and_is_left_alone(spot: tuple[float, float]) -> None:
    planes = planes_of(stack(1.015, (), spot))  # by little more than its radius
    assert specks_in_frames(planes, motions_of(planes)) == ()


def test_where_nothing_moves_nothing_is_taken_for_dust() -> None:
    """A spot of the subject and a speck are the same there."""
    planes = planes_of(stack(1.0))
    assert specks_in_frames(planes, motions_of(planes)) == ()
    dust, trouble = dust_of_frames(planes, (), raw=False)
    assert dust == Dust(SIZE[::-1], False, ())
    assert trouble is not None
    assert "hardly moves" in trouble


def test_fewer_than_five_frames_tell_nothing() -> None:
    assert dust_of_frames(planes_of(stack(1.04)[:4]), (), raw=True)[0] is None


@pytest.mark.parametrize("raw", [True, False])
def test_frames_are_mended_of_what_they_show_themselves(tmp_path: Path, raw: bool) -> None:
    """RAW frames by default, others when asked to."""
    shots = stack(1.04)
    if raw:
        large = [cv2.resize(light, None, fx=2, fy=2, interpolation=cv2.INTER_LINEAR) for light in shots]
        paths = [write_dng(tmp_path / f"{at}.dng", mosaic(light, 20.0, at)) for at, light in enumerate(large)]
    else:
        paths = [write_jpeg(tmp_path / f"{at}.jpg", coded(light)) for at, light in enumerate(shots)]
    reader = FrameReader(Development(mend_dust=None if raw else True))
    reader.begin(paths, 3)
    assert reader.recipe is not None
    assert reader.recipe.dust is not None
    size = 2 if raw else 1
    found = [(y // size, x // size) for y, x in places_of(reader.recipe.dust.specks)]
    assert found == [place[:2] for place in FOUND]
    row, column = found[0]
    seen, mended = (
        FrameReader(Development(mend_dust=False)).read(paths[6]).pixels,
        reader.read(paths[6]).pixels,
    )
    middle = np.s_[size * row - 1 : size * row + 2, size * column - 1 : size * column + 2]
    assert mended[middle].mean() > 1.1 * seen[middle].mean()
    off = FrameReader(Development(mend_dust=False if raw else None))
    off.begin(paths, 3)
    assert off.recipe is not None
    assert off.recipe.dust is None
