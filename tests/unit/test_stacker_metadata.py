"""What results say about themselves, read back by exiv2 and, where it is there, by exiftool."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import exiv2
import imagecodecs
import numpy as np
import PIL.Image
import pytest
import tifffile

from stacker import (
    FrameMetadata,
    Options,
    Stack,
    UserError,
    fuse_files,
    load_stack,
    read_frame,
    write_frames,
    write_image,
    write_layers,
)
from stacker.about import described
from stacker.batch.slabs import Slabs, write_slabs
from stacker.credits import CREDIT_FIELDS, Credits, read_credits
from stacker.io.metadata import read_metadata, unpacked
from stacker.io.session_facts import SetUp
from stacker.io.sidecars import with_sidecar
from stacker.io.stack_xmp import NAMESPACE, write_frame_sidecar, xmp_packet
from stacker.settings import load_settings

SAYS: dict[str, Any] = {
    "Exif.Image.Make": "NIKON CORPORATION",
    "Exif.Image.Model": "NIKON D750",
    "Exif.Image.Orientation": exiv2.UShortValue(6),
    "Exif.Image.DateTime": "2025:03:04 05:06:07",
    "Exif.Image.DNGVersion": "1 4 0 0",
    "Exif.Image.UniqueCameraModel": "DNG D750",
    "Exif.Photo.DateTimeOriginal": "2025:03:04 05:06:07",
    "Exif.Photo.SubSecTime": "987654",
    "Exif.Photo.ExposureTime": "1/8",
    "Exif.Photo.FNumber": "28/5",
    "Exif.Photo.LensSerialNumber": "L9",
    "Exif.Photo.MakerNote": "1 2 3 4",
    "Exif.GPSInfo.GPSLatitudeRef": "N",
    "Exif.GPSInfo.GPSLatitude": "48/1 6/1 0/1",
}


def frame(path: Path, shift: int, **more: Any) -> Path:
    scene = np.random.default_rng(8).integers(20, 230, (60, 90, 3), np.uint8)
    buffer = io.BytesIO()
    PIL.Image.fromarray(np.roll(scene, shift, axis=1)).save(buffer, "jpeg", quality=95)
    path.write_bytes(buffer.getvalue())
    image = exiv2.ImageFactory.open(str(path))
    image.readMetadata()
    exif, xmp, iptc = image.exifData(), image.xmpData(), image.iptcData()
    for key, value in (SAYS | more).items():
        exif[key] = value
    exiv2.ExifThumb(exif).setJpegThumbnail(bytes(imagecodecs.jpeg8_encode(scene[:8, :12])))
    for key, value in (("tiff.Orientation", "6"), ("crs.Exposure2012", "+1.00"), ("xmp.Rating", "4")):
        xmp[f"Xmp.{key}"] = value
    xmp["Xmp.dc.subject"] = "beetle"
    iptc["Iptc.Application2.Keywords"] = "beetle"
    city = exiv2.Value.create(exiv2.TypeId.string)
    city.read("Nürnberg".encode("latin-1"), exiv2.ByteOrder.littleEndian)  # as older programs write it
    place = exiv2.Iptcdatum(exiv2.IptcKey("Iptc.Application2.City"), city)
    iptc.add(place)
    image.writeMetadata()
    return path


@pytest.fixture(scope="module")
def frames(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("beetle")
    return [frame(folder / f"f{number}.jpg", number) for number in (1, 2, 3)]


@pytest.fixture(scope="module")
def stack(frames: list[Path]) -> Stack:
    return fuse_files(frames, Options(), positions_mm=(1.0, 1.5, 2.0)).stack


def said(path: Path) -> dict[str, str]:
    image = exiv2.ImageFactory.open(str(path))
    image.readMetadata()
    found: dict[str, str] = {}
    for data in (image.exifData(), image.xmpData(), image.iptcData()):
        for datum in data:
            found[datum.key()] = "; ".join(
                part for part in (found.get(datum.key(), ""), datum.toString()) if part
            )
    return found


CREDITS = Credits(
    creator="Jane Döe",
    copyright="© {year} Jane Döe",
    credit="Döe & Sons",
    title="{session}: {frames} frames",
    caption="every {step} at {magnification}×",
    keywords=("{lens}", "{camera}", "macro, stacked"),
)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif", ".psd"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_result_tells_of_its_frames_its_stack_and_its_maker(
    stack: Stack, tmp_path: Path, suffix: str, dtype: Any
) -> None:
    told, left_out = described(stack, SetUp("hoverfly", 5.0, 33.6), CREDITS, "out")
    told = replace(told, image=told.image.astype(dtype) * (257 if dtype is np.uint16 else 1))
    path = tmp_path / f"out{suffix}"
    if suffix == ".psd":
        write_layers(told, path)
    else:
        told.save(path)
    height, width = stack.image.shape[:2]
    says = said(path)
    assert left_out == ("{lens}",)  # no frame names one
    for key, value in {
        "Exif.Image.Make": "NIKON CORPORATION",
        "Exif.Photo.ExposureTime": "1/8",
        "Exif.Photo.FNumber": "28/5",
        "Exif.Photo.LensSerialNumber": "L9",
        "Exif.Photo.DateTimeOriginal": "2025:03:04 05:06:07",
        "Exif.GPSInfo.GPSLatitude": "48/1 6/1 0/1",
        "Exif.Image.Orientation": "1",
        "Exif.Photo.PixelXDimension": str(width),
        "Exif.Photo.PixelYDimension": str(height),
        "Exif.Image.Artist": "Jane Döe",
        "Exif.Image.Copyright": "© 2025 Jane Döe",
        "Exif.Image.ImageDescription": "every 0.5 mm at 5×",
        "Xmp.xmp.Rating": "4",
        "Xmp.dc.creator": "Jane Döe",
        "Xmp.dc.rights": 'lang="x-default" © 2025 Jane Döe',
        "Xmp.dc.title": 'lang="x-default" hoverfly: 3 frames',
        "Xmp.dc.subject": "beetle, NIKON D750, macro, stacked",
        "Xmp.photoshop.Credit": "Döe & Sons",
        "Xmp.focusrig.FrameCount": "3",
        "Xmp.focusrig.FramesUsed": "3",
        "Xmp.focusrig.RailPositionsMm": "1, 1.5, 2",
        "Xmp.focusrig.StepMm": "0.5",
        "Xmp.focusrig.Magnification": "5",
        "Xmp.focusrig.EffectiveFNumber": "33.6",
        "Xmp.focusrig.Session": "hoverfly",
        "Xmp.focusrig.Method": stack.method,
        "Xmp.focusrig.Simulated": "False",
        "Iptc.Application2.Byline": "Jane Döe",
        "Iptc.Application2.Keywords": "beetle; NIKON D750; macro, stacked",
        "Iptc.Application2.City": "Nürnberg",
    }.items():
        assert says.get(key) == value, key
    assert says["Xmp.focusrig.Software"].startswith("focusrig ")
    assert says["Exif.Image.DateTime"] != "2025:03:04 05:06:07"
    assert says["Exif.Photo.SubSecTime"] != "987654"
    stale = [
        key
        for key in says
        if key.startswith(("Xmp.crs", "Xmp.tiff", "Exif.Nikon")) or "DNG" in key + says[key]
    ]
    assert stale == []
    assert "Exif.Photo.MakerNote" not in says


def assert_dark_then_light(small: bytes) -> None:
    """JPEGs of a picture whose left half is dark; grey, so as to see a wrong colour model."""
    pixels = imagecodecs.jpeg8_decode(small).astype(int)
    assert pixels.shape == (40, 160, 3)
    assert pixels[:, :70].max() < 20
    assert pixels[:, 90:].min() > 235


def photoshops(resources: bytes) -> bytes:
    """The JPEG among image resources."""
    at = resources.index(b"8BIM\x04\x0c\0\0") + 12
    return resources[at + 28 : at + 28 + int.from_bytes(resources[at + 20 : at + 24], "big")]


def dark_then_light(metadata: FrameMetadata, path: Path) -> None:
    wide = np.zeros((100, 400, 3), np.uint16)
    wide[:, 200:] = 65535
    write_image(path, wide, metadata)


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_the_thumbnail_is_one_of_the_result(stack: Stack, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"out{suffix}"
    dark_then_light(stack.metadata, path)
    image = exiv2.ImageFactory.open(str(path))
    image.readMetadata()
    assert_dark_then_light(bytes(exiv2.ExifThumb(image.exifData()).copy().data()))


def test_the_thumbnail_of_a_tiff_is_no_second_page(stack: Stack, tmp_path: Path) -> None:
    path = tmp_path / "out.tif"
    dark_then_light(replace(stack.metadata, grey=True), path)
    with PIL.Image.open(path) as tiff:
        assert getattr(tiff, "n_frames", 1) == 1
    with tifffile.TiffFile(path) as tiff:
        assert len(tiff.pages) == 1
        (small,) = tiff.pages.first.pages
        assert small.subfiletype == 1
        (at,), (size,) = small.dataoffsets, small.databytecounts
        assert_dark_then_light(path.read_bytes()[at : at + size])
        assert_dark_then_light(photoshops(bytes(tiff.pages.first.tags[34377].value)))
    image = exiv2.ImageFactory.open(str(path))
    image.readMetadata()
    (preview,) = exiv2.PreviewManager(image).getPreviewProperties()
    assert (preview.width_, preview.height_) == (160, 40)
    np.testing.assert_array_equal(read_frame(path).pixels[:, ::399, 0], [[0, 65535]] * 100)


@pytest.mark.parametrize("suffix", [".psd", ".psb", ".tif"])
def test_layered_files_have_photoshops_thumbnail(stack: Stack, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"out{suffix}"
    write_layers(stack, path)
    if suffix == ".tif":
        with tifffile.TiffFile(path) as tiff:
            assert len(tiff.pages) == 1
            resources = bytes(tiff.pages.first.tags[34377].value)
    else:
        resources = path.read_bytes()[: 1 << 17]
    pixels = imagecodecs.jpeg8_decode(photoshops(resources))
    height, width = stack.image.shape[:2]
    assert pixels.shape == (height, width, 3)  # it is smaller than a thumbnail may be
    assert np.abs(pixels.astype(int) - stack.image).mean() < 10


def test_the_merged_picture_of_an_ora_tells_of_the_frames(stack: Stack, tmp_path: Path) -> None:
    write_layers(described(stack, SetUp("hoverfly", 5.0), CREDITS)[0], tmp_path / "out.ora")
    with zipfile.ZipFile(tmp_path / "out.ora") as archive:
        archive.extract("mergedimage.png", tmp_path)
        assert archive.namelist()[0] == "mimetype"
    says = said(tmp_path / "mergedimage.png")
    assert says["Exif.Image.Make"] == "NIKON CORPORATION"
    assert says["Xmp.focusrig.FrameCount"] == "3"
    assert says["Iptc.Application2.Byline"] == "Jane Döe"
    assert {path.name for path in tmp_path.iterdir()} == {"out.ora", "mergedimage.png"}


@pytest.mark.parametrize(
    ("said", "kept"),
    [(None, ""), ("ImageJ=1.54f\nimages=3", ""), ("A beetle, found at dusk", "A beetle, found at dusk")],
)
def test_layouts_of_other_programs_are_not_taken_for_captions(
    tmp_path: Path, said: str | None, kept: str
) -> None:
    """tifffile says the shape of its array there, and calls a file corrupted that has another."""
    pixels = np.zeros((48, 64, 3), np.uint8)
    tifffile.imwrite(tmp_path / "frame.tif", pixels, description=said, photometric="rgb")
    write_image(tmp_path / "out.tif", pixels[8:], read_frame(tmp_path / "frame.tif").metadata)
    with tifffile.TiffFile(tmp_path / "out.tif") as made:
        assert made.pages.first.description == kept


def test_lens_and_serial_number_are_taken_out_of_the_maker_note(tmp_path: Path) -> None:
    found = read_frame(
        frame(tmp_path / "f.jpg", 0, **{"Exif.Nikon3.SerialNumber": "4711", "Exif.Nikon3.Lens": "1/1"})
    )
    write_image(tmp_path / "out.tif", found.pixels, found.metadata)
    assert said(tmp_path / "out.tif")["Exif.Photo.BodySerialNumber"] == "4711"


def test_a_slab_tells_of_its_own_frames(stack: Stack, tmp_path: Path) -> None:
    told = described(stack, SetUp("hoverfly", 5.0), Credits(creator="Jane"))[0]
    paths = write_slabs(told, Slabs(2), tmp_path / "out.jpg", tmp_path)
    says = said(paths[-1])
    assert (says["Xmp.focusrig.Slab"], says["Xmp.focusrig.FramesUsed"]) == ("2 of 2", "1")
    assert (says["Xmp.focusrig.RailPositionsMm"], says["Xmp.focusrig.Magnification"]) == ("2", "5")
    assert "Xmp.focusrig.StepMm" not in says
    assert says["Xmp.dc.creator"] == "Jane"


def test_registered_frames_say_where_they_were_taken(stack: Stack, tmp_path: Path) -> None:
    from stacker.io.positions import find_positions

    paths = write_frames(stack, tmp_path / "registered", suffix=".jpg")
    says = said(paths[1])
    assert (says["Xmp.focusrig.FrameNumber"], says["Xmp.focusrig.Registered"]) == ("2", "True")
    found = find_positions(paths)
    assert found is not None
    assert found.positions_mm == (1.0, 1.5, 2.0)


def test_what_a_stack_folder_kept_is_what_its_picture_says(stack: Stack, tmp_path: Path) -> None:
    told = described(stack, SetUp("hoverfly", 5.0), CREDITS)[0]
    told.save_folder(tmp_path / "out.stack")
    load_stack(tmp_path / "out.stack").save(tmp_path / "again.jpg")
    says = said(tmp_path / "again.jpg")
    assert says["Xmp.focusrig.Session"] == "hoverfly"
    assert says["Iptc.Application2.Copyright"] == "© 2025 Jane Döe"


def test_simulated_is_said_even_where_exif_does_not(tmp_path: Path) -> None:
    pixels = np.zeros((40, 60, 3), np.uint8)
    plain = FrameMetadata(simulated=True)
    report = fuse_files([frame(tmp_path / "f.jpg", 0)], Options()).stack
    described(replace(report, metadata=plain))[0].save(tmp_path / "out.png")
    assert said(tmp_path / "out.png")["Xmp.focusrig.Simulated"] == "True"
    assert read_frame(tmp_path / "out.png").metadata.simulated
    write_image(tmp_path / "other.png", pixels)
    assert not read_frame(tmp_path / "other.png").metadata.simulated


def test_positions_of_a_long_stack_fit_into_a_jpeg(stack: Stack, tmp_path: Path) -> None:
    many = replace(
        stack,
        reports=tuple(replace(stack.reports[0], index=n, position_mm=n / 7) for n in range(2000)),
        shares=(0.0,) * 2000,
        sources=(None,) * 2000,
    )
    described(many)[0].save(tmp_path / "out.jpg")
    says = said(tmp_path / "out.jpg")
    assert says["Xmp.focusrig.RailLastMm"] == "285.571429"
    assert "Xmp.focusrig.RailPositionsMm" not in says


@pytest.mark.parametrize("many", [False, True])
def test_what_is_too_long_for_a_jpeg_does_not_cost_the_picture(tmp_path: Path, many: bool) -> None:
    path = frame(tmp_path / "f.tif", 0)
    write_image(path, np.zeros((40, 60, 3), np.uint8))
    image = exiv2.ImageFactory.open(str(path))
    image.readMetadata()
    exif, xmp = image.exifData(), image.xmpData()
    exif["Exif.Photo.ExposureTime"] = "1/8"
    exif["Exif.Photo.UserComment"] = "charset=Ascii " + "u" * 60_000
    xmp["Xmp.dc.title"] = "lang=x-default short"
    if many:
        words = exiv2.XmpArrayValue(exiv2.TypeId.xmpBag)
        for number in range(3000):
            words.read(f"keyword {number}")
        xmp["Xmp.dc.subject"] = words
    else:
        xmp["Xmp.dc.description"] = "lang=x-default " + "x" * 100_000
    image.writeMetadata()
    stack = fuse_files([path], Options()).stack
    described(stack, credit=Credits(creator="Jane"))[0].save(tmp_path / "out.jpg")
    says = said(tmp_path / "out.jpg")
    assert says["Exif.Photo.ExposureTime"] == "1/8"
    assert says["Xmp.dc.creator"] == "Jane"
    assert says["Xmp.dc.title"].endswith(" short")
    assert "Exif.Photo.UserComment" not in says


def test_iptc_is_cut_to_its_room_and_xmp_is_not(stack: Stack, tmp_path: Path) -> None:
    name = "Jané " * 20
    described(stack, credit=Credits(creator=name.strip()))[0].save(tmp_path / "out.jpg")
    says = said(tmp_path / "out.jpg")
    assert len(says["Iptc.Application2.Byline"].encode()) <= 32
    assert says["Xmp.dc.creator"] == name.strip()


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("creator = 'Jane'", r"no table \[metadata\]"),
        ("[metadata]\nauthor = 'Jane'", "author: there is none"),
        ("[metadata]\ntitle = '{subject}'", "asks for subject; the fields are session"),
        ("[metadata]\ntitle = '{'", "cannot be used"),
        ("[metadata]\ntitle = '{frames.real}'", "asks for frames.real"),
        ("[metadata]\nkeywords = ['{0}']", "asks for 0"),
        ("[metadata", "cannot be read as TOML"),
    ],
)
def test_templates_that_cannot_be_used_are_refused(tmp_path: Path, text: str, match: str) -> None:
    (tmp_path / "credits.toml").write_text(text)
    with pytest.raises(UserError, match=match):
        read_credits(tmp_path / "credits.toml")


def test_a_persons_settings_give_way_to_what_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "stacker.toml"
    file.write_text('open_with = "gimp {}"\n[metadata]\ncreator = "Jane"\nkeywords = ["a"]\n')
    monkeypatch.setenv("STACKER_CONFIG", str(file))
    settings = load_settings()
    assert settings.open_with == "gimp {}"
    both = Credits(creator="Bob", keywords=("b", "a")).over(settings.metadata)
    assert (both.creator, both.keywords) == ("Bob", ("a", "b"))
    file.write_text("open_wiht = 'gimp'\n")
    with pytest.raises(UserError, match="open_wiht: there is no such setting"):
        load_settings()


def test_the_documentation_names_every_property_and_field(stack: Stack) -> None:
    from stacker.about import stack_facts

    page = (Path(__file__).parents[2] / "docs" / "metadata.md").read_text()
    assert NAMESPACE in page
    facts = stack_facts(stack, SetUp("s", 1.0, 2.0))
    assert [name for name in facts if f"`{name}`" not in page] == []
    assert [field for field in CREDIT_FIELDS if f"`{{{field}}}`" not in page] == []


def test_a_frames_sidecar_is_one_that_other_programs_read(tmp_path: Path) -> None:
    path = tmp_path / "f_0001.xmp"
    write_frame_sidecar(path, {"FrameNumber": 1, "RailPositionMm": 12.5, "Simulated": True})
    assert said(path) == {
        "Xmp.focusrig.FrameNumber": "1",
        "Xmp.focusrig.RailPositionMm": "12.5",
        "Xmp.focusrig.Simulated": "True",
    }


@pytest.mark.parametrize(
    ("name", "sidecar"), [("f.jpg", "f.jpg.xmp"), ("f.dng", "f.xmp"), ("f.dng", "f.dng.xmp")]
)
def test_what_other_programs_say_beside_a_frame_goes_before_the_frame(
    tmp_path: Path, name: str, sidecar: str
) -> None:
    path = frame(tmp_path / name, 0)  # whose metadata are read by what they are, not by the name
    own = read_metadata(path, name)
    assert with_sidecar(own, path) is own
    (tmp_path / sidecar).write_text(
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:Rating="5"'
        ' xmlns:crs="http://ns.adobe.com/camera-raw-settings/1.0/" crs:Exposure2012="+2.00"'
        f' xmlns:f="{NAMESPACE}" f:RailPositionMm="3" xmlns:dc="http://purl.org/dc/elements/1.1/">'
        "<dc:subject><rdf:Bag><rdf:li>wasp</rdf:li><rdf:li>macro</rdf:li></rdf:Bag></dc:subject>"
        "</rdf:Description></rdf:RDF></x:xmpmeta>"
    )
    write_image(tmp_path / "out.png", np.zeros((20, 30, 3), np.uint8), with_sidecar(own, path))
    says = said(tmp_path / "out.png")
    assert (says["Xmp.xmp.Rating"], says["Xmp.dc.subject"]) == ("5", "wasp, macro")
    assert says["Exif.Photo.ExposureTime"] == "1/8"
    assert [key for key in says if key.startswith(("Xmp.crs", "Xmp.focusrig"))] == []
    (tmp_path / sidecar).write_bytes(b"no XMP")
    assert with_sidecar(own, path) == own


def test_a_sidecar_that_is_too_long_for_a_jpeg_leaves_the_frame_readable(tmp_path: Path) -> None:
    """Masks drawn in darktable take some 100 kB."""
    PIL.Image.fromarray(np.zeros((20, 30, 3), np.uint8)).save(tmp_path / "f.jpg")
    xmp = exiv2.XmpData()
    xmp["Xmp.xmp.Rating"] = "4"
    xmp["Xmp.dc.source"] = "a" * 100_000
    (tmp_path / "f.jpg.xmp").write_text(xmp_packet(xmp))
    metadata = read_frame(tmp_path / "f.jpg").metadata
    assert {datum.key() for datum in unpacked(metadata)[1]} == {"Xmp.xmp.Rating"}


def test_a_frame_that_is_read_has_its_sidecar(tmp_path: Path) -> None:
    path = frame(tmp_path / "f.jpg", 0)
    write_frame_sidecar(tmp_path / "f.jpg.xmp", {"FrameNumber": 1})
    before = read_frame(path)
    image = exiv2.ImageFactory.open(str(tmp_path / "f.jpg.xmp"))
    image.readMetadata()
    image.xmpData()["Xmp.xmp.Label"] = "Green"
    image.writeMetadata()
    write_image(tmp_path / "out.png", before.pixels, read_frame(path).metadata)
    assert said(tmp_path / "out.png")["Xmp.xmp.Label"] == "Green"


@pytest.mark.skipif(shutil.which("exiftool") is None, reason="exiftool is not installed")
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif"])
def test_exiftool_reads_the_same(stack: Stack, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"out{suffix}"
    described(stack, SetUp("hoverfly", 5.0), CREDITS)[0].save(path)
    done = subprocess.run(
        ["exiftool", "-json", "-G1", "-n", str(path)], capture_output=True, text=True, check=True
    )
    says = json.loads(done.stdout)[0]
    assert says["XMP-focusrig:RailPositionsMm"] == [1, 1.5, 2]
    assert says["XMP-dc:Subject"] == ["beetle", "NIKON D750", "macro, stacked"]
    assert says["IPTC:By-line"] == "Jane Döe"
    assert says["IFD0:Orientation"] == 1
    assert says["GPS:GPSLatitude"] == pytest.approx(48.1)
    assert not any("Warning" in key for key in says)
    assert suffix != ".tif" or says["IFD0:Compression"] == 8  # the code for deflate that is not obsolete
