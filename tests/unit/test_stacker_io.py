"""Files in and out: complete or refused, and with everything they said about themselves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import exiv2
import imagecodecs
import numpy as np
import PIL.Image
import PIL.ImageCms
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st

from stacker import (
    DataError,
    FrameMetadata,
    UserError,
    as_frame,
    check_image,
    read_frame,
    write_image,
)
from stacker.colour.convert import convert_depth
from tests.pictures import ICC, jpeg_bytes, picture


def exif_of(path: Path) -> dict[str, str]:
    image = exiv2.ImageFactory.open(str(path))
    image.readMetadata()
    return {datum.key(): datum.toString() for datum in image.exifData()}


def tag(path: Path, **tags: str) -> None:
    image = exiv2.ImageFactory.open(str(path))
    image.readMetadata()
    for name, value in tags.items():
        image.exifData()[name.replace("_", ".")] = value
    image.writeMetadata()


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("suffix", [".tif", ".png"])
def test_lossless_files_come_back_as_they_were(tmp_path: Path, dtype: Any, suffix: str) -> None:
    path = tmp_path / f"frame{suffix}"
    write_image(path, picture(dtype=dtype), FrameMetadata(icc=ICC))
    frame = read_frame(path)
    assert frame.pixels.dtype == dtype
    np.testing.assert_array_equal(frame.pixels, picture(dtype=dtype))
    assert frame.metadata.icc == ICC
    assert frame.bit_depth == np.dtype(dtype).itemsize * 8


@pytest.mark.parametrize("suffix", [".tif", ".png", ".jpg"])
def test_exif_survives_and_describes_the_result(tmp_path: Path, suffix: str) -> None:
    source = tmp_path / "frame.jpg"
    source.write_bytes(jpeg_bytes())
    tag(
        source,
        Exif_Image_Make="SIMULATED Sony",
        Exif_Photo_ExposureTime="1/8",
        Exif_Image_Orientation="6",
        Exif_Photo_UserComment="charset=Ascii kept",
    )
    frame = read_frame(source)
    assert frame.metadata.simulated
    assert frame.pixels.shape == (96, 64, 3)  # turned upright
    result = tmp_path / f"result{suffix}"
    write_image(result, frame.pixels, frame.metadata)
    exif = exif_of(result)
    assert exif["Exif.Image.Make"] == "SIMULATED Sony"
    assert exif["Exif.Photo.ExposureTime"] == "1/8"
    assert exif["Exif.Photo.UserComment"].endswith("kept")
    assert exif["Exif.Image.Orientation"] == "1"
    assert (exif["Exif.Photo.PixelXDimension"], exif["Exif.Photo.PixelYDimension"]) == ("64", "96")
    again = read_frame(result)
    assert again.metadata.simulated
    assert again.pixels.shape == (96, 64, 3)


def test_exif_of_a_tiff_does_not_carry_its_structure_over(tmp_path: Path) -> None:
    source = tmp_path / "frame.tif"
    tifffile.imwrite(
        source, picture(40, 60), photometric="rgb", rowsperstrip=7, compression="lzw", metadata=None
    )
    tag(source, Exif_Image_Model="X-1")
    result = tmp_path / "result.tif"
    write_image(result, picture(50, 30, np.uint16), read_frame(source).metadata)
    assert exif_of(result)["Exif.Image.Model"] == "X-1"
    np.testing.assert_array_equal(tifffile.imread(result), picture(50, 30, np.uint16))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_applied_as_pillow_does(tmp_path: Path, orientation: int) -> None:
    import PIL.ImageOps

    path = tmp_path / "frame.tif"
    tifffile.imwrite(
        path, picture(), photometric="rgb", extratags=[(274, "H", 1, orientation, True)], metadata=None
    )
    image = PIL.Image.fromarray(picture())
    image.getexif()[274] = orientation
    expected = np.asarray(PIL.ImageOps.exif_transpose(image))
    np.testing.assert_array_equal(read_frame(path).pixels, expected)
    np.testing.assert_array_equal(read_frame(path, orientation=1).pixels, picture())


def test_the_other_kinds_of_files(tmp_path: Path) -> None:
    grey = picture()[..., 0]
    rgb = picture()
    alpha = np.dstack([rgb, np.full(grey.shape, 128, np.uint8)])
    palette = PIL.Image.fromarray(rgb).quantize(32)
    palette.save(tmp_path / "palette.png")
    palette.save(tmp_path / "palette.tif")
    PIL.Image.fromarray(alpha).save(tmp_path / "alpha.png")
    tifffile.imwrite(tmp_path / "alpha.tif", alpha, photometric="rgb", extrasamples=["unassalpha"])
    tifffile.imwrite(tmp_path / "grey16.tif", grey.astype(np.uint16) * 257, photometric="minisblack")
    tifffile.imwrite(tmp_path / "inverted.tif", 255 - grey, photometric="miniswhite")
    tifffile.imwrite(tmp_path / "big_endian.tif", rgb.astype(">u2") * 257, photometric="rgb", byteorder=">")
    tifffile.imwrite(tmp_path / "tiled.tif", rgb, photometric="rgb", tile=(16, 16), compression="deflate")
    planar = np.moveaxis(rgb, -1, 0).copy()
    tifffile.imwrite(tmp_path / "planar.tif", planar, photometric="rgb", planarconfig="separate")
    (tmp_path / "cmyk.jpg").write_bytes(jpeg_bytes("CMYK"))
    (tmp_path / "grey.jpg").write_bytes(jpeg_bytes("L"))
    tifffile.imwrite(tmp_path / "float.tif", (rgb / 255).astype(np.float64), photometric="rgb")

    for name in ("alpha.png", "alpha.tif", "tiled.tif", "planar.tif"):
        np.testing.assert_array_equal(read_frame(tmp_path / name).pixels, rgb, err_msg=name)
    for name in ("palette.png", "palette.tif"):
        np.testing.assert_array_equal(read_frame(tmp_path / name).pixels, np.asarray(palette.convert("RGB")))
    big_endian = read_frame(tmp_path / "big_endian.tif").pixels
    assert big_endian.dtype == np.uint16
    assert big_endian.dtype.isnative
    np.testing.assert_array_equal(big_endian, rgb.astype(np.uint16) * 257)
    grey16 = read_frame(tmp_path / "grey16.tif")
    assert grey16.metadata.grey
    np.testing.assert_array_equal(grey16.pixels[..., 2], grey.astype(np.uint16) * 257)
    np.testing.assert_array_equal(read_frame(tmp_path / "inverted.tif").pixels[..., 0], grey)
    assert read_frame(tmp_path / "cmyk.jpg").pixels.shape == (64, 96, 3)
    assert read_frame(tmp_path / "grey.jpg").metadata.grey
    floats = read_frame(tmp_path / "float.tif").pixels
    assert floats.dtype == np.float32
    assert floats.max() <= 1


def test_grey_frames_make_a_grey_result(tmp_path: Path) -> None:
    write_image(tmp_path / "grey.png", picture(), FrameMetadata(grey=True))
    assert imagecodecs.png_decode((tmp_path / "grey.png").read_bytes()).ndim == 2


@pytest.mark.parametrize(
    "keywords",
    [
        {"extratags": [(281, "H", 3, (4095, 4095, 4095), True)]},
        {"ome": True, "metadata": {"axes": "YXS", "SignificantBits": 12}},
    ],
)
def test_twelve_bits_that_say_so_fill_the_scale_of_sixteen(tmp_path: Path, keywords: dict[str, Any]) -> None:
    path = tmp_path / "frame.tif"
    twelve = picture(dtype=np.uint16) >> 4
    twelve[0, 0] = 4095
    tifffile.imwrite(path, twelve, photometric="rgb", **keywords)
    frame = read_frame(path)
    assert frame.pixels.dtype == np.uint16
    assert frame.pixels[0, 0].tolist() == [65535] * 3
    np.testing.assert_allclose(frame.pixels, twelve * (65535 / 4095), atol=0.51)
    assert frame.notes == ()


def test_twelve_bits_that_do_not_say_so_are_taken_as_they_are_and_it_is_said(tmp_path: Path) -> None:
    path = tmp_path / "frame.tif"
    twelve = picture(dtype=np.uint16) >> 4
    tifffile.imwrite(path, twelve, photometric="rgb")
    frame = read_frame(path)
    np.testing.assert_array_equal(frame.pixels, twelve)
    assert "12 bits" in frame.notes[0]


def test_where_a_frame_came_from(tmp_path: Path) -> None:
    path = tmp_path / "frame.png"
    write_image(path, picture())
    source = read_frame(path, orientation=6).source
    assert source is not None
    assert (source.path, source.orientation) == (path, 6)
    assert source.size_bytes == path.stat().st_size
    (tmp_path / "copy.png").write_bytes(path.read_bytes())
    copy = read_frame(tmp_path / "copy.png").source
    assert copy is not None
    assert copy.fingerprint == source.fingerprint
    write_image(path, picture() // 2)
    other = read_frame(path).source
    assert other is not None
    assert other.fingerprint != source.fingerprint


@pytest.mark.parametrize("cut", [3, 40, 400])
def test_other_truncated_files_are_refused(tmp_path: Path, cut: int) -> None:
    png = imagecodecs.png_encode(picture())
    with pytest.raises(DataError, match="cut off"):
        check_image(bytes(png[:-cut]))
    path = tmp_path / "frame.tif"
    tifffile.imwrite(path, picture(), photometric="rgb")
    path.write_bytes(path.read_bytes()[:-cut])
    with pytest.raises(DataError, match=r"frame\.tif"):
        read_frame(path)


def test_a_flipped_byte_in_a_png_is_noticed() -> None:
    data = bytearray(imagecodecs.png_encode(picture()))
    data[len(data) // 2] ^= 0xFF
    with pytest.raises(DataError):
        check_image(bytes(data))


@pytest.mark.parametrize("content", [b"", b"not an image", b"\xff\xd8\xff", b"II*\0", b"\x89PNG\r\n\x1a\n"])
def test_junk_is_refused(content: bytes) -> None:
    with pytest.raises(DataError):
        check_image(content)


@settings(max_examples=60, deadline=None)
@given(at=st.integers(0, 3000), value=st.integers(0, 255), cut=st.integers(0, 400))
def test_damage_is_an_error_or_a_picture_never_a_crash(at: int, value: int, cut: int) -> None:
    data = bytearray(jpeg_bytes())
    data[at % len(data)] = value
    try:
        width, height = check_image(bytes(data[: len(data) - cut]))
    except DataError:
        return
    assert width > 0
    assert height > 0


def test_a_missing_file_is_the_users_mistake(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"nothing\.jpg"):
        read_frame(tmp_path / "nothing.jpg")


def test_not_a_number_is_refused() -> None:
    array = np.zeros((4, 4, 3), np.float32)
    array[1, 2, 0] = np.nan
    with pytest.raises(DataError, match="not finite"):
        as_frame(array)


@pytest.mark.parametrize("value", [1e300, -1e30, 2e6])
def test_floats_that_are_no_brightness_are_refused(value: float) -> None:
    """Of float64, too, without numpy's warning; 3e38 ended in a fault, 1e30 in a picture of no numbers."""
    array = np.zeros((4, 4, 3))
    array[1, 2, 0] = value
    with pytest.raises(DataError, match=r"has samples of -?\d.*, and white is 1 for floats"):
        as_frame(array, "frame_7")


@pytest.mark.parametrize(
    ("array", "reason"),
    [
        (np.zeros((3, 3, 7), np.uint8), "channels"),
        (np.zeros(5, np.uint8), "channels"),
        (np.zeros((0, 4, 3), np.uint8), "channels"),
        (np.zeros((3, 3), np.int64), "int64"),
    ],
)
def test_arrays_that_are_no_picture_are_refused(array: np.ndarray, reason: str) -> None:
    with pytest.raises(DataError, match=reason):
        as_frame(array)


@pytest.mark.parametrize(
    ("pixels", "depth", "expected"),
    [
        (np.array([0, 128, 255], np.uint8), 16, [0, 32896, 65535]),
        (np.array([0, 32896, 65535], np.uint16), 8, [0, 128, 255]),
        (np.array([-0.5, 0.5, 2.0], np.float32), 8, [0, 128, 255]),
    ],
)
def test_white_stays_white_between_depths(pixels: np.ndarray, depth: int, expected: list[int]) -> None:
    assert convert_depth(pixels, depth).tolist() == expected


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "result.tif"
    path.write_bytes(b"the old one")
    broken = FrameMetadata(sidecar=b"not an EXV file")
    with pytest.raises(DataError, match=r"result\.tif"):
        write_image(path, picture(), broken)
    assert path.read_bytes() == b"the old one"
    assert [entry.name for entry in tmp_path.iterdir()] == ["result.tif"]


@pytest.mark.parametrize("name", ["out.gif", "missing/out.tif", "."])
def test_where_nothing_can_be_written_is_said_at_once(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError):
        write_image(tmp_path / name, picture())


@pytest.mark.parametrize("suffix", ["jpg", "png", "tif", "dng"])
def test_a_disk_that_fills_up_under_the_last_bytes_leaves_the_old_picture(
    tmp_path: Path, suffix: str
) -> None:
    """exiv2, which puts EXIF in last, does not look whether what it writes arrives."""
    import resource

    path = tmp_path / f"picture.{suffix}"
    write_image(path, picture(64, 96))
    before, limits = path.read_bytes(), resource.getrlimit(resource.RLIMIT_FSIZE)
    for room in (len(before) - 1, len(before) - 600, len(before) // 2):
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, limits[1]))
        try:
            with pytest.raises(DataError, match=r"picture\.\w+ could not be written: the disk is full"):
                write_image(path, picture(64, 96))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_tiffs_of_colours_that_are_not_red_green_and_blue_are_refused(tmp_path: Path) -> None:
    """Their samples have the shape and type of RGB, and were shown as that."""
    for mode in ("LAB", "YCbCr"):
        PIL.Image.fromarray(picture()).convert(mode).save(tmp_path / "f.tif")
        with pytest.raises(DataError, match=r"f\.tif is a TIFF of \w+ samples, which are not read"):
            read_frame(tmp_path / "f.tif")
    PIL.Image.fromarray(picture()).save(tmp_path / "f.tif", compression="jpeg", quality=98)
    assert np.abs(read_frame(tmp_path / "f.tif").pixels.astype(int) - picture()).mean() < 4
