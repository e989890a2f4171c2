"""Stacks shot as RAW: stacked while shooting, and fused from the session afterwards."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stacker import read_frame

pytestmark = pytest.mark.timeout(200)

SHOOT = ("shoot", "--start", "0", "--end", "4mm", "--frames", "3", "--accept-clipping", "--json")


def config(workshop: Any, model: str, lines: str) -> Path:
    path: Path = workshop.config(model=model, extra="depth = '8 mm'")
    path.write_text(path.read_text().replace("iso = 100\n", f"iso = 100\n{lines}\n"))
    return path


def test_a_run_of_raw_files_is_stacked_live_and_fused_afterwards(workshop: Any) -> None:
    done = workshop.run("rig", *SHOOT, "--config", config(workshop, "Canon EOS R5", 'image_format = "RAW"'))
    assert done.code == 0, done
    (ready,) = (line for line in done.lines if line["event"] == "stack_ready")
    live = read_frame(workshop.folder / ready["file"])
    assert (ready["frames"], live.pixels.dtype) == (3, np.uint16)
    session = workshop.session()
    saved = [e["files"][0]["file"] for e in workshop.journal() if e["event"] == "frame_saved"]
    assert {Path(name).suffix for name in saved} == {".cr3"}
    fused = workshop.run("stacker", "fuse", session, "-o", "fused.tif", "--white-balance", "daylight")
    assert fused.code == 0, fused
    assert "developed with red × 2.00" in fused.out
    assert "positions from the journal" in fused.out
    again = read_frame(workshop.folder / "fused.tif").pixels
    assert again.mean() == pytest.approx(live.pixels.mean(), rel=0.05)
