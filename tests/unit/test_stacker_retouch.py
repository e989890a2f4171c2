"""Retouches: kept as text, in order, undone, applied to all of a picture or to a view of it."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from stacker import (
    DataError,
    FromFrame,
    FromFused,
    FromMethod,
    MaskFile,
    Method,
    Options,
    Polygon,
    Retouch,
    RetouchBook,
    Retoucher,
    Stack,
    Strokes,
    UserError,
    book_path,
    fuse_files,
    load_stack,
    read_frame,
    write_image,
)
from stacker.fusion.window import Window
from stacker.retouch.regions import mask_of
from stacker.retouch.wishes import parse_points, region_of, source_of

BOOK = '{"format": "focusrig-retouches", "version": 1, "retouches": [%s]}'
COMMAND = [sys.executable, "-c", "from stacker.cli import main; main()"]
SQUARE = ((40.0, 30.0), (89.0, 30.0), (89.0, 69.0), (40.0, 69.0))


@pytest.fixture(params=[np.uint8, np.uint16], ids=["8bit", "16bit"])
def stack(tmp_path: Path, request: pytest.FixtureRequest) -> Stack:
    """Three frames, of which each has a square patch of its own brightness in a textured scene."""
    rng = np.random.default_rng(2)
    scene = cv2.GaussianBlur(rng.integers(0, 255, (100, 140, 3), np.uint8), (0, 0), 1.5)
    white = np.iinfo(request.param).max
    for number in range(3):
        frame = cv2.GaussianBlur(scene, (0, 0), 0.5 + number).astype(np.float64) / 255
        write_image(tmp_path / f"f{number + 1}.tif", (frame * white).astype(request.param))
    return fuse_files(sorted(tmp_path.glob("f*.tif")), Options(method=Method.PYRAMID), reference=0).stack


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *map(str, arguments)], capture_output=True, text=True, timeout=110, check=False
    )


def levels(image: np.ndarray) -> np.ndarray:
    return image.astype(float) * (255 / np.iinfo(image.dtype).max)


def frame_of(stack: Stack, number: int) -> np.ndarray:
    """A frame as it lies on the picture, by OpenCV."""
    report, source = stack.reports[number - 1], stack.sources[number - 1]
    shift = np.array([[1, 0, -stack.origin_px[0]], [0, 1, -stack.origin_px[1]], [0, 0, 1.0]]) @ report.matrix
    height, width = stack.image.shape[:2]
    warped = cv2.warpAffine(
        levels(read_frame(source.path).pixels), shift[:2], (width, height), flags=cv2.INTER_CUBIC
    )
    return np.clip(warped * report.gain + report.offset, 0, 255)


def square(number: int, **more: object) -> Retouch:
    return Retouch(region=Polygon(points_px=SQUARE), source=FromFrame(name=f"f{number}.tif"), **more)


def inner(image: np.ndarray, stack: Stack) -> np.ndarray:
    x, y = stack.origin_px
    return image[36 - y : 64 - y, 46 - x : 84 - x]


def test_a_region_is_taken_from_a_frame_and_nothing_else_changes(stack: Stack) -> None:
    before = stack.image.copy()
    done = Retoucher(stack).apply([square(3, feather_px=4)])
    assert np.abs(levels(inner(done, stack)) - inner(frame_of(stack, 3), stack)).max() < 1.5
    assert np.abs(levels(inner(done, stack)) - levels(inner(before, stack))).mean() > 3
    x, y = stack.origin_px
    outside = np.ones(done.shape[:2], bool)
    outside[26 - y : 74 - y, 36 - x : 94 - x] = False
    np.testing.assert_array_equal(done[outside], before[outside])
    np.testing.assert_array_equal(stack.image, before)


def test_feather_fades_across_the_edge(stack: Stack) -> None:
    target, start = frame_of(stack, 3), levels(stack.image)
    done = levels(Retoucher(stack).apply([square(3, feather_px=10)]))
    x, y = stack.origin_px
    rows = slice(45 - y, 55 - y)

    def share(column: int) -> float:
        off = (target - start)[rows, column - x]
        return float((off * (done - start)[rows, column - x]).sum() / (off * off).sum())

    shares = [share(column) for column in (34, 37, 40, 43, 46)]
    assert shares == sorted(shares)
    assert shares[0] < 0.1
    assert 0.35 < shares[2] < 0.7
    assert shares[4] > 0.9


def test_later_ones_lie_on_earlier_ones_and_fused_takes_them_back(stack: Stack) -> None:
    retoucher = Retoucher(stack)
    twice = retoucher.apply([square(2), square(3)])
    assert np.abs(levels(inner(twice, stack)) - inner(frame_of(stack, 3), stack)).max() < 1.5
    back = retoucher.apply([square(2), Retouch(region=Polygon(points_px=SQUARE), source=FromFused())])
    np.testing.assert_array_equal(inner(back, stack), inner(stack.image, stack))


def test_brush_and_mask_cover_what_they_say(stack: Stack, tmp_path: Path) -> None:
    brush = Strokes(lines_px=(((50.0, 50.0), (80.0, 50.0)), ((60.0, 20.0),)), radius_px=6)
    source, x, y = FromFrame(name="f3.tif"), *stack.origin_px
    retoucher = Retoucher(stack, tmp_path)
    done = retoucher.apply([Retouch(region=brush, source=source, feather_px=0)])
    changed = (done != stack.image).any(axis=2)
    assert changed[45 - y : 56 - y, 50 - x : 80 - x].mean() > 0.95
    assert changed[16 - y : 25 - y, 57 - x : 64 - x].mean() > 0.95  # a single point
    assert not changed[59 - y :].any()
    mask = np.zeros((*stack.image.shape[:2], 3), np.uint8)
    mask[10:20, 30:50] = 255
    write_image(tmp_path / "mask.png", mask)
    region = MaskFile(file="mask.png", at_px=stack.origin_px)
    changed = (retoucher.apply([Retouch(region=region, source=source, feather_px=0)]) != stack.image).any(
        axis=2
    )
    assert changed[10:20, 30:50].mean() > 0.95
    changed[10:20, 30:50] = False
    assert not changed.any()


def test_a_region_is_fused_again_by_another_method(stack: Stack) -> None:
    again = Retouch(region=Polygon(points_px=SQUARE), source=FromMethod(method=Method.WEIGHTED), feather_px=2)
    black = dataclasses.replace(stack, image=np.zeros_like(stack.image))
    done = Retoucher(black).apply([again])
    whole = fuse_files(
        [source.path for source in stack.sources], Options(method=Method.WEIGHTED), reference=0
    )
    assert whole.stack.origin_px == stack.origin_px
    assert np.abs(levels(inner(done, stack)) - levels(inner(whole.stack.image, stack))).max() < 2
    assert not done[-20:].any()


def test_a_view_is_the_same_part_of_the_whole(stack: Stack) -> None:
    retoucher = Retoucher(stack)
    retouches = [
        square(3),
        Retouch(region=Polygon(points_px=SQUARE[:3]), source=FromMethod(method=Method.WEIGHTED)),
    ]
    whole = retoucher.apply(retouches)
    np.testing.assert_array_equal(retoucher.preview((33, 21, 60, 50), retouches), whole[21:71, 33:93])
    small = retoucher.preview((0, 0, 140, 100), retouches, max_px=1000)
    assert small.shape[0] * small.shape[1] <= 1000
    expected = cv2.resize(
        levels(whole)[: small.shape[0] * 4, : small.shape[1] * 4],
        small.shape[1::-1],
        interpolation=cv2.INTER_AREA,
    )
    assert np.abs(levels(small) - expected)[2:-2, 2:-2].mean() < 1.5
    with pytest.raises(UserError, match="outside of the picture"):
        retoucher.preview((500, 0, 10, 10), retouches)


def test_what_cannot_be_done_is_refused_before_it_is_kept(stack: Stack, tmp_path: Path) -> None:
    retoucher = Retoucher(stack, tmp_path)
    with pytest.raises(UserError, match=r"no frame f9\.tif"):
        retoucher.check(square(9))
    far = Polygon(points_px=((1000, 1000), (1010, 1000), (1010, 1010)))
    with pytest.raises(UserError, match="outside of the picture"):
        retoucher.check(Retouch(region=far, source=FromFused()))
    with pytest.raises(UserError, match="not there"):
        retoucher.check(Retouch(region=MaskFile(file="no.png", at_px=(0, 0)), source=FromFused()))
    retoucher.check(square(3))
    (tmp_path / "f3.tif").write_bytes((tmp_path / "f1.tif").read_bytes())
    with pytest.raises(DataError, match="has changed"):
        retoucher.apply([square(3)])


def test_a_wide_feather_is_the_blur_that_it_says_and_the_same_in_every_view() -> None:
    corners = ((300.0, 200.0), (700.0, 250.0), (500.0, 600.0))
    for feather_px in (40, 150):
        one = Retouch(region=Polygon(points_px=corners), source=FromFused(), feather_px=feather_px)
        mask = mask_of(one, Window(100, 50, 800, 700), 1, Path())
        sharp = np.zeros((700, 800), np.uint8)
        fixed = np.rint((np.array(corners) - (100, 50)) * 16).astype(np.int32)
        cv2.fillPoly(sharp, [fixed], 255, cv2.LINE_AA, 4)
        blurred = cv2.GaussianBlur(sharp.astype(np.float32), (0, 0), feather_px / 5)
        assert np.abs(255 * mask - blurred).max() < 1
        assert mask.max() > 0.9
        part = mask_of(one, Window(333, 217, 200, 150), 1, Path())
        np.testing.assert_allclose(part, mask[167:317, 233:433], atol=1 / 255)


def test_what_later_retouches_hide_is_not_missed_in_a_view(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    for number in range(3):
        write_image(tmp_path / f"f{number + 1}.tif", rng.integers(0, 255, (300, 400, 3), np.uint8))
    same = Options(method=Method.WEIGHTED, align=False, exposure=False)
    stack = fuse_files(sorted(tmp_path.glob("*.tif")), same).stack
    retouches = []
    for number, feather_px in ((1, 0), (2, 60), (3, 4), (2, 9), (1, 200)):
        middle, turn = rng.uniform((80, 60), (320, 240)), rng.uniform(0, 6)
        angles = turn + np.linspace(0, 6.2, 6)
        corners = tuple(
            (float(middle[0] + 130 * np.cos(a)), float(middle[1] + 110 * np.sin(a))) for a in angles
        )
        source = FromFused() if feather_px == 9 else FromFrame(name=f"f{number}.tif")
        retouches.append(Retouch(region=Polygon(points_px=corners), source=source, feather_px=feather_px))
    retoucher = Retoucher(stack)
    whole = retoucher.apply(retouches)
    assert (whole != stack.image).any(axis=2).mean() > 0.5
    view = retoucher.preview((37, 21, 300, 250), retouches)
    assert np.abs(view.astype(int) - whole[21:271, 37:337]).max() <= 1


def test_a_mask_that_is_painted_anew_is_read_anew(stack: Stack, tmp_path: Path) -> None:
    mask = np.zeros((*stack.image.shape[:2], 3), np.uint8)
    mask[10:20, 30:50] = 255
    write_image(tmp_path / "mask.png", mask)
    region = MaskFile(file="mask.png", at_px=stack.origin_px)
    one = Retouch(region=region, source=FromFrame(name="f3.tif"), feather_px=0)
    retoucher = Retoucher(stack, tmp_path)
    view = (0, 0, mask.shape[1], mask.shape[0])
    assert (retoucher.preview(view, [one]) != stack.image)[10:20, 30:50].any()
    write_image(tmp_path / "mask.png", np.flipud(mask))
    assert not (retoucher.preview(view, [one]) != stack.image)[:30].any()


def test_the_book_is_kept_undone_and_redone(tmp_path: Path) -> None:
    path = book_path(tmp_path / "a.stack")
    assert path == tmp_path / "a.retouch.json"
    assert RetouchBook.load(path) == RetouchBook()
    book = RetouchBook().added(square(1)).added(square(2, note="hair")).undo()
    book.save(path)
    assert RetouchBook.load(path) == book
    assert [one.source.name for one in book.redo().retouches] == ["f1.tif", "f2.tif"]
    assert book.added(square(3)).undone == ()
    with pytest.raises(UserError, match="no retouch to undo"):
        RetouchBook().undo()
    with pytest.raises(UserError, match="no retouch to redo"):
        RetouchBook().redo()


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("{", "damaged"),
        ("[]", "damaged"),
        ('{"format": "other", "version": 1}', "format"),
        ('{"format": "focusrig-retouches", "version": 2}', "version 2"),
        (
            BOOK
            % '{"region": {"kind": "polygon", "points_px": [[0, 0], [1, 1]]}, "source": {"kind": "fused"}}',
            "points_px",
        ),
        (
            BOOK % '{"region": {"kind": "polygon", "points_px": []}, "source": {"kind": "fused"}}',
            "points_px",
        ),
    ],
)
def test_a_damaged_book_is_told_of(tmp_path: Path, content: str, why: str) -> None:
    (tmp_path / "a.retouch.json").write_text(content)
    with pytest.raises(DataError, match=why):
        RetouchBook.load(tmp_path / "a.retouch.json")


def test_words_become_sources_and_regions(stack: Stack, tmp_path: Path) -> None:
    assert source_of(stack, "2", False, None) == FromFrame(name="f2.tif")
    assert source_of(stack, "f2.tif", False, None) == FromFrame(name="f2.tif")
    assert source_of(stack, None, False, "depthmap") == FromMethod(method=Method.DEPTHMAP)
    for words in ((None, False, None), ("2", True, None)):
        with pytest.raises(UserError, match="one of --frame"):
            source_of(stack, *words)
    with pytest.raises(UserError, match="frames 1 to 3"):
        source_of(stack, "4", False, None)
    with pytest.raises(UserError, match="A method is"):
        source_of(stack, None, False, "best")
    x, y = stack.origin_px
    assert region_of(stack, "0,0 5,0 5,5.5", (), None, None, tmp_path) == Polygon(
        points_px=((x, y), (x + 5, y), (x + 5, y + 5.5))
    )
    with pytest.raises(UserError, match="at least 3 corners"):
        region_of(stack, "0,0 5,0", (), None, None, tmp_path)
    with pytest.raises(UserError, match="--stroke and --radius together"):
        region_of(stack, None, ("0,0",), None, None, tmp_path)
    write_image(tmp_path / "small.png", np.zeros((5, 5, 3), np.uint8))
    with pytest.raises(UserError, match="is 5 × 5 px, but the picture"):
        region_of(stack, None, (), None, tmp_path / "small.png", tmp_path)
    with pytest.raises(UserError, match="Points are"):
        parse_points("1;2")
    with pytest.raises(UserError, match="16000 at most"):  # OpenCV raised an error of its own
        region_of(stack, None, ("0,0",), 20_000.0, None, tmp_path)
    with pytest.raises(UserError, match="at most 5000000 px off"):  # was another place, of 32 bits
        parse_points("0,0 999999999999,0 0,100")


@pytest.mark.parametrize("far", [1e5, 4e6])
def test_a_polygon_that_reaches_far_out_of_the_picture_is_where_it_says(far: float, tmp_path: Path) -> None:
    corners = ((-far, -far), (far, -far), (far, 100 + far), (-far, 100 - far))
    retouch = Retouch(region=Polygon(points_px=corners), source=FromFused(), feather_px=0)
    y, x = np.mgrid[:200, :300]
    off = np.abs(mask_of(retouch, Window(0, 0, 300, 200), 1, tmp_path) - (y < 100 + x))
    assert off[np.abs(y - 100 - x) > 1].max() == 0


def test_folders_of_other_names_have_books_of_their_own() -> None:
    assert book_path(Path("a/moth.stack")) == Path("a/moth.retouch.json")
    assert book_path(Path("moth.v1")) != book_path(Path("moth.v2"))


def test_a_mask_of_floats_beyond_white_is_white(stack: Stack, tmp_path: Path) -> None:
    height, width = stack.image.shape[:2]
    write_image(tmp_path / "mask.tif", np.full((height, width, 3), 1.5, np.float32))
    retouch = Retouch(region=MaskFile(file="mask.tif", at_px=(0, 0)), source=FromFused(), feather_px=0)
    assert mask_of(retouch, Window(0, 0, width, height), 1, tmp_path).min() == 1


def test_the_command_adds_lists_undoes_and_keeps_retouches_when_the_stack_is_made_again(
    tmp_path: Path,
) -> None:
    rng = np.random.default_rng(5)
    folder = tmp_path / "frames"
    folder.mkdir()
    scene = rng.integers(20, 230, (80, 120, 3), np.uint8)
    for number in (1, 2):
        write_image(folder / f"f{number}.tif", cv2.GaussianBlur(scene, (0, 0), 0.4 * number))
    fuse = ("fuse", folder, "-o", tmp_path / "out.tif", "--keep")
    assert run(*fuse).returncode == 0
    polygon = "20,20 60,20 60,50 20,50"
    out = tmp_path / "repaired.tif"
    added = run("retouch", tmp_path / "out.stack", "--frame", "2", "--region", polygon, "-o", out)
    assert added.returncode == 0, added.stderr
    assert "1 retouch" in added.stdout
    changed = (read_frame(out).pixels != read_frame(tmp_path / "out.tif").pixels).any(axis=2)
    assert changed[25:45, 25:55].mean() > 0.5
    assert not changed[60:].any()
    again = run(*fuse)
    assert "out.retouch.json holds retouches from before" in again.stderr
    listed = run("retouch", tmp_path / "out.stack", "--list")
    assert "a polygon of 4 corners from f2.tif" in listed.stdout
    undone = run("retouch", tmp_path / "out.stack", "--undo", "--json")
    assert json.loads(undone.stdout)["retouches"] == []
    refused = run("retouch", tmp_path / "out.stack", "--frame", "7", "--region", polygon)
    assert refused.returncode == 2
    assert "There is no frame 7" in refused.stderr
    assert len(RetouchBook.load(tmp_path / "out.retouch.json").undone) == 1
    refused = run("retouch", tmp_path / "out.stack", "--list", "--open-with", "true {}")
    assert refused.returncode == 2
    assert "give -o FILE as well" in refused.stderr


@pytest.mark.alone
def test_a_megapixel_is_shown_quickly(tmp_path: Path) -> None:
    rng = np.random.default_rng(6)
    scene = cv2.resize(rng.integers(0, 255, (300, 400, 3), np.uint8), (1600, 1200))
    for number in range(2):
        write_image(tmp_path / f"f{number + 1}.tif", scene)
    stack = fuse_files(sorted(tmp_path.glob("*.tif")), Options(method=Method.PYRAMID)).stack
    stack.save_folder(tmp_path / "a.stack")
    retoucher = Retoucher(load_stack(tmp_path / "a.stack"))
    corners = ((300.0, 200.0), (1300.0, 250.0), (1200.0, 1000.0))
    region, source = Polygon(points_px=corners), FromFrame(name="f2.tif")
    retouches = [Retouch(region=region, source=source, feather_px=feather) for feather in (20, 20, 300)]
    retoucher.prepare(retouches)
    spent = []
    for _ in range(5):
        started = time.process_time()
        retoucher.preview((200, 100, 1000, 1000), retouches)
        spent.append(time.process_time() - started)
    assert min(spent) < 0.1
