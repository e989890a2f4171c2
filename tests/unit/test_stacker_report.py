"""The page of a stack: one file that tells what the stack folder tells."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import cv2
import imagecodecs
import numpy as np
import PIL.Image
import pytest
from typer.testing import CliRunner

from stacker import (
    FromFrame,
    Polygon,
    Retouch,
    RetouchBook,
    Retoucher,
    Stack,
    book_path,
    fuse_files,
    load_stack,
    write_image,
    write_report,
)
from stacker.cli.app import build_app
from stacker.errors import UserError
from stacker.io.development import Recipe
from stacker.report import pictures
from stacker.report.page import Prose, Section, Table
from stacker.report.retouches import with_retouches
from stacker.report.stack_page import _number, stack_page
from stacker.retouch.wishes import told

SIZE = (240, 160)


class Page(HTMLParser):
    """What a browser would be told."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words.append(data.strip())

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A stack of four frames, each sharp in a strip of its own but the last, which is sharp nowhere."""
    home = tmp_path_factory.mktemp("report")
    rng = np.random.default_rng(3)
    coarse = cv2.GaussianBlur(rng.standard_normal((SIZE[1], SIZE[0], 3)), (0, 0), 3)
    soft = 110 + coarse * (30 / coarse.std())
    scene = soft + rng.integers(-30, 30, (SIZE[1], SIZE[0], 3))
    paths = []
    for number in range(4):
        frame = soft.copy()
        if number < 3:
            strip = slice(number * SIZE[0] // 3, (number + 1) * SIZE[0] // 3)
            frame[:, strip] = scene[:, strip]
        paths.append(home / f"f{number + 1}.jpg")
        write_image(paths[-1], np.clip(frame, 0, 255).astype(np.uint8))
    stack = fuse_files(paths, positions_mm=[2.0, 2.5, 3.0, 3.5]).stack
    stack.save_folder(home / "beetle.stack")
    return home / "beetle.stack"


@pytest.fixture(scope="module")
def stack(folder: Path) -> Stack:
    return load_stack(folder)


def test_one_file_needs_no_other_and_every_picture_has_words(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "beetle.html"
    done = CliRunner().invoke(build_app(), ["report", str(folder), "-o", str(path), "--suspects", "--json"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.output)["size_bytes"] == path.stat().st_size
    text = path.read_text("utf-8")
    page = Page(text)
    assert not page.all("script")
    assert not page.all("link")
    assert {(image["src"] or "")[:11] for image in page.all("img")} == {"data:image/"}
    assert all(image["alt"] for image in page.all("img"))
    assert len(page.all("svg")) == 5
    ids = Counter(about["id"] for _, about in page.tags if about.get("id"))
    assert max(ids.values()) == 1
    assert {link["href"] for link in page.all("a")} <= {f"#{name}" for name in ids}
    record = json.loads((folder / "stack.json").read_text("utf-8"))
    assert record["created"] in page.words
    assert record["software"] in page.words


def test_numbers_are_those_of_the_stack_folder(folder: Path, stack: Stack) -> None:
    record = json.loads((folder / "stack.json").read_text("utf-8"))
    page = stack_page(stack, "beetle")
    by_key = {section.key: section for section in page.sections}
    (numbers,) = (block for block in by_key["frames"].blocks if isinstance(block, Table))
    for row, frame in zip(numbers.rows, record["frames"], strict=True):
        told = dict(zip(numbers.heads, row, strict=True))
        assert told["name"] == frame["name"]
        assert told["verdict"] == frame["verdict"]
        assert float(told["position, mm"]) == frame["position_mm"]
        assert float(told["share, %"]) == pytest.approx(100 * frame["share"], abs=0.005)
        assert float(told["scale"]) == pytest.approx(frame["scale"], abs=5e-6)
        assert float(told["gain G"]) == pytest.approx(frame["gain"][1], abs=5e-4)


def test_depth_is_told_in_millimetres_of_the_rail(stack: Stack) -> None:
    (picture,) = next(section for section in stack_page(stack, "x").sections if section.key == "depth").blocks
    assert picture.bar.labels == ("2.000 mm", "2.750 mm", "3.500 mm")  # type: ignore[union-attr]
    blind = dataclasses.replace(
        stack, reports=tuple(dataclasses.replace(report, position_mm=None) for report in stack.reports)
    )
    (picture,) = next(section for section in stack_page(blind, "x").sections if section.key == "depth").blocks
    assert picture.bar.labels == ("frame 1", "frame 2.5", "frame 4")  # type: ignore[union-attr]


def test_unused_and_simulated_frames_are_marked(stack: Stack, tmp_path: Path) -> None:
    shares = (0.4, 0.3, 0.3, 0.0)
    metadata = dataclasses.replace(stack.metadata, simulated=True)
    write_report(dataclasses.replace(stack, shares=shares, metadata=metadata), tmp_path / "a.html", "a")
    marked = Page((tmp_path / "a.html").read_text("utf-8"))
    assert marked.words.count("never used") == 2  # on its card and in the legend of the plot
    assert any("f4.jpg" in word and "Never used" in word for word in marked.words)
    assert any(word.startswith("SIMULATED") for word in marked.words)
    used = dataclasses.replace(stack, shares=(0.25,) * 4)
    write_report(used, tmp_path / "b.html", "b")
    plain = Page((tmp_path / "b.html").read_text("utf-8"))
    assert "never used" not in plain.words
    assert not any(word.startswith("SIMULATED") for word in plain.words)


def test_frames_that_are_gone_are_told_of(stack: Stack, tmp_path: Path) -> None:
    gone = tuple(
        dataclasses.replace(source, path=tmp_path / "gone.jpg") if at < 2 and source else source
        for at, source in enumerate(stack.sources)
    )
    write_report(dataclasses.replace(stack, sources=gone), tmp_path / "a.html", "a")
    page = Page((tmp_path / "a.html").read_text("utf-8"))
    assert "2 frames are not where they were, so they are not shown." in page.words
    assert len(page.all("img")) == 2 + 3  # two stamps; the picture, coverage and depth


@pytest.mark.parametrize("most_px", [None, 30_000, 1_000])
def test_frames_are_shown_as_they_were_developed_however_large(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, most_px: int | None
) -> None:
    monkeypatch.setattr(PIL.Image, "MAX_IMAGE_PIXELS", most_px)  # a frame has 38,400
    dim = Recipe(gains=(0.25, 1.0, 1.0))
    sources = [source and dataclasses.replace(source, recipe=dim) for source in stack.sources[:2]]
    for stamp in pictures.stamps(sources):
        assert stamp is not None
        red, green, _ = imagecodecs.jpeg8_decode(stamp.data).mean(axis=(0, 1))
        assert red < 0.7 * green


def test_the_picture_is_shown_with_its_retouches_which_are_listed(
    folder: Path, stack: Stack, tmp_path: Path
) -> None:
    home = tmp_path / "beetle.stack"
    shutil.copytree(folder, home)
    for frame in folder.parent.glob("*.jpg"):
        shutil.copy(frame, tmp_path)
    loaded, (x, y) = load_stack(home), stack.origin_px
    corners = ((20.0 + x, 30.0 + y), (60.0 + x, 30.0 + y), (60.0 + x, 90.0 + y), (20.0 + x, 90.0 + y))
    one = Retouch(
        region=Polygon(points_px=corners), source=FromFrame(name="f4.jpg"), feather_px=0, note="hair"
    )
    RetouchBook(retouches=(one,)).save(book_path(home))
    shown, section = with_retouches(loaded, home)
    np.testing.assert_array_equal(shown.image, Retoucher(loaded).apply([one]))
    assert (shown.image != loaded.image).any()
    assert section is not None
    (listed,) = section.blocks
    assert isinstance(listed, Table)
    assert listed.rows == (("1", "19, 29, 43, 63", f"{told(one)}"),)
    done = CliRunner().invoke(build_app(), ["report", str(home), "-q"])
    assert done.exit_code == 0, done.output
    assert told(one) in Page((tmp_path / "beetle.html").read_text("utf-8")).words
    (tmp_path / "f4.jpg").unlink()
    shown, section = with_retouches(load_stack(home, tmp_path), home)
    np.testing.assert_array_equal(shown.image, loaded.image)
    assert section is not None
    assert "f4.jpg is not there any more" in section.blocks[0].texts[0]  # type: ignore[union-attr]


def test_names_are_text_and_others_add_sections(stack: Stack, tmp_path: Path) -> None:
    verdicts = Section("verdicts", "Verdicts", (Prose(("frame 2 was blurred by a <bump>",), warning=True),))
    write_report(stack, tmp_path / "a.html", "<script>alert(1)</script>", more=[verdicts])
    page = Page((tmp_path / "a.html").read_text("utf-8"))
    assert not page.all("script")
    assert "Stack <script>alert(1)</script>" in page.words
    assert "frame 2 was blurred by a <bump>" in page.words
    assert {"id": "verdicts", "aria-labelledby": "verdicts-title"} in page.all("section")


def test_fuse_writes_the_page_and_refuses_other_endings(folder: Path, tmp_path: Path) -> None:
    frames = sorted(str(path) for path in folder.parent.glob("*.jpg"))
    asked = ["fuse", *frames, "-q", "-o", str(tmp_path / "out.png"), "--report"]
    done = CliRunner().invoke(build_app(), [*asked, str(tmp_path / "out.html")])
    assert done.exit_code == 0, done.output
    assert "Stack out" in Page((tmp_path / "out.html").read_text("utf-8")).words
    refused = CliRunner().invoke(build_app(), [*asked, str(tmp_path / "out.pdf")])
    assert isinstance(refused.exception, UserError) or refused.exit_code == 2
    assert not (tmp_path / "out.pdf").exists()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("1/60", "1/60"),
        ("10/1", "10"),
        ("56/10", "5.6"),
        ("3/2", "1.5"),
        ("3/10", "0.3"),
        ("1/0", "1/0"),
        ("100", "100"),
        ("25600", "25600"),
    ],
)
def test_numbers_of_exif_are_written_as_photographers_do(text: str, shown: str) -> None:
    assert _number(text) == shown
