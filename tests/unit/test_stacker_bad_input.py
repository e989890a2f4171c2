"""Sets of frames that are not as they should be: what comes out, and what is said."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile

from stacker import (
    DataError,
    Method,
    Options,
    Stacker,
    Unregistered,
    UserError,
    fuse_files,
    read_frame,
    write_image,
)
from stacker.batch.ahead import one_ahead
from stacker.batch.files import outward_order
from stacker.batch.notes import notes_on
from stacker.batch.slabs import Slabs, write_slabs
from stacker.registration.rail import PupilFit


def textured(seed: int, height: int = 160, width: int = 240) -> np.ndarray:
    """Structure at all sizes, as photographs have it."""
    rng = np.random.default_rng(seed)
    picture = np.zeros((height, width, 3))
    for step in (1, 3, 9, 27):
        small = rng.normal(0, 1, (height // step + 2, width // step + 2, 3))
        picture += cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC) * step**0.7
    picture = (picture - picture.mean()) / picture.std()
    return np.clip(128 + 45 * picture, 0, 255).astype(np.uint8)


def focused(scene: np.ndarray, index: int, count: int) -> np.ndarray:
    """The scene with a band of columns in focus that moves from left to right."""
    width = scene.shape[1]
    blurred = cv2.GaussianBlur(scene, (0, 0), 3)
    away = np.abs(np.arange(width) - (index + 0.5) * width / count) / width
    share = np.clip((away - 0.6 / count) * 2 * count, 0, 1)[None, :, None]
    return np.rint(scene * (1 - share) + blurred * share).astype(np.uint8)


COUNT = 5


@pytest.fixture
def paths(tmp_path: Path) -> list[Path]:
    scene = textured(1)
    found = []
    for index in range(COUNT):
        found.append(tmp_path / f"f{index + 1}.png")
        write_image(found[-1], focused(scene, index, COUNT))
    return found


def error_of(picture: np.ndarray) -> float:
    """RMS difference from the scene that is sharp all over."""
    assert picture.shape == textured(1).shape
    return float(np.sqrt(np.mean((picture.astype(float) - textured(1)) ** 2)))


def test_the_stack_itself_is_fused_well(paths: list[Path]) -> None:
    result = fuse_files(paths)
    assert error_of(result.stack.image) < 4
    assert error_of(read_frame(paths[2]).pixels) > 7
    assert result.notes == ()
    assert result.stack.unused == ()


@pytest.mark.parametrize("method", list(Method))
def test_every_method_fuses_files_and_arrays_alike(paths: list[Path], method: Method) -> None:
    result = fuse_files(paths, Options(method=method)).stack
    assert error_of(result.image) < 6
    run = Stacker(Options(method=method), frames=COUNT)
    for index in outward_order(COUNT, COUNT // 2):
        if index == COUNT // 2 - 1:
            run.rewind()
        run.add(read_frame(paths[index]).pixels, index=index)
    np.testing.assert_array_equal(run.finish().image, result.image)


def test_two_frames_in_reverse_order_change_nothing(paths: list[Path]) -> None:
    one, two = paths[1].read_bytes(), paths[2].read_bytes()
    paths[1].write_bytes(two)
    paths[2].write_bytes(one)
    result = fuse_files(paths)
    assert error_of(result.stack.image) < 4
    assert all(report.registered for report in result.stack.reports)


def test_a_frame_twice_is_said_and_harmless(paths: list[Path], tmp_path: Path) -> None:
    (tmp_path / "f9.png").write_bytes(paths[3].read_bytes())
    result = fuse_files([*paths, tmp_path / "f9.png"])
    assert result.notes == ("f4.png and f9.png are the same photograph: once would do",)
    assert error_of(result.stack.image) < 4


def test_frames_that_are_all_blurred_are_said(tmp_path: Path) -> None:
    found = []
    for index in range(3):
        found.append(tmp_path / f"f{index}.png")
        write_image(found[-1], cv2.GaussianBlur(textured(1), (0, 0), 8 + index))
    result = fuse_files(found)
    assert len(result.notes) == 1
    assert "nothing is sharp in any of the frames" in result.notes[0]


@pytest.mark.parametrize("odd", [0, 1, 2, 4])
def test_a_frame_of_another_subject_is_named_and_left_out_on_request(paths: list[Path], odd: int) -> None:
    """Index 2 is the reference, which is odd only if the two after it agree."""
    write_image(paths[odd], textured(77))
    with pytest.raises(DataError, match=rf"f{odd + 1}\.png cannot be stacked: it shows another subject"):
        fuse_files(paths)
    result = fuse_files(paths, skip_bad=True)
    assert [bad.path for bad in result.skipped] == [paths[odd]]
    assert "another subject" in result.skipped[0].reason
    assert sum(report.used for report in result.stack.reports) == COUNT - 1
    # what only the lost frame had sharp stays blurred
    assert error_of(result.stack.image[:160, :240]) < 7


def test_frames_that_share_nothing_are_refused(tmp_path: Path) -> None:
    found = [tmp_path / f"f{number}.png" for number in range(4)]
    for number, path in enumerate(found):
        write_image(path, textured(40 + number))
    with pytest.raises(DataError, match=r"another subject|do not belong together"):
        fuse_files(found)
    with pytest.raises(DataError, match="do not belong together"):
        fuse_files(found, skip_bad=True)
    with pytest.raises(DataError, match=r"f0\.png cannot be stacked"):
        fuse_files(found[:2])


def test_a_frame_that_cannot_be_matched_lies_between_its_neighbours(tmp_path: Path) -> None:
    scene = textured(1, 200, 320)
    found, lefts = [], (40, 34, 28, 22, 16, 10, 4)
    for number, left in enumerate(lefts):
        picture = np.ascontiguousarray(scene[20:180, left : left + 240])
        if number == 5:
            picture[...] = 90  # a flash that failed
        found.append(tmp_path / f"f{number}.png")
        write_image(found[-1], picture)
    stack = fuse_files(found).stack
    assert [report.registered for report in stack.reports] == [True] * 5 + [False, True]
    lost = stack.reports[5]
    assert lost.used
    assert lost.shift_px == pytest.approx((lefts[5] - lefts[3], 0), abs=0.1)
    dropped = fuse_files(found, Options(unregistered=Unregistered.DROP)).stack
    assert not dropped.reports[5].used
    assert dropped.shares[5] == 0


def test_one_frame_is_the_picture(paths: list[Path]) -> None:
    result = fuse_files(paths[:1])
    np.testing.assert_array_equal(result.stack.image, read_frame(paths[0]).pixels)
    assert result.notes == ("there is one frame only; it is the picture",)


def test_nan_and_empty_files_are_named_and_skipped_on_request(tmp_path: Path) -> None:
    found = []
    for index in range(4):
        found.append(tmp_path / f"f{index}.tif")
        tifffile.imwrite(found[-1], textured(1).astype(np.float32) / 255, photometric="rgb")
    spoilt = tifffile.imread(found[1])
    spoilt[3, 4] = np.nan
    tifffile.imwrite(found[1], spoilt, photometric="rgb")
    found[3].write_bytes(b"")
    with pytest.raises(DataError, match=r"f3\.tif is empty"):
        fuse_files(found)
    result = fuse_files(found, skip_bad=True)
    assert [bad.path.name for bad in result.skipped] == ["f1.tif", "f3.tif"]
    assert "not finite" in result.skipped[0].reason
    assert result.skipped[1].reason.startswith("it is empty")
    assert result.stack.image.dtype == np.float32
    assert np.isfinite(result.stack.image).all()


def test_twelve_bits_untold_are_said_once_for_all(tmp_path: Path) -> None:
    found = []
    for index in range(2):
        found.append(tmp_path / f"f{index}.tif")
        tifffile.imwrite(found[-1], textured(1).astype(np.uint16) * 16, photometric="rgb")
    result = fuse_files(found)
    assert any(note.startswith("f0.tif and f1.tif: samples stay under 4096") for note in result.notes)


def test_floats_on_another_scale_are_said(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "f.tif", textured(1).astype(np.float32), photometric="rgb")
    result = fuse_files([tmp_path / "f.tif"])
    assert any("far above 1" in note for note in result.notes)


def test_one_grey_frame_does_not_make_a_colour_stack_grey(paths: list[Path]) -> None:
    tifffile.imwrite(paths[2].with_suffix(".tif"), read_frame(paths[2]).pixels[..., 1])
    paths[2].unlink()
    stack = fuse_files([*paths[:2], paths[2].with_suffix(".tif"), *paths[3:]]).stack
    assert not stack.metadata.grey
    assert np.ptp(stack.image[:, :40].astype(int), axis=2).mean() > 20


def test_orientation_is_that_of_the_reference_even_if_the_camera_changed_its_mind(tmp_path: Path) -> None:
    found = []
    for index, orientation in enumerate((6, 1, 8)):
        found.append(tmp_path / f"f{index}.tif")
        tags = [(274, "H", 1, orientation, True)]
        tifffile.imwrite(found[-1], textured(1), photometric="rgb", extratags=tags)
    stack = fuse_files(found).stack
    assert stack.image.shape == (160, 240, 3)
    assert [source.orientation for source in stack.sources if source] == [1, 1, 1]


def test_memory_does_not_grow_with_frames(tmp_path: Path) -> None:
    import psutil

    write_image(tmp_path / "f0.png", textured(1, 64, 96))
    found = [tmp_path / "f0.png"]
    for index in range(1, 300):
        found.append(tmp_path / f"f{index}.png")
        os.link(found[0], found[-1])
    seen: dict[int, float] = {}

    def watch(done: int, total: int, name: str) -> None:
        if done in {60, 300}:
            seen[done] = psutil.Process().memory_info().rss / 1e6
            assert len(psutil.Process().open_files()) < 20

    result = fuse_files(found, Options(align=False, exposure=False), progress=watch)
    assert len(result.stack.reports) == 300
    assert seen[300] - seen[60] < 8  # MB; a decoded frame has 0.02


def test_slabs_divide_the_frames() -> None:
    assert Slabs(10, 3).ranges(20) == [range(10), range(7, 17), range(14, 20)]
    assert Slabs(10, 3).ranges(17) == [range(10), range(7, 17)]
    assert Slabs(10, 3).ranges(18)[-1] == range(14, 18)
    assert Slabs(4).ranges(3) == [range(3)]
    assert Slabs(2, 1).ranges(1) == [range(1)]
    for size, overlap in ((1, 0), (5, 5), (5, -1)):
        with pytest.raises(UserError):
            Slabs(size, overlap)


def test_slabs_lie_on_the_picture_and_hold_their_frames_only(paths: list[Path], tmp_path: Path) -> None:
    stack = fuse_files(paths).stack
    output = tmp_path / "picture.tif"
    written = write_slabs(stack, Slabs(3, 1), output, tmp_path)
    assert [path.name for path in written] == ["picture-slab-001.tif", "picture-slab-002.tif"]
    left, right = (read_frame(path).pixels.astype(float) for path in written)
    assert left.shape == right.shape == stack.image.shape
    scene, width = textured(1).astype(float), stack.image.shape[1]
    for slab, sharp in ((left, slice(0, width // 2)), (right, slice(width // 2, width))):
        blurred = slice(width - width // 4, width) if sharp.start == 0 else slice(0, width // 4)
        good = np.sqrt(np.mean((slab[:, sharp] - scene[:, sharp]) ** 2))
        bad = np.sqrt(np.mean((slab[:, blurred] - scene[:, blurred]) ** 2))
        assert good < 5
        assert bad > 3 * good


def test_the_pipeline_is_one_item_ahead_and_passes_errors_on() -> None:
    made: list[int] = []
    closed: list[bool] = []

    def items():
        try:
            for number in range(5):
                made.append(number)
                yield number
            raise DataError("behind the last one")
        finally:
            closed.append(True)

    ahead = one_ahead(items(), "test")
    for expected in range(5):
        assert next(ahead) == expected
        assert len(made) <= expected + 2
    with pytest.raises(DataError, match="behind"):
        next(ahead)
    short = one_ahead(items(), "test")
    assert next(short) == 0
    short.close()
    assert closed == [True, True]


def test_a_stop_in_the_middle_leaves_no_thread(paths: list[Path]) -> None:
    import threading

    def stop(done: int, total: int, name: str) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fuse_files(paths, progress=stop)
    assert not [
        thread
        for thread in threading.enumerate()
        if thread.name.startswith(("stacker-decode", "stacker-register"))
    ]


def test_positions_of_a_session_are_used(paths: list[Path], tmp_path: Path) -> None:
    folder = tmp_path / "session" / "frames"
    folder.mkdir(parents=True)
    lines = [{"event": "session_started", "plan": {"pupil_distance_mm": 4000.0}}]
    for index, path in enumerate(paths):
        path.rename(folder / path.name)
        files = [{"file": f"frames/{path.name}"}]
        lines.append({"event": "frame_saved", "position_mm": index * 0.1, "files": files})
    (folder.parent / "journal.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    from stacker.io.positions import find_positions

    found = find_positions(sorted(folder.iterdir()))
    assert found is not None
    options = Options(pupil_distance_mm=found.pupil_distance_mm)
    result = fuse_files(sorted(folder.iterdir()), options, positions_mm=found.positions_mm)
    assert error_of(result.stack.image[:160, :240]) < 6
    first = fuse_files(sorted(folder.iterdir()), options, reference=0, positions_mm=found.positions_mm)
    np.testing.assert_allclose(first.stack.transforms[0], np.eye(3), atol=1e-9)


def test_a_pupil_distance_that_the_frames_contradict_is_said(paths: list[Path]) -> None:
    stack = fuse_files(paths[:2], Options(pupil_distance_mm=84.0)).stack
    fit = PupilFit(238.0, 14.0, (2.5,) * 4, (0.1,) * 4)
    said = list(notes_on(replace(stack, pupil_fit=fit), []))
    assert said == [
        "a pupil distance of 84 mm was given, but the sizes of the frames tell of 238 ± 14 mm, which is used"
    ]
    assert list(notes_on(replace(stack, pupil_fit=replace(fit, pupil_distance_mm=88.0)), [])) == []


def exposed(picture: np.ndarray, stops: float) -> np.ndarray:
    """The same photograph under more or less light: sRGB decoded, multiplied, clipped, encoded."""
    value = picture / 255
    light = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4) * 2.0**stops
    light = np.clip(light, 0, 1)
    back = np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
    return np.rint(back * 255).astype(np.uint8)


@pytest.mark.parametrize(
    ("odd", "stops", "method", "limit"),
    [
        # A tenth of frame 1 is burnt, and no other frame has it sharp: blurred peaks are darker.
        (1, 1.0, Method.AUTO, 8.0),
        (1, 1.0, Method.DEPTHMAP, 8.0),
        (2, 1.0, Method.AUTO, 2.5),
        (2, 1.0, Method.WEIGHTED, 2.5),
        (2, -1.0, Method.AUTO, 0.5),
    ],
)
def test_a_frame_a_stop_off_leaves_no_trace(
    paths: list[Path], odd: int, stops: float, method: Method, limit: float
) -> None:
    """Frame 2 is the reference, whose brightness is then not that of the picture."""
    options = Options(method=method)
    plain = fuse_files(paths, options).stack.image[:160, :240].astype(float)
    write_image(paths[odd], exposed(read_frame(paths[odd]).pixels, stops))
    result = fuse_files(paths, options)
    stack = result.stack
    word = "brighter" if stops > 0 else "darker"
    assert result.notes == (f"f{odd + 1}.png: {word} than the other frames, which is made up for",)
    others = [report for report in stack.reports if report.index != odd]
    assert all(np.abs(np.log(report.gain)).max() < 0.02 for report in others)
    trace = cv2.blur(stack.image[:160, :240] - plain, (32, 32))[16:-16, 16:-16]
    assert np.abs(trace).max() < limit


@pytest.mark.parametrize("odd", [0, 2, 4])
def test_a_frame_of_another_size_or_depth_is_left_out_on_request(paths: list[Path], odd: int) -> None:
    pixels = read_frame(paths[odd]).pixels
    write_image(paths[odd], pixels[:150] if odd else pixels.astype(np.uint16) * 257)
    mine, theirs = ("240 × 150 px", "240 × 160 px") if odd else ("16-bit", "8-bit")
    said = rf"f{odd + 1}\.png cannot be stacked: it is {mine}, and f\d\.png is {theirs}"
    with pytest.raises(UserError, match=said):
        fuse_files(paths)
    result = fuse_files(paths, skip_bad=True)
    assert [bad.path for bad in result.skipped] == [paths[odd]]
    assert sum(report.used for report in result.stack.reports) == COUNT - 1
    assert result.stack.frame_size == (240, 160)


@pytest.mark.parametrize("option", ["method", "model", "unregistered", "border"])
def test_the_name_of_a_choice_is_no_choice(option: str) -> None:
    with pytest.raises(UserError, match=rf"^{option} must be one of \w+\.\w+, .*not 'auto'"):
        Options(**{option: "auto"})  # type: ignore[arg-type]


def test_a_cut_deflated_tiff_is_said_to_be_damaged_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "cut.tif"
    tifffile.imwrite(path, textured(1), photometric="rgb", compression="zlib", rowsperstrip=16)
    whole = path.read_bytes()
    for share in (0.1, 0.5, 0.99):
        path.write_bytes(whole[: int(share * len(whole))])
        with pytest.raises(DataError, match=r"cut\.tif cannot be decoded") as refused:
            fuse_files([path])
        assert "range" not in str(refused.value)
