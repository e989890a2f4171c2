"""What the compiled loops rest on: what machine code is kept for, numba's way in; and life without."""

from __future__ import annotations

import errno
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from stacker.errors import StackerError
from stacker.fusion import compiled_depth
from stacker.loops import jit


def test_machine_code_is_of_no_use_when_a_number_of_another_file_has_changed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    function = compiled_depth.follow_rows._function
    before = jit._constants(function)
    monkeypatch.setattr(compiled_depth, "BLOCK", 2 * compiled_depth.BLOCK)  # is from stacker.focus.measure
    assert jit._constants(function) != before


@pytest.mark.parametrize(
    ("found", "fits"),
    [
        ("i32 (ptr, ptr, float, ptr, ptr, i64, i64, ptr, i64, i64, i64, i64)", True),
        ("i32 (ptr, ptr, float, ptr, ptr, i64, ptr, i64, i64, i64, i64)", False),  # arrays without item size
        ("i32 (ptr, float, ptr, ptr, i64, i64, ptr, i64, i64, i64, i64)", False),  # nowhere to put errors
    ],
)
def test_a_numba_that_calls_otherwise_is_refused(found: str, fits: bool) -> None:
    if fits:
        jit._check_way_in(found, ("f",))
    else:
        with pytest.raises(RuntimeError, match="install an older numba"):
            jit._check_way_in(found, ("f",))


def test_a_full_disk_leaves_no_half_machine_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(jit, "_folders", lambda: [tmp_path])
    monkeypatch.setattr(Path, "replace", full)
    jit._keep("some.loop", "symbol", b"code")
    assert list(tmp_path.iterdir()) == []


def test_machine_code_of_other_versions_is_removed_when_new_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jit, "_folders", lambda: [tmp_path])
    others = [tmp_path / f"halve_rows-0-{'0' * 16}.loop", tmp_path / "halve_rows-0.loop"]
    mine, foreign = tmp_path / f"fold_rows-0-{jit._version()}.loop", tmp_path / "compiled.cpython-311.pyc"
    for path in (*others, mine, foreign):
        path.write_bytes(b"")
    new = f"halve_rows-1-{jit._version()}.loop"
    jit._keep(new, "symbol", b"code")
    assert {path.name for path in tmp_path.iterdir()} == {mine.name, foreign.name, new}
    assert jit._load(new) == ("symbol", b"code")


_FUSE = """
import numpy as np
from stacker import Options, Stacker
stacker = Stacker(Options(align=False))
for seed in range(2):
    stacker.add(np.random.default_rng(seed).integers(0, 255, (160, 200, 3), np.uint8))
stacker.finish()
"""

_BROKEN = """
import sys
from pathlib import Path
from stacker.loops import jit
folder = Path(sys.argv[1])
(folder / "numba").mkdir()
(folder / "numba/__init__.py").write_text("raise ImportError('Numba needs another NumPy')")
sys.path.insert(0, str(folder))
jit._folders = lambda: [folder]
"""
"""A numba that is found but cannot be imported, and no machine code kept."""

_ODD = """
from stacker.loops import jit
flat = jit._flat
jit._flat = lambda argument: (argument + 1,) if isinstance(argument, int) else flat(argument)
"""
"""A numba that takes the same types of arguments, and makes something else of them."""

_UNTEACHABLE = """
from stacker.loops import jit
jit._TO_READ, jit._folders = ("otherwise", 0, 0), lambda: []
"""
"""A numba or LLVM that knows the instruction of `fetch` otherwise, and no machine code kept."""

_WITHOUT_COMPILER = "import sys; sys.modules['numba'] = sys.modules['llvmlite'] = None" + _FUSE

_FORKED = (
    f"import os, cv2\ncv2.setNumThreads(2){_FUSE}if os.fork() == 0:{_FUSE.replace(chr(10), chr(10) + ' ')}"
)


@pytest.mark.parametrize(
    "program",
    [_WITHOUT_COMPILER, f"{_FORKED}\n os._exit(0)\nassert os.wait()[1] == 0"],
    ids=["without a compiler", "in a fork"],
)
def test_it_fuses(program: str) -> None:
    done = subprocess.run([sys.executable, "-c", program], check=False, timeout=100, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()


def test_a_numba_that_cannot_be_imported_is_told_of_once_and_done_without(tmp_path: Path) -> None:
    command = [sys.executable, "-c", _BROKEN + _FUSE, str(tmp_path)]
    done = subprocess.run(command, check=False, timeout=100, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("Numba needs another NumPy") == 1


@pytest.mark.parametrize(
    ("program", "why"),
    [(_ODD, "hands arguments on in a way that focusrig does not know"), (_UNTEACHABLE, "cannot be used")],
    ids=["sees other arguments", "knows no such instruction"],
)
def test_a_numba_that_compiles_otherwise_is_told_of_once_and_done_without(program: str, why: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", program + _FUSE], check=False, timeout=100, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.count(why) == 1


def test_a_numba_that_breaks_while_machine_code_is_kept_is_told_of_in_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def rows(_room: Any, _y0: Any, _y1: Any) -> Any:
        return

    jit.try_out()
    monkeypatch.setattr(jit, "_folders", lambda: [tmp_path])
    monkeypatch.setitem(sys.modules, "numba", None)
    with pytest.raises(StackerError, match=r"numba .* cannot be imported: .*; install it again, or remove"):
        jit.compiled(rows).bound()


_WARMED = """
import gc
import sys
from pathlib import Path
import cv2
import numpy as np
import tifffile
from stacker.cli import main
from stacker.loops.jit import Loop
from stacker.warm import warm
from stacker.stack import Stacker

def known():
    loops = [thing for thing in gc.get_objects() if type(thing) is Loop]
    return {(loop._function.__name__, kinds) for loop in loops for kinds in loop._entries}

warm()
before = known()
assert before
hair, page = np.zeros((400, 1200, 3), np.float32), np.full((400, 1200, 3), 0.8, np.float32)
for y in range(-600, 400, 90):
    cv2.line(hair, (0, y), (1200, y + 600), (1, 1, 1), 3)
for x in range(6, 1200, 18):
    page[:, x : x + 4] = 0.16

def blurred(picture, frames):
    return cv2.GaussianBlur(picture, (0, 0), 0.6 * abs(frames)) if frames else picture

folder = Path(sys.argv[1])
for dtype, white in ((np.uint8, 255), (np.uint16, 65535)):
    stacker = Stacker()
    for at in range(10):
        veil = blurred(hair, at - 1)
        frame = ((veil * 0.95 + (1 - veil) * blurred(page, at - 8)) * white).astype(dtype)
        stacker.add(frame)
        tifffile.imwrite(folder / f"f{at}.tif", frame, photometric="rgb")
    stack = stacker.finish()
    assert "whole pixels" in stack.reason, stack.reason

def run(*words):
    sys.argv = ["stacker", *map(str, words), "-q"]
    try:
        main()
    except SystemExit as end:
        assert not end.code, words

frames, kept = sorted(folder.glob("f*.tif")), folder / "out.stack"
(folder / "p.csv").write_text("".join(f"f{at}.tif,{at * 50}um\\n" for at in range(10)))
ends = "--positions", folder / "p.csv", "--opaque-foreground", "--crop", "auto"
run("fuse", *frames, "-o", folder / "out.tif", "--keep", "--slab", 3, *ends)
run("report", kept)
run("layers", kept, "-o", folder / "out.psd")
run("retouch", kept, "--method", "depthmap", "--region", "9,9 99,9 99,99", "-o", folder / "out.tif")
print(*sorted(known() - before), sep="\\n", end="")
"""


def test_nothing_is_left_to_compile_for_frames_as_cameras_have_them(
    tmp_path: Path,
) -> None:
    """Two loops were, where a place in memory hung on the picture: the first such stack took 3 s more."""
    command = [sys.executable, "-c", _WARMED, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
