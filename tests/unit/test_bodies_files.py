"""Files of bodies: whole or not, of this release or of an earlier one; errors that say what to do."""

from __future__ import annotations

import struct
from pathlib import Path

import cv2
import numpy as np
import pytest
from hardware_sims.dng import dng
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rig.cameras.completeness import Wholeness, wholeness
from rig.cameras.messages import LinkLostError, explain, explain_connecting
from rig.cameras.protocol import Trouble
from rig.cameras.sequence import FileSequence, file_number
from rig.cameras.verify import BrokenImageError, check_image
from rig.errors import CameraError, DataError


def jpeg(*options: int) -> bytes:
    image = np.random.default_rng(3).integers(0, 255, (96, 128, 3), dtype=np.uint8)
    done, data = cv2.imencode(".jpg", image, list(options))
    assert done
    return data.tobytes()


BASELINE = jpeg()
PROGRESSIVE = jpeg(cv2.IMWRITE_JPEG_PROGRESSIVE, 1)
RESTARTS = jpeg(cv2.IMWRITE_JPEG_RST_INTERVAL, 4)
PICTURES = {"baseline": BASELINE, "progressive": PROGRESSIVE, "restarts": RESTARTS}
"""By name: hypothesis prints what it fails on, and 40 kB of bytes are a warning that hides the failure."""


@pytest.mark.parametrize("data", [BASELINE, PROGRESSIVE, RESTARTS])
def test_whole_pictures_pass(data: bytes) -> None:
    check_image(data, len(data))
    check_image(data + bytes(512), len(data) + 512)  # bodies pad their files


@settings(max_examples=80, deadline=None)
@example("baseline", 1.5 / len(BASELINE))  # one byte does not tell that this is a JPEG
@given(st.sampled_from(sorted(PICTURES)), st.floats(0.0, 1.0, exclude_max=True))
def test_no_cut_picture_passes(which: str, keep: float) -> None:
    data = PICTURES[which]
    with pytest.raises(BrokenImageError):
        check_image(data[: int(len(data) * keep)])


@settings(max_examples=40, deadline=None)
@given(st.floats(0.1, 0.95))
def test_no_picture_whose_rest_is_zeros_passes(keep: float) -> None:
    kept = int(len(BASELINE) * keep)
    with pytest.raises(BrokenImageError):
        check_image(BASELINE[:kept] + bytes(len(BASELINE) - kept))


@pytest.mark.parametrize(("tag", "field", "value"), [(257, 2, 7), (257, 4, 2), (277, 4, 2), (278, 2, 7)])
def test_a_raw_file_with_damaged_tables_is_broken(tag: int, field: int, value: int, tmp_path: Path) -> None:
    """One that another program is still writing must not end who waits for it.

    tifffile takes a height of two numbers, or of bytes, for a height, and stumbles over it later.
    """
    data = bytearray(dng(np.full((64, 64), 600, np.uint16), BASELINE))
    check_image(bytes(data))
    (first,) = struct.unpack_from("<I", data, 4)
    (entries,) = struct.unpack_from("<H", data, first)
    places = range(first + 2, first + 2 + 12 * entries, 12)
    at = next(place for place in places if struct.unpack_from("<H", data, place) == (tag,))
    struct.pack_into("<H", data, at + field, value)
    with pytest.raises(BrokenImageError, match="tables"):
        check_image(bytes(data))
    (tmp_path / "a.dng").write_bytes(data)
    assert wholeness(tmp_path / "a.dng")[0] is Wholeness.BROKEN


def test_a_size_other_than_announced_is_refused() -> None:
    with pytest.raises(
        BrokenImageError, match=f"announced {len(BASELINE) + 1} bytes and sent {len(BASELINE)}"
    ):
        check_image(BASELINE, len(BASELINE) + 1)


def test_bytes_of_another_kind_are_judged_by_their_size() -> None:
    check_image(b"RAW of a body", 13)
    with pytest.raises(BrokenImageError, match="empty"):
        check_image(b"", 0)


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("capt_DSC00012.JPG", 12),
        ("IMG_9999.CR3", 9999),
        ("capt0003.jpg", None),
        ("a.jpg", None),
        ("IMG_1.JPG", None),
    ],
)
def test_numbers_in_names(name: str, number: int | None) -> None:
    assert file_number(name) == number


def name(number: int) -> str:
    return f"DSC{number:05d}.JPG"


def test_numbers_that_have_come_go_round() -> None:
    sequence = FileSequence()
    for number in (9998, 9999, 1):
        sequence.taken(f"IMG_{number:04d}.JPG")
    assert sequence.old_numbers == (1,)
    sequence.lost()
    assert sequence.old_numbers == (1,)
    sequence.taken("IMG_0002.JPG")
    assert sequence.old_numbers == (2,)


@pytest.mark.parametrize(
    "names", [[name(5), name(5), name(5)], ["a.jpg", "a.jpg"], [name(5)], [name(1), name(9)], []]
)
def test_a_body_that_does_not_count_gives_nothing_away(names: list[str]) -> None:
    sequence = FileSequence()
    for one in names:
        sequence.taken(one)
    sequence.lost()
    assert sequence.old_numbers == ()
    assert not sequence.is_clean


@pytest.mark.parametrize(
    ("code", "kind", "words"),
    [
        (-53, CameraError, "gio mount -s gphoto2"),
        (-110, CameraError, "busy"),
        (-7, LinkLostError, "broke"),
        (-1, LinkLostError, "broke"),
        (-10, LinkLostError, "broke"),
        (-2, CameraError, "refused"),
        (-6, CameraError, "does not support"),
    ],
)
def test_result_codes_become_sentences(code: int, kind: type[CameraError], words: str) -> None:
    err = explain(Trouble("gphoto2", code, "said"), "firing", "usb:001,004")
    assert type(err) is kind
    assert words in str(err)
    assert "usb:001,004" in str(err)


def test_a_camera_held_by_the_desktop_gets_the_advice() -> None:
    """Fact 14: no service is killed; the operator is told what lets go of the camera."""
    assert "gio mount -s gphoto2" in str(explain_connecting(Trouble("gphoto2", -53, "claim"), None))


def test_a_disk_that_is_full_is_an_error_of_data() -> None:
    err = explain(Trouble("storage", 28, "/x/f.part: No space left", 4711), "fetching", None)
    assert isinstance(err, DataError)
    assert "4711 bytes" in str(err)
    assert "/x/f.part" in str(err)
