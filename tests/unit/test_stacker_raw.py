"""RAW files: one white balance, one exposure, one set of levels for all frames of a stack."""

from __future__ import annotations

import io
import json
import shutil
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import imagecodecs
import numpy as np
import PIL.Image
import PIL.ImageCms
import pytest
import tifffile
from hardware_sims.colour import cast
from hardware_sims.sensor import srgb_encode

from stacker import (
    DataError,
    Development,
    Highlights,
    Options,
    Pairs,
    Recipe,
    Stacker,
    UserError,
    WhiteBalance,
    check_image,
    fuse_files,
    list_frames,
    load_stack,
    read_frame,
    write_image,
)
from stacker.cli import main
from stacker.cli.development_options import DevelopmentOptions
from stacker.io.development import GreyPatch, parse_grey, parse_white_balance
from stacker.io.reader import FrameReader
from tests.negatives import NEUTRAL, mosaic, write_dng

pytestmark = pytest.mark.timeout(400)
"""The first fusion of 16 bits compiles its loops, which takes minutes where other work fills the machine."""


def patches(height: int = 96, width: int = 144) -> Any:
    """Linear light: a red, a green, a blue and a grey quarter, within the gamut of sRGB."""
    light = np.empty((height, width, 3))
    light[: height // 2, : width // 2] = 0.5, 0.2, 0.15
    light[: height // 2, width // 2 :] = 0.2, 0.45, 0.2
    light[height // 2 :, : width // 2] = 0.15, 0.2, 0.5
    light[height // 2 :, width // 2 :] = 0.3, 0.3, 0.3
    return light


def quarters(pixels: Any) -> Any:
    """Mean of the middle of each quarter, as a share of white, (4, 3)."""
    height, width = pixels.shape[:2]
    scale = 255.0 if pixels.dtype == np.uint8 else 65535.0
    parts = [
        pixels[y + 10 : y + height // 2 - 10, x + 10 : x + width // 2 - 10]
        for y in (0, height // 2)
        for x in (0, width // 2)
    ]
    return np.array([part.mean(axis=(0, 1)) / scale for part in parts])


def expected(light: Any) -> Any:
    """What `quarters` finds of the same light on the curve of sRGB."""
    return quarters(np.rint(65535 * srgb_encode(light)).astype(np.uint16))


def frames(folder: Path, count: int = 3, **tags: Any) -> list[Path]:
    """A stack in which something moves: texture on the quarters, shifted by a pixel a frame."""
    rng = np.random.default_rng(5)
    texture = 1 + 0.5 * (rng.random((160, 208, 1)) - 0.5)
    light = patches(160, 208) * texture
    folder.mkdir(parents=True, exist_ok=True)
    return [
        write_dng(folder / f"DSC{at:04d}.DNG", mosaic(np.roll(light, at, axis=1), 8.0, at), **tags)
        for at in range(1, count + 1)
    ]


def run(*arguments: object) -> Any:
    """What the command prints, and its exit code."""
    out, err, code = io.StringIO(), io.StringIO(), 0
    argv, sys.argv = sys.argv, ["stacker", *(str(argument) for argument in arguments)]
    try:
        with redirect_stdout(out), redirect_stderr(err):
            main()
    except SystemExit as end:
        code = int(end.code or 0)
    finally:
        sys.argv = argv
    return SimpleNamespace(
        exit_code=code, stdout=out.getvalue(), stderr=err.getvalue(), output=out.getvalue() + err.getvalue()
    )


# ---- decoding ----


def test_light_is_developed_to_the_curve_of_srgb_in_sixteen_bits(tmp_path: Path) -> None:
    frame = read_frame(write_dng(tmp_path / "a.dng", mosaic(patches())))
    assert frame.pixels.dtype == np.uint16
    assert quarters(frame.pixels) == pytest.approx(expected(patches()), abs=0.002)
    assert PIL.ImageCms.getProfileDescription(_profile(frame)).strip() == "sRGB"
    assert (frame.metadata.raw, frame.metadata.orientation, frame.notes) == (True, 1, ())


def _profile(frame: Any) -> Any:
    return PIL.ImageCms.ImageCmsProfile(io.BytesIO(frame.metadata.icc))


def test_brightness_does_not_follow_what_is_in_a_frame(tmp_path: Path) -> None:
    """LibRaw's own defaults brighten every frame until a hundredth of it is white."""
    dark, bright = patches(), patches()
    bright[:40, :60], dark[:40, :60] = 0.95, 0.01
    values = [
        quarters(read_frame(write_dng(tmp_path / "a.dng", mosaic(light))).pixels)[1:]
        for light in (dark, bright)
    ]
    assert values[0] == pytest.approx(values[1], abs=0.001)


def test_levels_and_balance_of_the_first_frame_hold_for_all(tmp_path: Path) -> None:
    """Bodies on automatic white balance, and black levels that are measured anew for each frame."""
    light = patches()
    first = write_dng(tmp_path / "1.dng", mosaic(light))
    second = write_dng(
        tmp_path / "2.dng", mosaic(light), black=(500, 505, 507, 509), white=15000, wb=(0.6, 1.0, 0.5)
    )
    reader = FrameReader(Development())
    one, two = (quarters(reader.read(path).pixels) for path in (first, second))
    assert one == pytest.approx(two, abs=0.0005)
    assert np.abs(quarters(read_frame(second).pixels) - one).max() > 0.02  # alone it looks otherwise


def test_black_of_each_colour_is_taken_off(tmp_path: Path) -> None:
    counts = mosaic(patches()).astype(int)
    for at, more in enumerate((0, 8, -12, -7)):
        y, x = divmod(at, 2)
        counts[y::2, x::2] += more
    path = write_dng(tmp_path / "a.dng", counts.astype(np.uint16), black=(512, 520, 500, 505))
    assert quarters(read_frame(path).pixels) == pytest.approx(expected(patches()), abs=0.002)


def test_the_frame_is_what_its_maker_shows_and_upright(tmp_path: Path) -> None:
    light = patches()
    light[20:24, 30:34] = 0.9
    whole = read_frame(write_dng(tmp_path / "a.dng", mosaic(light))).pixels
    shown = read_frame(write_dng(tmp_path / "b.dng", mosaic(light), crop=(8, 6, 120, 80)))
    assert (shown.pixels == whole[6:86, 8:128]).all()
    turned = read_frame(write_dng(tmp_path / "c.dng", mosaic(light), orientation=6))
    assert (turned.pixels == np.rot90(whole, -1)).all()
    assert turned.source is not None
    assert turned.source.orientation == 6
    assert (read_frame(tmp_path / "c.dng", orientation=1).pixels == whole).all()


@pytest.mark.parametrize("space", ["p3", "adobe-rgb", "prophoto"])
def test_other_colour_spaces_show_the_same_colours(tmp_path: Path, space: str) -> None:
    path = write_dng(tmp_path / "a.dng", mosaic(patches()))
    frame = FrameReader(Development(space=space)).read(path)
    eight = PIL.Image.fromarray((frame.pixels >> 8).astype(np.uint8))
    shown = PIL.ImageCms.profileToProfile(eight, _profile(frame), PIL.ImageCms.createProfile("sRGB"))
    assert shown is not None
    assert quarters(np.asarray(shown)) == pytest.approx(expected(patches()), abs=0.012)
    assert np.abs(quarters(frame.pixels) - expected(patches())).max() > 0.02


def test_highlights_that_are_blended_leave_the_rest_as_bright(tmp_path: Path) -> None:
    light = patches()
    light[10:20, 10:20] = 3.0, 1.2, 0.9
    path = write_dng(tmp_path / "a.dng", mosaic(light))
    clipped, blended = (FrameReader(Development(highlights=kind)).read(path).pixels for kind in Highlights)
    assert quarters(blended)[1:] == pytest.approx(quarters(clipped)[1:], abs=0.002)
    assert (clipped[12:18, 12:18, :2] > 65000).all()


def test_stops_brighten(tmp_path: Path) -> None:
    path = write_dng(tmp_path / "a.dng", mosaic(patches()))
    brighter = FrameReader(Development(ev=0.5)).read(path).pixels
    assert quarters(brighter) == pytest.approx(expected(patches() * 2**0.5), abs=0.003)


# ---- white balance ----


@pytest.mark.parametrize("kelvin", [2800.0, 5200.0, 9000.0])
def test_kelvin_makes_light_of_that_temperature_grey(tmp_path: Path, kelvin: float) -> None:
    """The bench knows the colour of a black body by another fit than ours."""
    light = np.full((64, 96, 3), 0.2) * cast(kelvin, 6500.0)
    daylight = np.array(cast(6500.0, 5200.0)) / np.array(cast(6504.0, 5200.0))
    path = write_dng(tmp_path / "a.dng", mosaic(light * daylight / light.max() * 0.4))
    asked = Development(white_balance=WhiteBalance.KELVIN, kelvin=kelvin)
    red, green, blue = FrameReader(asked).read(path).pixels[20:40, 20:60].mean(axis=(0, 1))
    assert (red / green, blue / green) == pytest.approx((1, 1), abs=0.03)
    plain = read_frame(path).pixels[20:40, 20:60].mean(axis=(0, 1))
    assert abs(plain[0] / plain[2] - 1) > 0.03


def test_camera_and_daylight_are_the_files_own(tmp_path: Path) -> None:
    path = write_dng(tmp_path / "a.dng", mosaic(patches()), wb=(0.7, 1.0, 0.4))
    camera = FrameReader(Development())
    camera.read(path)
    daylight = FrameReader(Development(white_balance=WhiteBalance.DAYLIGHT))
    daylight.read(path)
    assert _factors(camera) == pytest.approx((1 / 0.7, 1 / 0.4), rel=1e-3)
    assert _factors(daylight) == pytest.approx((1 / NEUTRAL[0], 1 / NEUTRAL[2]), rel=1e-3)


def _factors(reader: FrameReader) -> tuple[float, float]:
    assert reader.recipe is not None
    assert reader.recipe.levels is not None
    return reader.recipe.levels.multipliers[0], reader.recipe.levels.multipliers[2]


def test_a_file_without_white_balance_is_developed_for_daylight_and_says_so(tmp_path: Path) -> None:
    path = write_dng(tmp_path / "a.dng", mosaic(patches()), wb=None)
    frame = read_frame(path)
    assert "developed for daylight" in frame.notes[0]
    assert quarters(frame.pixels) == pytest.approx(expected(patches()), abs=0.003)


@pytest.mark.parametrize("orientation", [1, 8])
def test_a_grey_patch_of_a_raw_frame_becomes_grey(tmp_path: Path, orientation: int) -> None:
    tint = np.array([1.3, 1.0, 0.6])
    paths = [
        write_dng(tmp_path / f"{at}.dng", mosaic(patches() * tint), orientation=orientation) for at in (1, 2)
    ]
    x, y = (110, 72) if orientation == 1 else (72, 96 + 48 - 110)  # in the grey quarter, upright
    reader = FrameReader(Development(grey=GreyPatch(x, y, 12, frame=2)))
    reader.begin(paths, 0)
    for path in paths:
        grey = quarters(reader.read(path).pixels)[3 if orientation == 1 else 1]
        assert grey / grey.mean() == pytest.approx(1, abs=0.003)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_a_grey_patch_of_developed_frames_becomes_grey(tmp_path: Path, dtype: Any) -> None:
    light = patches() * np.array([1.2, 1.0, 0.7])
    light[:8, :8] = 1.0
    coded = srgb_encode(light)
    whole = 1 if dtype == np.float32 else np.iinfo(dtype).max
    pixels = (coded * whole if whole == 1 else np.rint(coded * whole)).astype(dtype)
    write_image(tmp_path / "a.tif", pixels)
    reader = FrameReader(Development(grey=GreyPatch(110, 72, 12)))
    reader.begin([tmp_path / "a.tif"], 0)
    shown = reader.read(tmp_path / "a.tif")
    found = quarters(shown.pixels.astype(np.float64) / whole * 65535)
    goal = expected(patches() * (light[-1, -1] @ [0.2126, 0.7152, 0.0722] / 0.3))
    assert found == pytest.approx(goal, abs=0.006)
    assert (shown.pixels[2:6, 2:6] >= 0.999 * whole).all()  # white stays white
    assert shown.source is not None
    assert shown.source.recipe == reader.recipe


@pytest.mark.parametrize(
    ("patch", "error", "told"),
    [
        ("150,20,8", UserError, r"not within 1\.dng, which is 144 × 96 px"),
        ("140,20,8", UserError, "not within"),
        ("3:20,20,8", UserError, "numbered from 1 to 2"),
        ("0:20,20,8", UserError, "numbered from 1 to 2"),
        ("1:20,20,8", DataError, r"of 1\.dng is clipped"),
        ("2:60,20,8", DataError, r"of 2\.dng is black"),
    ],
)
def test_grey_patches_that_cannot_be(tmp_path: Path, patch: str, error: type, told: str) -> None:
    light = patches()
    light[:40, :40], light[:40, 45:75] = 2.5, 0.0005
    paths = [write_dng(tmp_path / f"{at}.dng", mosaic(light)) for at in (1, 2)]
    with pytest.raises(error, match=told):
        FrameReader(Development(grey=parse_grey(patch))).begin(paths, 0)


@pytest.mark.parametrize("text", ["", "1,2", "a,b,c", "x:1,2,3", "1,2,0", "1,2,-5", "nan,2,3"])
def test_what_is_no_grey_patch(text: str) -> None:
    with pytest.raises(UserError, match="--grey"):
        parse_grey(text)


def test_white_balances_in_words() -> None:
    assert parse_white_balance("Daylight") == (WhiteBalance.DAYLIGHT, None)
    assert parse_white_balance("5200K") == (WhiteBalance.KELVIN, 5200.0)
    with pytest.raises(UserError, match='not "auto"'):
        parse_white_balance("auto")
    for kelvin in (1999.0, 15001.0):
        with pytest.raises(UserError, match="2000 to 15000 K"):
            Development(white_balance=WhiteBalance.KELVIN, kelvin=kelvin)


def test_what_only_raw_frames_can_be_given_is_told_when_there_are_none(tmp_path: Path) -> None:
    write_image(tmp_path / "a.tif", np.zeros((16, 16, 3), np.uint8))
    reader = FrameReader(Development(white_balance=WhiteBalance.DAYLIGHT, ev=0.5))
    reader.begin([tmp_path / "a.tif"], 0)
    assert reader.notes == ("none of the frames is RAW: --white-balance, --ev changes nothing",)
    with pytest.raises(UserError, match="5 EV"):
        Development(ev=5.5)


def test_a_dng_gets_all_colours_that_the_sensor_saw() -> None:
    asked = DevelopmentOptions()
    spaces = [asked.development("keep", Path(f"out.{kind}")).space for kind in ("dng", "tif")]
    assert [*spaces, asked.development("p3", Path("out.jpg")).space] == ["prophoto", "srgb", "p3"]


# ---- whole stacks ----


def test_a_stack_of_raws_is_fused_kept_and_read_again_alike(tmp_path: Path) -> None:
    frames(tmp_path / "in")
    out = tmp_path / "out.tif"
    done = run("fuse", tmp_path / "in", "-o", out, "--keep", "--white-balance", "9000K", "--json")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)["development"]
    assert told["levels"]["camera"] == "TEST body"
    assert told["levels"]["multipliers"][0] > 1 / NEUTRAL[0]  # warmer than daylight is asked for
    result = read_frame(out)
    assert (result.pixels.dtype, result.metadata.raw) == (np.uint16, False)
    stack = load_stack(tmp_path / "out.stack")
    assert stack.options.development.kelvin == 9000.0
    source = stack.sources[0]
    assert source is not None
    assert isinstance(source.recipe, Recipe)
    assert source.recipe.levels is not None
    assert source.recipe.levels.multipliers == tuple(told["levels"]["multipliers"])
    assert run("frames", tmp_path / "out.stack", "-o", tmp_path / "frames").exit_code == 0
    again = read_frame(_first(tmp_path / "frames"))
    assert quarters(again.pixels) == pytest.approx(quarters(result.pixels), abs=0.02)


def _first(folder: Path) -> Path:
    return min(folder.glob("*.tif"))


def test_frames_that_come_one_by_one_are_developed_as_the_first(tmp_path: Path) -> None:
    paths = frames(tmp_path)
    write_dng(paths[1], mosaic(patches(160, 208)), wb=(0.9, 1.0, 0.3))
    stacker = Stacker(Options(align=False))
    for path in paths:
        stacker.add(path)
    recipes = {source.recipe for source in stacker.finish().sources if source is not None}
    assert len(recipes) == 1


def test_a_first_frame_that_cannot_be_read_does_not_decide_how_the_others_are(tmp_path: Path) -> None:
    (tmp_path / "torn.dng").write_bytes(write_dng(tmp_path / "1.dng", mosaic(patches())).read_bytes()[:900])
    asked = Development(white_balance=WhiteBalance.KELVIN, kelvin=3000.0)
    torn, whole = FrameReader(asked), FrameReader(asked)
    with pytest.raises(DataError):
        torn.read(tmp_path / "torn.dng")
    shown = [reader.read(tmp_path / "1.dng").pixels for reader in (torn, whole)]
    np.testing.assert_array_equal(*shown)
    assert torn.recipe == whole.recipe


def test_a_body_without_colours_has_nothing_to_balance(tmp_path: Path) -> None:
    path = write_dng(tmp_path / "grey.dng", np.full((64, 96), 6000, np.uint16), colours=False)
    with tifffile.TiffFile(path, mode="r+b") as tiff:
        tiff.pages.first.tags[262].overwrite(34892)  # PhotometricInterpretation: LinearRaw
    plain = FrameReader(Development())
    warm = FrameReader(Development(white_balance=WhiteBalance.KELVIN, kelvin=3000.0))
    np.testing.assert_array_equal(plain.read(path).pixels, warm.read(path).pixels)
    assert plain.notes == warm.notes == ()


def test_raw_and_jpeg_of_one_frame_are_one(tmp_path: Path) -> None:
    raws = frames(tmp_path)
    for path in raws[:2]:
        path.with_suffix(".jpg").write_bytes(imagecodecs.jpeg8_encode(np.full((160, 208, 3), 99, np.uint8)))
    (tmp_path / "DSC0009.JPG").write_bytes((tmp_path / "DSC0001.jpg").read_bytes())
    names = [path.name for path in list_frames([tmp_path])]
    assert names == ["DSC0001.DNG", "DSC0002.DNG", "DSC0003.DNG", "DSC0009.JPG"]
    chosen = [path.name for path in list_frames(sorted(tmp_path.iterdir()), pairs=Pairs.JPEG)]
    assert chosen == ["DSC0001.jpg", "DSC0002.jpg", "DSC0003.DNG", "DSC0009.JPG"]


def test_pairs_are_told(tmp_path: Path) -> None:
    for path in frames(tmp_path / "in"):
        read = read_frame(path).pixels
        path.with_suffix(".jpg").write_bytes(imagecodecs.jpeg8_encode((read >> 8).astype(np.uint8)))
    done = run("fuse", tmp_path / "in", "-o", tmp_path / "out.tif")
    assert done.exit_code == 0, done.output
    assert "3 frames are there as RAW and JPEG: the RAW is used (--pairs jpeg" in done.stderr
    assert "developed with red × 2.00 and blue × 1.54" in done.stdout
    done = run("fuse", tmp_path / "in", "-o", tmp_path / "out.tif", "--pairs", "jpeg")
    assert read_frame(tmp_path / "out.tif").pixels.dtype == np.uint8
    assert "the JPEG is used (--pairs raw" in done.stderr


# ---- what cannot be read ----


def test_a_raw_file_that_is_cut_off_is_refused_or_left_out(tmp_path: Path) -> None:
    paths = frames(tmp_path / "in", 4)
    data = paths[1].read_bytes()
    for share in (0.99, 0.5, 0.02):
        paths[1].write_bytes(data[: int(share * len(data))])
        done = run("fuse", tmp_path / "in", "-o", tmp_path / "out.tif")
        assert done.exit_code == 4, done.output
        assert "DSC0002.DNG" in done.output
        assert not (tmp_path / "out.tif").exists()
    done = run("fuse", tmp_path / "in", "-o", tmp_path / "out.tif", "--skip-bad")
    assert done.exit_code == 0, done.output
    assert "skipped DSC0002.DNG" in done.stderr


def test_a_body_that_is_not_known_is_refused(tmp_path: Path) -> None:
    path = write_dng(tmp_path / "a.arw", mosaic(patches()), colours=False)
    with pytest.raises(DataError, match=r"body that LibRaw .* does not know.*Convert it to DNG"):
        read_frame(path)


def test_content_and_not_the_name_tells_what_a_file_is(tmp_path: Path) -> None:
    light = mosaic(patches())
    renamed = shutil.copy(write_dng(tmp_path / "a.dng", light), tmp_path / "a.jpg")
    assert read_frame(renamed).metadata.raw
    assert (read_frame(renamed).pixels == read_frame(tmp_path / "a.dng").pixels).all()
    (tmp_path / "b.cr3").write_bytes(imagecodecs.jpeg8_encode(np.full((64, 96, 3), 99, np.uint8)))
    assert not read_frame(tmp_path / "b.cr3").metadata.raw
    (tmp_path / "c.nef").write_bytes(b"no picture at all " * 100)
    with pytest.raises(DataError, match=r"c\.nef is no RAW file that LibRaw"):
        read_frame(tmp_path / "c.nef")
    assert check_image((tmp_path / "a.dng").read_bytes()) == (144, 96)


def test_a_frame_of_another_sensor_is_left_out(tmp_path: Path) -> None:
    paths = frames(tmp_path)
    write_dng(paths[2], mosaic(patches(96, 144)))
    with pytest.raises(DataError, match=r"DSC0003.DNG .* its sensor has 144 × 96 px"):
        fuse_files(paths)
    assert [bad.path.name for bad in fuse_files(paths, skip_bad=True).skipped] == ["DSC0003.DNG"]
