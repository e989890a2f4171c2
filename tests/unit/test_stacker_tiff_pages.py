"""TIFFs of several pages: one picture with its thumbnail and masks, or many pictures."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
import tifffile

from stacker import DataError, read_frame

SCENE = np.random.default_rng(8).integers(20, 230, (3, 24, 36, 3), np.uint8)


@pytest.mark.parametrize(
    "keywords", [{"metadata": None}, {}, {"imagej": True}, {"ome": True, "metadata": {"axes": "ZYXS"}}]
)
def test_a_stack_in_one_file_is_refused(tmp_path: Path, keywords: dict[str, object]) -> None:
    path = tmp_path / "z.tif"
    tifffile.imwrite(path, SCENE, **({"photometric": "rgb"} | keywords))
    with pytest.raises(DataError, match=r"z\.tif holds 3 pictures of 36 × 24 px, and a frame is one"):
        read_frame(path)


def test_pictures_behind_a_single_page_are_seen(tmp_path: Path) -> None:
    """As ImageJ writes more than 4 GB; what it says is nothing where they are not there."""
    path = tmp_path / "z.tif"
    about = "ImageJ=1.54f\nimages=3\nslices=3\n"
    tifffile.imwrite(path, SCENE[0], photometric="rgb", metadata=None, description=about)
    np.testing.assert_array_equal(read_frame(path).pixels, SCENE[0])
    with path.open("ab") as file:
        file.write(SCENE[1:].tobytes())
    with pytest.raises(DataError, match="holds 3 pictures"):
        read_frame(path)


def test_thumbnails_masks_and_infrared_are_passed_over(tmp_path: Path) -> None:
    path, picture = tmp_path / "scan.tif", SCENE[0]
    with tifffile.TiffWriter(path) as tiff:
        tiff.write(picture, photometric="rgb", metadata=None)
        tiff.write(picture[::2, ::2], photometric="rgb", subfiletype=1, metadata=None)
        tiff.write(picture[..., 0] > 99, photometric="mask", subfiletype=4, metadata=None)
        tiff.write(picture[..., 1], photometric="minisblack", metadata=None)
    np.testing.assert_array_equal(read_frame(path).pixels, picture)


@pytest.mark.parametrize("target", ["itself", "nowhere", "amid the pixels"])
def test_a_directory_that_leads_astray_is_not_followed(tmp_path: Path, target: str) -> None:
    path = tmp_path / "f.tif"
    tifffile.imwrite(path, SCENE[0], photometric="rgb", metadata=None)
    data = bytearray(path.read_bytes())
    (first,) = struct.unpack_from("<I", data, 4)
    (tags,) = struct.unpack_from("<H", data, first)
    to = {"itself": first, "nowhere": len(data) + 99, "amid the pixels": len(data) - 999}[target]
    struct.pack_into("<I", data, first + 2 + 12 * tags, to)
    path.write_bytes(data)
    np.testing.assert_array_equal(read_frame(path).pixels, SCENE[0])
