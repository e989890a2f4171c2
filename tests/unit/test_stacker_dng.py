"""Linear DNGs, as LibRaw, exiv2 and tifffile read them."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import exiv2
import numpy as np
import PIL.Image
import pytest
import tifffile

from stacker import FrameMetadata, Saving, UserError, read_frame, write_image
from stacker.colour.convert import convert_colours
from stacker.colour.spaces import ADOBE_RGB, PROPHOTO, SRGB

rawpy = pytest.importorskip("rawpy")


def scene(dtype: Any = np.uint8, width: int = 700) -> np.ndarray:
    """Smooth colours over all of sRGB, wider than a tile and not a whole number of them."""
    across, down = np.meshgrid(np.linspace(0, 1, width), np.linspace(0, 1, 530))
    colours = np.stack([across, down, (1 - across) * (0.3 + 0.7 * down)], axis=-1)
    return np.asarray((colours * np.iinfo(dtype).max).astype(dtype))


def developed(path: Path) -> np.ndarray:
    with rawpy.imread(str(path)) as raw:
        found = raw.postprocess(
            use_camera_wb=True,
            no_auto_bright=True,
            adjust_maximum_thr=0,  # otherwise white is what the picture's brightest sample is
            output_bps=16,
            gamma=(2.4, 12.92),
            output_color=rawpy.ColorSpace.sRGB,
        )
    return np.asarray(found)


def exif_of(path: Path) -> dict[str, str]:
    image = exiv2.ImageFactory.open(str(path))
    image.readMetadata()
    return {datum.key(): datum.toString() for datum in image.exifData()}


@pytest.mark.parametrize("part", [1, 4], ids=["tiles", "less than a tile"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("icc", [None, ADOBE_RGB.icc])
def test_libraw_develops_the_colours_of_the_picture(
    tmp_path: Path, dtype: Any, icc: bytes | None, part: int
) -> None:
    path = tmp_path / "picture.dng"
    picture = scene(dtype)[::part, ::part].copy()
    write_image(path, picture, FrameMetadata(icc=icc))
    wanted = convert_colours(picture, icc or SRGB.icc, SRGB.icc, 16).pixels
    found = developed(path)
    assert found.shape == wanted.shape
    inside = (wanted > 0) & (wanted < 65535)  # LibRaw treats colours outside of sRGB in its own way
    off = np.abs(found.astype(int) - wanted)[inside]
    assert off.max() < 257 / 2
    assert off.mean() < 10


def test_what_a_converter_needs_is_there_and_exif_is_kept(tmp_path: Path) -> None:
    buffer, source, path = io.BytesIO(), tmp_path / "f.jpg", tmp_path / "picture.dng"
    PIL.Image.fromarray(scene()).save(buffer, "jpeg")
    source.write_bytes(buffer.getvalue())
    image = exiv2.ImageFactory.open(str(source))
    image.readMetadata()
    image.exifData()["Exif.Image.Make"] = "Sony"
    image.exifData()["Exif.Photo.ExposureTime"] = "1/8"
    image.writeMetadata()
    frame = read_frame(source)
    write_image(path, frame.pixels, frame.metadata)
    exif = exif_of(path)
    assert exif["Exif.Image.Make"] == "Sony"
    assert exif["Exif.Photo.ExposureTime"] == "1/8"
    assert exif["Exif.Image.DNGVersion"] == "1 4 0 0"
    assert exif["Exif.Image.UniqueCameraModel"] == "focusrig linear picture"
    assert exif["Exif.Image.AsShotNeutral"] == "1/1 1/1 1/1"
    assert exif["Exif.Image.CalibrationIlluminant1"] == "21"
    assert exif["Exif.Image.ProfileToneCurve"] == "0 0 1 1"
    assert exif["Exif.SubImage1.PhotometricInterpretation"] == "34892"
    assert exif["Exif.SubImage1.Compression"] == "7"
    assert exif["Exif.Photo.ColorSpace"] == "65535"


def test_frames_that_were_raw_get_their_tones_from_the_converter(tmp_path: Path) -> None:
    path = tmp_path / "picture.dng"
    write_image(path, scene(), FrameMetadata(icc=PROPHOTO.icc, raw=True))
    assert "Exif.Image.ProfileToneCurve" not in exif_of(path)
    assert "Exif.Image.DefaultBlackRender" not in exif_of(path)


def test_samples_are_light_and_nothing_is_lost(tmp_path: Path) -> None:
    path, picture = tmp_path / "picture.dng", scene(np.uint16)
    write_image(path, picture, FrameMetadata(icc=PROPHOTO.icc))
    with tifffile.TiffFile(path) as file:
        assert not file.is_bigtiff
        thumbnail, (samples, preview) = file.pages[0], file.pages[0].pages
        light = samples.asarray()
        assert thumbnail.shape == (194, 256, 3)
        assert preview.shape == (530, 700, 3)
        shown = preview.asarray()
    wanted = PROPHOTO.curve.decode(picture / 65535) * 65535
    assert np.abs(light - wanted).max() < 1
    back = convert_colours(picture, PROPHOTO.icc, SRGB.icc, 8).pixels
    assert np.abs(shown.astype(int) - back).mean() < 2


def test_a_grey_picture_has_three_equal_channels(tmp_path: Path) -> None:
    path = tmp_path / "grey.dng"
    write_image(path, np.repeat(scene()[..., :1], 3, axis=2), FrameMetadata(grey=True))
    found = developed(path).astype(int)
    assert np.abs(found - scene()[..., :1].astype(int) * 257).max() < 257 / 2


@pytest.mark.parametrize(
    ("saving", "message"),
    [
        (Saving(bit_depth=8), r"A DNG is written with 16 bits, not 8 \(p.dng\)"),
        (Saving(bit_depth=32), r"A DNG has 16 bits at most; write a .tif to keep 32"),
        (Saving(colour_space=SRGB), r"A DNG has no colour space until it is developed"),
    ],
)
def test_what_a_dng_is_not(tmp_path: Path, saving: Saving, message: str) -> None:
    with pytest.raises(UserError, match=message):
        write_image(tmp_path / "p.dng", scene(), None, saving)


def test_a_dng_over_four_gigabytes_is_refused_before_anything_is_computed(tmp_path: Path) -> None:
    huge = np.broadcast_to(np.zeros(3, np.uint8), (30_000, 30_000, 3))
    with pytest.raises(UserError, match=r"A DNG has 4 GB at most, and the picture needs 5.4 GB"):
        write_image(tmp_path / "p.dng", huge)
    assert not any(tmp_path.iterdir())
