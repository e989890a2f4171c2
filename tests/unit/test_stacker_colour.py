"""Pictures in other colour spaces, against the formulae; what is said of frames without a proper profile."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import exiv2
import numpy as np
import PIL.Image
import PIL.ImageCms
import pytest
import tifffile

from stacker import (
    Chroma,
    Compression,
    DataError,
    FrameMetadata,
    Saving,
    UserError,
    fuse_files,
    read_frame,
    write_image,
)
from stacker.colour.convert import convert_colours
from stacker.colour.profiles import same_colours, title_of, trouble_with
from stacker.colour.spaces import ADOBE_RGB, DISPLAY_P3, PROPHOTO, SPACES, SRGB, ColourSpace

# little CMS's own sRGB: other bytes than ours, the same colours
OTHER_SRGB = PIL.ImageCms.ImageCmsProfile(PIL.ImageCms.createProfile("sRGB")).tobytes()
CMYK_HEADER = OTHER_SRGB[:16] + b"CMYK" + OTHER_SRGB[20:]


def colours(dtype: Any, side: int = 9) -> np.ndarray:
    """All colours of a grid, as a picture."""
    steps = np.linspace(0, 1, side)
    cube = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(side, side * side, 3)
    white = 1.0 if np.dtype(dtype).kind == "f" else np.iinfo(dtype).max
    return np.asarray((cube * white).astype(dtype))


def by_formula(samples: np.ndarray, source: ColourSpace, target: ColourSpace) -> np.ndarray:
    white = 1.0 if samples.dtype.kind == "f" else np.iinfo(samples.dtype).max
    light = source.curve.decode(samples / white) @ (np.linalg.inv(target.to_xyz_d50) @ source.to_xyz_d50).T
    return target.curve.encode(np.clip(light, 0, 1))


def speckled(seed: int = 1) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.asarray(rng.integers(40, 215, (64, 96, 3)).astype(np.uint8))


def exif_of(path: Path) -> dict[str, str]:
    image = exiv2.ImageFactory.open(str(path))
    image.readMetadata()
    return {datum.key(): datum.toString() for datum in image.exifData()}


@pytest.mark.parametrize("target", SPACES.values(), ids=lambda space: space.key)
@pytest.mark.parametrize("source", SPACES.values(), ids=lambda space: space.key)
def test_sixteen_bits_are_converted_as_the_formulae_say(source: ColourSpace, target: ColourSpace) -> None:
    samples = colours(np.uint16)
    found = convert_colours(samples, source.icc, target.icc, 16)
    wanted = by_formula(samples, source, target)
    # Numbers in profiles have 16 bits behind the point: 1.5e-5 of light, much where curves are steep.
    light = target.curve.decode(found.pixels / 65535), target.curve.decode(wanted)
    assert np.abs(light[0] - light[1]).max() < 6e-5
    off = np.abs(found.pixels - wanted * 65535)
    assert off[wanted > 0.04].max() < 26  # a tenth of a level of 8 bits
    assert (found.pixels[0, 0], found.pixels[-1, -1]) == (pytest.approx([0] * 3), pytest.approx([65535] * 3))


@pytest.mark.parametrize("target", [*SPACES.values(), PROPHOTO.linear], ids=lambda space: space.key)
@pytest.mark.parametrize("source", SPACES.values(), ids=lambda space: space.key)
def test_tables_and_little_cms_agree(source: ColourSpace, target: ColourSpace) -> None:
    samples = colours(np.uint16)
    other = bytearray(source.icc)
    other[24:26] = (2025).to_bytes(2, "big")  # made in another year: not known as ours
    by_tables = convert_colours(samples, source.icc, target.icc, 16)
    by_cms = convert_colours(samples, bytes(other), target.icc, 16)
    light = (target.curve.decode(found.pixels / 65535) for found in (by_tables, by_cms))
    assert np.abs(np.subtract(*light)).max() < 6e-5
    if target.curve == SRGB.curve:  # of pure powers little CMS has nothing below 0
        assert abs(by_tables.clipped - by_cms.clipped) < 0.02
    wanted = by_formula(samples, source, target) * 65535
    assert np.abs(by_tables.pixels - wanted).max() < 1.5


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("bits", [8, 16])
def test_depth_and_colour_are_converted_in_one_go(dtype: Any, bits: int) -> None:
    samples = colours(dtype)
    found = convert_colours(samples, SRGB.icc, PROPHOTO.icc, bits)
    white = (1 << bits) - 1
    wanted = by_formula(samples, SRGB, PROPHOTO) * white
    assert found.pixels.dtype == (np.uint8 if bits == 8 else np.uint16)
    assert np.abs(found.pixels - wanted).max() < (0.51 if bits == 8 else 5)
    assert found.clipped == 0


def test_colours_that_a_space_cannot_hold_are_clipped_and_counted_but_kept_in_floats() -> None:
    green = np.zeros((4, 4, 3), np.uint16)
    green[:2, :, 1] = 65535
    narrow = convert_colours(green, PROPHOTO.icc, SRGB.icc, 16)
    assert narrow.clipped == 0.5
    assert narrow.pixels[0, 0].tolist() == [0, 65535, 0]
    floats = convert_colours(green, PROPHOTO.icc, SRGB.icc, 32)
    assert floats.clipped == 0
    back = convert_colours(floats.pixels, SRGB.icc, PROPHOTO.icc, 16)
    assert np.abs(back.pixels.astype(int) - green).max() < 30


def test_strips_do_not_show() -> None:
    tall = np.asarray(np.random.default_rng(3).integers(0, 65536, (3000, 200, 3)).astype(np.uint16))
    whole = convert_colours(tall, ADOBE_RGB.icc, DISPLAY_P3.icc, 16).pixels
    some = convert_colours(tall[1500:1510], ADOBE_RGB.icc, DISPLAY_P3.icc, 16).pixels
    np.testing.assert_array_equal(whole[1500:1510], some)


@pytest.mark.parametrize("suffix", [".tif", ".png", ".jpg"])
def test_a_picture_is_written_in_another_space_with_its_profile(tmp_path: Path, suffix: str) -> None:
    path, picture = tmp_path / f"picture{suffix}", np.full((32, 32, 3), (200, 60, 90), np.uint8)
    notes = write_image(path, picture, FrameMetadata(icc=OTHER_SRGB), Saving(colour_space=DISPLAY_P3))
    frame = read_frame(path)
    assert notes == ()
    assert frame.metadata.icc == DISPLAY_P3.icc
    assert title_of(frame.metadata.icc) == "Display P3"
    assert exif_of(path)["Exif.Photo.ColorSpace"] == "65535"
    off = np.abs(frame.pixels - by_formula(picture, SRGB, DISPLAY_P3) * 255)
    assert off.max() < (2 if suffix == ".jpg" else 0.6)


def test_frames_without_a_profile_are_taken_as_srgb_which_is_said(tmp_path: Path) -> None:
    path = tmp_path / "picture.tif"
    notes = write_image(path, speckled(), None, Saving(colour_space=SRGB))
    np.testing.assert_array_equal(read_frame(path).pixels, speckled())
    assert notes == ("the frames have no colour profile: taken as sRGB",)
    assert exif_of(path)["Exif.Photo.ColorSpace"] == "1"
    assert write_image(path, speckled()) == ()  # nothing is converted
    assert read_frame(path).metadata.icc is None


def test_clipped_colours_are_said(tmp_path: Path) -> None:
    vivid = np.full((8, 8, 3), (0, 255, 0), np.uint8)
    saving = Saving(colour_space=SRGB)
    (note,) = write_image(tmp_path / "p.png", vivid, FrameMetadata(icc=ADOBE_RGB.icc), saving)
    assert note.startswith(
        "100.00% of the picture has colours of Adobe RGB (1998) compatible that sRGB cannot"
    )


def test_grey_frames_keep_one_channel_and_get_the_curve(tmp_path: Path) -> None:
    path, metadata = tmp_path / "grey.tif", FrameMetadata(grey=True)
    ramp = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, axis=2)
    write_image(path, ramp, metadata, Saving(colour_space=PROPHOTO, bit_depth=16))
    frame = read_frame(path)
    assert frame.metadata.grey
    assert frame.metadata.icc == PROPHOTO.icc_grey
    wanted = PROPHOTO.curve.encode(SRGB.curve.decode(np.arange(256) / 255)) * 65535
    assert np.abs(frame.pixels[0, :, 0] - wanted).max() < 3


@pytest.mark.parametrize(
    ("path", "saving", "message"),
    [
        ("p.jpg", Saving(bit_depth=16), "A JPEG has 8 bits at most; write a .tif to keep 16"),
        ("p.png", Saving(bit_depth=32), "A PNG has 16 bits at most; write a .tif to keep 32"),
        ("p.png", Saving(compression=Compression.LZW), "--compression is of TIFFs, and p.png is a PNG"),
        ("p.tif", Saving(chroma=Chroma.QUARTER), "--chroma is of JPEGs, and p.tif is a TIFF"),
    ],
)
def test_what_a_format_does_not_have_is_refused(
    tmp_path: Path, path: str, saving: Saving, message: str
) -> None:
    with pytest.raises(UserError, match=message):
        write_image(tmp_path / path, speckled(), None, saving)
    assert not any(tmp_path.iterdir())


def test_a_picture_too_long_for_a_jpeg_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"65500 px at most on a side, and the picture is 65501 × 1 px"):
        write_image(tmp_path / "p.jpg", np.zeros((1, 65_501, 3), np.uint8))


@pytest.mark.parametrize("compression", Compression)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_tiffs_lose_nothing_by_compression(tmp_path: Path, compression: Compression, dtype: Any) -> None:
    path, picture = tmp_path / "p.tif", colours(dtype)
    write_image(path, picture, None, Saving(compression=compression))
    np.testing.assert_array_equal(read_frame(path).pixels, picture)


def test_chroma_of_a_jpeg(tmp_path: Path) -> None:
    sizes, factors = [], []
    for chroma in Chroma:
        write_image(tmp_path / "p.jpg", speckled(), None, Saving(chroma=chroma))
        sizes.append((tmp_path / "p.jpg").stat().st_size)
        with PIL.Image.open(tmp_path / "p.jpg") as image:
            factors.append(image.layer[0][1:3])
    assert sizes == sorted(sizes, reverse=True)
    assert factors == [(1, 1), (2, 1), (2, 2)]


def test_profiles_that_cannot_be_used() -> None:
    assert trouble_with(SRGB.icc, grey=False) is None
    assert trouble_with(SRGB.icc_grey, grey=True) is None
    assert trouble_with(SRGB.icc, grey=True) == "is for RGB, and the picture is grey"
    assert trouble_with(CMYK_HEADER, grey=False) == "is for CMYK, and the picture is RGB"
    assert trouble_with(SRGB.icc[:200], grey=False) == "is broken"


@pytest.mark.parametrize("profile", [OTHER_SRGB[:200], CMYK_HEADER])
def test_a_frame_with_a_profile_that_cannot_be_used_says_so(tmp_path: Path, profile: bytes) -> None:
    write_image(tmp_path / "p.tif", speckled(), FrameMetadata(icc=profile))
    frame = read_frame(tmp_path / "p.tif")
    assert frame.metadata.icc is None
    assert len(frame.notes) == 1
    assert frame.notes[0].endswith("left out, colours taken as sRGB")


def test_adobe_rgb_that_only_exif_tells_of_is_embedded(tmp_path: Path) -> None:
    path = tmp_path / "_DSC0001.jpg"
    PIL.Image.fromarray(speckled()).save(path)
    image = exiv2.ImageFactory.open(str(path))
    image.readMetadata()
    exif = image.exifData()
    exif["Exif.Photo.ColorSpace"] = exiv2.UShortValue(0xFFFF)
    exif["Exif.Iop.InteroperabilityIndex"] = "R03"
    image.writeMetadata()
    assert read_frame(path).metadata.icc == ADOBE_RGB.icc


def test_copies_of_a_profile_are_the_same_colours_and_others_are_not() -> None:
    assert same_colours(SRGB.icc, OTHER_SRGB)
    assert not same_colours(SRGB.icc, ADOBE_RGB.icc)
    assert not same_colours(SRGB.icc_grey, ADOBE_RGB.icc_grey)
    assert same_colours(SRGB.icc_grey, SRGB.icc)
    assert not same_colours(SRGB.icc_grey, ADOBE_RGB.icc)


def test_frames_of_other_colours_do_not_belong_to_the_stack(tmp_path: Path) -> None:
    profiles = [None, OTHER_SRGB, ADOBE_RGB.icc]  # the first two agree
    for number, icc in enumerate(profiles):
        write_image(tmp_path / f"f{number}.png", speckled(), FrameMetadata(icc=icc))
    paths = sorted(tmp_path.glob("*.png"))
    with pytest.raises(
        UserError, match=r"f2.png cannot be stacked: it is in the colours of Adobe RGB .* sRGB"
    ):
        fuse_files(paths)
    result = fuse_files(paths, skip_bad=True)
    assert [bad.path.name for bad in result.skipped] == ["f2.png"]


def test_a_cmyk_jpeg_is_converted_and_says_how() -> None:
    from stacker.io.decode import decode

    buffer = io.BytesIO()
    PIL.Image.fromarray(speckled()).convert("CMYK").save(buffer, "jpeg")
    assert decode(buffer.getvalue(), "f").notes == ("is CMYK without a profile: its colours are a guess",)


def test_a_cmyk_tiff_is_converted_and_says_how(tmp_path: Path) -> None:
    inks = np.asarray(PIL.Image.fromarray(speckled()).convert("CMYK"))
    tifffile.imwrite(tmp_path / "a.tif", inks, photometric="separated")
    planar = np.moveaxis(inks, -1, 0).copy()
    tifffile.imwrite(tmp_path / "b.tif", planar, photometric="separated", planarconfig="separate")
    for name in ("a.tif", "b.tif"):
        frame = read_frame(tmp_path / name)
        assert frame.notes == ("is CMYK without a profile: its colours are a guess",)
        np.testing.assert_array_equal(frame.pixels, speckled())
    tifffile.imwrite(tmp_path / "deep.tif", inks.astype(np.uint16) * 257, photometric="separated")
    with pytest.raises(DataError, match="is a TIFF of 4 inks with 16 bits"):
        read_frame(tmp_path / "deep.tif")


def test_a_tiff_over_four_gigabytes_is_a_bigtiff() -> None:
    from stacker.io.bigtiff import needs_bigtiff

    assert needs_bigtiff(np.broadcast_to(np.uint16(0), (30_000, 24_000, 3)))
    assert not needs_bigtiff(np.broadcast_to(np.uint8(0), (30_000, 24_000, 3)))


def test_a_bigtiff_whose_xmp_is_no_text_is_read_without(tmp_path: Path) -> None:
    path = tmp_path / "big.tif"
    packet = (700, "H", 2, (300, 400), True)
    tifffile.imwrite(path, speckled(), bigtiff=True, photometric="rgb", metadata=None, extratags=[packet])
    np.testing.assert_array_equal(read_frame(path).pixels, speckled())


@pytest.mark.parametrize("place", [400, 1 << 60], ids=["among pixels", "behind the end"])
def test_a_bigtiff_whose_exif_was_left_behind_is_read_without(tmp_path: Path, place: int) -> None:
    from stacker.io.metadata import unpacked

    path, tags = tmp_path / "frame.tif", [("ExifTag", 16, 1, place, True), (315, 2, 0, "Ada", True)]
    tifffile.imwrite(path, speckled(), bigtiff=True, photometric="rgb", metadata=None, extratags=tags)
    exif = unpacked(read_frame(path).metadata)[0]
    assert [datum.toString() for datum in exif if datum.key() == "Exif.Image.Artist"] == ["Ada"]


def test_a_bigtiff_tells_all_that_a_tiff_tells(tmp_path: Path) -> None:
    from stacker.io.metadata import changed, unpacked
    from stacker.io.tiff import fill_tiff

    def fill(exif: Any, xmp: Any, iptc: Any) -> None:
        texts = {
            "Image.Make": "Sony",
            "Image.Artist": "Änne",
            "Photo.ExposureTime": "1/8",
            "GPSInfo.GPSLatitudeRef": "N",
        }
        for key, value in texts.items():
            exif[f"Exif.{key}"] = value
        exif["Exif.GPSInfo.GPSLatitude"] = "48/1 8/1 1234/100"
        exif["Exif.Image.Orientation"] = exiv2.UShortValue(6)
        exif["Exif.Photo.ColorSpace"] = exiv2.UShortValue(1)
        xmp["Xmp.dc.source"] = "kept"
        iptc["Iptc.Application2.City"] = "München"

    metadata = replace(changed(FrameMetadata(), fill), icc=DISPLAY_P3.icc)
    told = []
    for bigtiff in (False, True):
        path = tmp_path / f"{bigtiff}.tif"
        fill_tiff(path, speckled(), metadata, Saving(), bigtiff=bigtiff)
        frame = read_frame(path)
        np.testing.assert_array_equal(frame.pixels, speckled())
        assert frame.metadata.icc == DISPLAY_P3.icc
        told.append({datum.key(): datum.toString() for part in unpacked(frame.metadata) for datum in part})
        with tifffile.TiffFile(path) as tiff:
            assert tiff.is_bigtiff == bigtiff
            assert len(tiff.pages) == 1
            assert tiff.pages.first.tags[274].value == 1
            assert b"8BIM\x04\x0c" in bytes(tiff.pages.first.tags[34377].value)
    assert told[0].items() <= told[1].items()
    assert told[0]["Exif.Image.Artist"] == "Änne"
    assert told[0]["Exif.Photo.ExposureTime"] == "1/8"
    assert told[0]["Exif.GPSInfo.GPSLatitude"] == "48/1 8/1 1234/100"
    assert told[0]["Xmp.dc.source"] == "kept"
    assert told[0]["Iptc.Application2.City"] == "München"
    # As every other picture: upright, of its own size and colours, whatever the frame was.
    assert told[0]["Exif.Photo.PixelXDimension"] == str(speckled().shape[1])
    assert told[0]["Exif.Photo.ColorSpace"] == "65535"
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(DataError, match=r"True.tif"):
        read_frame(path)
