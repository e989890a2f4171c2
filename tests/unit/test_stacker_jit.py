"""What the compiled loops rest on: what machine code is kept for, numba's way in; and life without."""

from __future__ import annotations

import errno
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from stacker.fusion import compiled_depth, jit


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


_FUSE = """
import numpy as np
from stacker import Options, Stacker
stacker = Stacker(Options(align=False))
for seed in range(2):
    stacker.add(np.random.default_rng(seed).integers(0, 255, (160, 200, 3), np.uint8))
stacker.finish()
"""

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
    done = subprocess.run([sys.executable, "-c", program], check=False, timeout=60, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
