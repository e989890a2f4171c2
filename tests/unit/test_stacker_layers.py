"""Layered files: what another program shows is the sum of the frames by their weights."""

from __future__ import annotations

import dataclasses
import json
import zipfile
from pathlib import Path
from xml.etree import ElementTree as ET

import cv2
import imagecodecs
import numpy as np
import psdtags
import pytest
import tifffile
from psd_tools import PSDImage

from stacker import (
    DataError,
    DepthIndex,
    FrameMetadata,
    FusedLayer,
    Method,
    Options,
    Stack,
    Stacker,
    UserError,
    find_space,
    fuse_files,
    load_stack,
    write_image,
    write_layers,
)
from stacker.colour.convert import convert_colours
from stacker.frames import full_scale
from stacker.fusion.window import Window
from stacker.outputs.layered import Document, LayerHead
from stacker.outputs.layered_psd import needs_psb
from stacker.outputs.layers import layer_name
from stacker.outputs.partition import partition_of, upsampled
from stacker.outputs.registered import RegisteredFrames, picture_window

SIZE = (192, 96)
PROFILE = imagecodecs.cms_profile("srgb")


def strips(folder: Path, dtype: type, count: int = 5, grey: bool = False) -> list[Path]:
    """Frames of which each is sharp in an upright strip of its own, a little larger and brighter each; the
    last one is sharp nowhere."""
    rng = np.random.default_rng(1)
    width, height = SIZE
    coarse = cv2.GaussianBlur(rng.standard_normal((height, width, 3)).astype(np.float32), (0, 0), 3)
    soft = 110 + coarse * (30 / coarse.std())
    scene = soft + rng.integers(-30, 30, (height, width, 3))
    paths = []
    for number in range(count):
        frame = soft.copy()
        if number < count - 1:
            edges = np.array([number, number + 1]) * width // (count - 1)
            frame[:, edges[0] : edges[1]] = scene[:, edges[0] : edges[1]]
        scale = 1 + 0.004 * (number - count // 2)
        centre = np.array([width - 1, height - 1]) / 2
        turn = cv2.getRotationMatrix2D(tuple(centre), 0.3 * number, scale)
        frame = cv2.warpAffine(frame, turn, SIZE, borderMode=cv2.BORDER_REFLECT)
        frame = np.clip(frame * (1 + 0.02 * number), 0, 255) * (full_scale(np.dtype(dtype)) / 255)
        paths.append(folder / f"f{number + 1}.tif")
        picture = frame.astype(dtype)
        picture = np.repeat(picture[..., :1], 3, axis=2) if grey else picture
        write_image(paths[-1], picture, FrameMetadata(icc=None if grey else PROFILE, grey=grey))
    return paths


@pytest.fixture(params=[np.uint8, np.uint16], ids=["8bit", "16bit"])
def stack(tmp_path: Path, request: pytest.FixtureRequest) -> Stack:
    folder = tmp_path / "frames"
    folder.mkdir()
    return fuse_files(
        strips(folder, request.param), Options(), positions_mm=[0.5 * n for n in range(5)]
    ).stack


def weighted(stack: Stack, keep_unused: bool = False) -> np.ndarray:
    """Sum of the frames by their weights, in 1/255 of white."""
    partition = partition_of(stack, keep_unused)
    height, width = stack.image.shape[:2]
    canvas, total, weights = picture_window(stack), np.zeros((height, width, 3)), np.zeros((height, width))
    for number, laid in enumerate(RegisteredFrames(stack, partition.places).laid()):
        wide = upsampled(partition.weight(number), Window(0, 0, width, height))
        where = laid.window.slices_in(canvas)
        total[where] += wide[where][..., None] * np.moveaxis(laid.planes, 0, -1)
        weights[where] += wide[where]
    assert weights[stack.valid].min() > 0.01
    assert weights[12:-12, 12:-12].min() > 1 - 1e-5
    assert weights.max() < 1 + 1e-5
    total /= np.maximum(weights, 1e-6)[..., None]
    return total * (255 / full_scale(stack.image.dtype))


def worst(stack: Stack, shown: np.ndarray) -> float:
    levels = shown.astype(float) * (255 / full_scale(shown.dtype))
    return float(np.abs(levels - weighted(stack))[stack.valid].max())


@pytest.mark.parametrize("suffix", [".psd", ".tif", ".ora"])
def test_a_frame_beside_the_cropped_picture_is_no_layer(stack: Stack, tmp_path: Path, suffix: str) -> None:
    aside = dataclasses.replace(stack.reports[0], transform=(1.0, 0, 500, 0, 1, 0, 0, 0, 1))
    moved = dataclasses.replace(stack, reports=(aside, *stack.reports[1:]))
    done = write_layers(moved, tmp_path / f"out{suffix}", keep_unused=True, fused=FusedLayer.NONE)
    assert done.layers == tuple(layer_name(stack, place) for place in range(1, 5))
    assert done.unused[0] == stack.reports[0].name


@pytest.mark.parametrize("suffix", [".psd", ".psb"])
def test_another_program_sees_the_weighted_sum_in_a_psd(stack: Stack, tmp_path: Path, suffix: str) -> None:
    done = write_layers(stack, tmp_path / f"out{suffix}")
    opened = PSDImage.open(done.path)
    bits = stack.image.dtype.itemsize * 8
    assert (opened.version, opened.depth, opened.size) == (
        2 if suffix == ".psb" else 1,
        bits,
        stack_size(stack),
    )
    assert [layer.name for layer in opened] == list(done.layers)
    assert [layer.is_visible() for layer in opened] == [True] * (len(done.layers) - 1) + [False]
    assert worst(stack, np.asarray(opened.composite(force=True))[..., :3]) <= 2  # by its own blending
    assert worst(stack, np.asarray(opened.topil())) <= 2  # what programs show that know no layers
    assert opened.image_resources.get_data(1039) == PROFILE
    np.testing.assert_array_equal(
        np.moveaxis(opened[-1].numpy("color"), -1, 0) * full_scale(stack.image.dtype),
        np.moveaxis(stack.image, -1, 0),
    )


def test_layers_are_converted_with_the_picture(tmp_path: Path) -> None:
    stack = fuse_files(strips(tmp_path, np.uint16, 3), Options(method=Method.DEPTHMAP)).stack
    done = write_layers(stack, tmp_path / "out.psd", colour_space=find_space("prophoto"), bit_depth=8)
    opened = PSDImage.open(done.path)
    profile = opened.image_resources.get_data(1039)
    assert profile == find_space("prophoto").icc
    wanted = convert_colours(stack.image, stack.metadata.icc or b"", profile, 8).pixels
    np.testing.assert_array_equal(np.rint(opened[-1].numpy("color") * 255), wanted)
    # a program that heeds the profile sees the colours that there were, of the frames' layers too
    shown = np.asarray(opened.composite(force=True))[..., :3].astype(float)
    assert np.abs(shown - stack.image / 257)[stack.valid].mean() < 4
    assert np.abs(wanted - stack.image / 257)[stack.valid].mean() > 10


def stack_size(stack: Stack) -> tuple[int, int]:
    return stack.image.shape[1], stack.image.shape[0]


def test_layers_in_a_tiff_are_those_of_psdtags_and_the_picture_that_of_tifffile(
    stack: Stack, tmp_path: Path
) -> None:
    done = write_layers(stack, tmp_path / "out.tif")
    assert worst(stack, tifffile.imread(done.path)) <= 1
    with tifffile.TiffFile(done.path) as tiff:
        assert tiff.pages.first.iccprofile == PROFILE
    found = psdtags.TiffImageSourceData.fromtiff(done.path).layers
    assert [layer.info[0].value for layer in found] == list(done.layers)
    white = full_scale(stack.image.dtype)
    shown = np.zeros(stack.image.shape)
    for layer in list(found)[:-1]:
        by_kind = {channel.channelid: channel.data for channel in layer.channels}
        top, left = layer.rectangle.top, layer.rectangle.left
        rows, columns = by_kind[psdtags.PsdChannelId.CHANNEL0].shape
        part = shown[top : top + rows, left : left + columns]
        share = by_kind[psdtags.PsdChannelId.USER_LAYER_MASK][..., None] / white
        colours = np.dstack([by_kind[psdtags.PsdChannelId(number)] for number in range(3)])
        part += share * (colours - part)
    assert worst(stack, np.round(shown).astype(stack.image.dtype)) <= 1


def test_an_openraster_file_holds_masks_as_alpha(stack: Stack, tmp_path: Path) -> None:
    done = write_layers(stack, tmp_path / "out.ora")
    with zipfile.ZipFile(done.path) as archive:
        assert archive.namelist()[0] == "mimetype"
        assert archive.getinfo("mimetype").compress_type == zipfile.ZIP_STORED
        assert archive.read("mimetype") == b"image/openraster"
        image = ET.fromstring(archive.read("stack.xml"))
        layers = list(image.find("stack"))[::-1]
        assert [layer.get("name") for layer in layers] == list(done.layers)
        assert [layer.get("visibility") for layer in layers] == ["visible"] * (len(layers) - 1) + ["hidden"]
        shown = np.zeros(stack.image.shape)
        for layer in layers[:-1]:
            pixels = imagecodecs.png_decode(archive.read(layer.get("src"))).astype(float)
            x, y = int(layer.get("x")), int(layer.get("y"))
            part = shown[y : y + pixels.shape[0], x : x + pixels.shape[1]]
            part += pixels[..., 3:] / full_scale(stack.image.dtype) * (pixels[..., :3] - part)
        merged = imagecodecs.png_decode(archive.read("mergedimage.png"))
    assert worst(stack, np.round(shown).astype(stack.image.dtype)) <= 1
    assert worst(stack, merged) <= 1


def test_names_tell_number_and_place_and_unused_frames_are_left_out(stack: Stack, tmp_path: Path) -> None:
    done = write_layers(stack, tmp_path / "out.psd")
    assert done.unused == ("f5.tif",)
    assert done.layers == (
        "001 f1.tif +0.000 mm",
        "002 f2.tif +0.500 mm",
        "003 f3.tif +1.000 mm",
        "004 f4.tif +1.500 mm",
        f"fused ({stack.method})",
    )
    kept = write_layers(stack, tmp_path / "all.psd", keep_unused=True, fused=FusedLayer.SHOWN)
    assert kept.unused == ("f5.tif",)
    opened = PSDImage.open(kept.path)
    assert [layer.name for layer in opened][4] == "005 f5.tif +2.000 mm"
    assert np.asarray(opened[4].mask.topil()).max() == 0
    shown = np.asarray(opened.composite(force=True))[..., :3].astype(float)
    expected = stack.image.astype(float) * (255 / full_scale(stack.image.dtype))
    assert np.abs(shown - expected).max() <= 1


def test_a_mask_is_white_where_its_frame_is_sharp(tmp_path: Path) -> None:
    paths = strips(tmp_path, np.uint8)
    done = write_layers(fuse_files(paths).stack, tmp_path / "out.psd")
    layer = PSDImage.open(done.path)[2]  # sharp in the third quarter
    mask = np.asarray(layer.mask.topil())[20:-20]
    assert mask[:, 112:130].min() >= 230
    assert mask[:, :60].mean() < 20


def test_grey_frames_make_grey_layers(tmp_path: Path) -> None:
    stack = fuse_files(strips(tmp_path, np.uint8, grey=True)).stack
    for suffix in (".psd", ".tif", ".ora"):
        done = write_layers(stack, tmp_path / f"out{suffix}")
        if suffix == ".psd":
            opened = PSDImage.open(done.path)
            assert opened.color_mode.name == "GRAYSCALE"
            assert worst(stack, np.asarray(opened.topil())[..., None].repeat(3, axis=2)) <= 2
        elif suffix == ".tif":
            assert worst(stack, tifffile.imread(done.path)[..., None].repeat(3, axis=2)) <= 1


def test_a_changed_or_missing_frame_is_told_of_before_anything_is_written(
    stack: Stack, tmp_path: Path
) -> None:
    stack.save_folder(tmp_path / "a.stack")
    again = load_stack(tmp_path / "a.stack")
    victim = again.sources[1].path
    content = bytearray(victim.read_bytes())
    content[len(content) // 2] ^= 0x5A
    victim.write_bytes(content)
    with pytest.raises(DataError, match=r"f2\.tif has changed since the stack was made"):
        write_layers(again, tmp_path / "out.psd")
    victim.unlink()
    with pytest.raises(DataError, match=r"f2\.tif is not there any more"):
        write_layers(again, tmp_path / "out.psd")
    assert not (tmp_path / "out.psd").exists()


def test_arrays_a_method_without_depth_and_other_formats_are_refused(stack: Stack, tmp_path: Path) -> None:
    run = Stacker()
    run.add(np.full((40, 50, 3), 90, np.uint8))
    with pytest.raises(UserError, match="was no file"):
        write_layers(run.finish(), tmp_path / "out.psd")
    with pytest.raises(UserError, match="does not tell which frame is sharp"):
        write_layers(dataclasses.replace(stack, depth=None, method="weighted"), tmp_path / "out.psd")
    with pytest.raises(UserError, match=r"\.psd, \.psb"):
        write_layers(stack, tmp_path / "out.xcf")


def test_where_no_frame_reaches_nothing_is_divided(tmp_path: Path) -> None:
    stack = fuse_files(strips(tmp_path, np.uint8)).stack
    index = stack.depth.index.copy()
    index[:6] = np.nan
    valid = ~np.isnan(index)
    holed = dataclasses.replace(stack, valid=valid, depth=DepthIndex(index, stack.depth.confidence))
    partition = partition_of(holed)
    total = sum(partition.weight(number) for number in range(len(partition.places)))
    assert total[0].max() == 0
    assert total[8:-8, 8:-8].min() > 1 - 1e-5
    shown = PSDImage.open(write_layers(holed, tmp_path / "out.psd").path).topil()
    assert worst(holed, np.asarray(shown)) <= 2


@pytest.mark.parametrize(
    ("width", "height", "count", "why"),
    [(30001, 10, 1, "30000 at most"), (6000, 4000, 23, "2 at most"), (6000, 4000, 12, "")],
)
def test_what_is_too_large_for_a_psd_becomes_a_psb(width: int, height: int, count: int, why: str) -> None:
    layers = (LayerHead("a", Window(0, 0, width, height)),) * count
    document = Document(width, height, np.dtype(np.uint8), False, layers, FrameMetadata())
    assert why in needs_psb(document)
    assert bool(why) == bool(needs_psb(document))


def test_a_psb_is_told_of(stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stacker.outputs.layered_psd.MOST_PSD_BYTES", 1000)
    done = write_layers(stack, tmp_path / "out.psd")
    assert done.path == tmp_path / "out.psb"
    assert "written as out.psb instead of out.psd" in done.notes[0]
    assert PSDImage.open(done.path).version == 2


def test_the_record_of_positions_is_kept(stack: Stack, tmp_path: Path) -> None:
    stack.save_folder(tmp_path / "a.stack")
    table = json.loads((tmp_path / "a.stack" / "stack.json").read_text())
    assert [frame["position_mm"] for frame in table["frames"]] == [0.0, 0.5, 1.0, 1.5, 2.0]
    assert load_stack(tmp_path / "a.stack").reports[3].position_mm == 1.5
