"""JPEGs: whole or refused, with their profiles."""

from __future__ import annotations

import io
from pathlib import Path

import imagecodecs
import numpy as np
import PIL.Image
import PIL.ImageCms
import pytest

from stacker import (
    DataError,
    FrameMetadata,
    Saving,
    check_image,
    read_frame,
    write_image,
)
from stacker.io.decode import decode
from tests.pictures import ICC, jpeg_bytes, picture


def test_a_jpeg_keeps_profile_and_full_colour_resolution(tmp_path: Path) -> None:
    path = tmp_path / "frame.jpg"
    long_profile = ICC + bytes(70_000)  # takes two APP2 segments
    long_profile = len(long_profile).to_bytes(4, "big") + long_profile[4:]
    write_image(path, picture(), FrameMetadata(icc=long_profile), Saving(quality=97))
    frame = read_frame(path)
    assert frame.metadata.icc == long_profile
    assert np.abs(frame.pixels.astype(int) - picture()).mean() < 2.5
    with PIL.Image.open(path) as image:
        assert image.layer[0][1:3] == image.layer[1][1:3]  # 4:4:4


@pytest.mark.parametrize("cut", [1, 2, 60, 900])
@pytest.mark.parametrize("progressive", [False, True])
def test_a_truncated_jpeg_is_refused_by_name(tmp_path: Path, cut: int, progressive: bool) -> None:
    path = tmp_path / "frame_07.jpg"
    whole = jpeg_bytes(progressive=progressive)
    path.write_bytes(whole)
    assert check_image(path) == (96, 64)
    path.write_bytes(whole[:-cut])
    with pytest.raises(DataError, match=r"frame_07\.jpg.*cut off"):
        read_frame(path)


def test_a_jpeg_padded_with_zeros_is_truncated_too() -> None:
    whole = jpeg_bytes()
    with pytest.raises(DataError, match="cut off"):
        check_image(whole[:-300] + bytes(300))
    assert check_image(whole + bytes(300)) == (96, 64)  # cameras pad behind the end


def sound_jpegs() -> dict[str, bytes]:
    rng = np.random.default_rng(1)
    rough = PIL.Image.fromarray(rng.integers(50, 200, (30, 44, 3), np.uint8)).resize((352, 240))
    made = {}
    for name, mode, keywords in (
        ("444", "RGB", {"subsampling": 0}),
        ("422", "RGB", {"subsampling": 1}),
        ("420", "RGB", {"subsampling": 2}),
        ("grey", "L", {}),
        ("progressive", "RGB", {"progressive": True}),
        ("restarts", "RGB", {"restart_marker_rows": 2}),
        ("odd size", "RGB", {}),
    ):
        buffer = io.BytesIO()
        image = rough.convert(mode).crop((0, 0, 345, 233)) if name == "odd size" else rough.convert(mode)
        image.save(buffer, "jpeg", quality=85, **keywords)
        made[name] = buffer.getvalue()
    flat = io.BytesIO()
    PIL.Image.new("RGB", (352, 240), (128, 128, 128)).save(flat, "jpeg")
    return made | {"mid-grey": flat.getvalue()}


@pytest.mark.parametrize("kind", sound_jpegs())
def test_a_jpeg_cut_and_closed_again_is_damaged_but_a_sound_one_is_not(kind: str) -> None:
    data = sound_jpegs()[kind]
    pixels = decode(data, kind).pixels
    plain = imagecodecs.jpeg8_decode(data)
    plain = plain if plain.ndim == 3 else np.dstack([plain] * 3)
    np.testing.assert_array_equal(pixels[:-1], plain[:-1])
    # the last line of halved colour is put back to within a few levels
    assert np.abs(pixels[-1].astype(int) - plain[-1]).mean() < 1
    if kind != "mid-grey":
        with pytest.raises(DataError, match=f"{kind} is damaged"):
            decode(data[: len(data) * 2 // 3] + b"\xff\xd9", kind)


@pytest.mark.parametrize("kind", ["444", "422", "420", "grey", "odd size"])
@pytest.mark.parametrize("rubbish", [bytes(2048), bytes(range(1, 200)) * 10])
def test_a_jpeg_overwritten_in_the_middle_is_damaged(kind: str, rubbish: bytes) -> None:
    data = bytearray(sound_jpegs()[kind])
    middle = len(data) // 2
    data[middle : middle + len(rubbish)] = rubbish
    with pytest.raises(DataError, match=kind):
        decode(bytes(data), kind)


def test_other_kinds_of_jpegs_are_called_by_their_names() -> None:
    deep = picture().astype(np.uint16) << 4
    for data, said in (
        (imagecodecs.jpeg8_encode(deep, bitspersample=12), "a JPEG of 12 bits per sample.* a TIFF of 16"),
        (imagecodecs.ljpeg_encode(deep[..., 0], bitspersample=12), "a JPEG of 12 bits per sample"),
        (imagecodecs.jpegls_encode(picture()), "a JPEG-LS"),
    ):
        with pytest.raises(DataError, match=rf"scan\.jpg is {said}"):
            decode(data, "scan.jpg")


@pytest.mark.parametrize("icc", [b"junk" * 100, ICC[:300], b"\0\0\x01\x90" + bytes(396)])
def test_a_profile_of_junk_is_left_out_and_said(tmp_path: Path, icc: bytes) -> None:
    """Also a long one, in two segments; and the PNG's decoder says nothing of its own."""
    for suffix, more in ((".jpg", b""), (".jpg", bytes(70_000)), (".png", b"")):
        path = tmp_path / f"f{suffix}"
        PIL.Image.fromarray(picture()).save(path, icc_profile=icc + more)
        frame = read_frame(path)
        assert frame.notes == ("the colour profile is broken: left out, colours taken as sRGB",)
        assert frame.metadata.icc is None
        np.testing.assert_array_equal(frame.pixels, np.asarray(PIL.Image.open(path)))
