"""What ``rig camera check`` says of bodies with a wrong dial: ``python -m benchmarks.camera_check``.

One simulated body of every personality, with as much set wrongly as it has entries for. Shown is what the
command prints, without the rows that are ok; nothing is set.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

__all__ = ["BODIES", "main"]

_WRONG = {"exposure_mode": "A", "drive_mode": "continuous", "focus_mode": "AF", "white_balance": "auto"}
BODIES: dict[str, tuple[str, dict[str, str | bool]]] = {
    "canon": ("Canon EOS R5", _WRONG | {"iso": "auto", "tone_optimizer": "standard", "bracketing": "1"}),
    "canon-dslr": ("Canon EOS 80D", _WRONG | {"iso": "auto", "mirror_lock": "on", "drive_mode": "timer"}),
    "sony": ("ILCE-7RM5", _WRONG | {"iso": "auto", "tone_optimizer": "auto", "stabilizer": "on"}),
    "sony-steps": ("ILCE-7RM2", _WRONG | {"iso": "auto", "drive_mode": "timer"}),
    "nikon": ("D850", _WRONG | {"iso_auto": "on", "tone_optimizer": "auto", "bracketing": "on"}),
    "generic": ("Generic PTP/IP body", _WRONG),
}
"""By personality: the model, and what is wrong with it."""

_CONFIG = """
[rail]
driver = "grbl"
pitch = "1 mm"
limits = ["-2 mm", "60 mm"]
towards_subject = "+"
[camera]
model = "{model}"
sensor_width = "36 mm"
pixels = [96, 64]
[lens]
magnification = 1.0
[capture]
aperture = "f/5.6"
[simulator]
scene = "insect"
personality = "{personality}"
pixels = [96, 64]
physical_dial = true
[simulator.initial]
{initial}
"""
_COLUMNS = 150


def main() -> int:
    """Print what is said of each body; exit code 1 when one is said to be ready."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("personality", nargs="*", help=f"of {', '.join(BODIES)}; by default all")
    codes = []
    for personality in parser.parse_args().personality or BODIES:
        done = _checked(personality)
        codes.append(done.returncode)
        rows = [line.rstrip() for line in done.stdout.splitlines() if "  ok  " not in line + "  "]
        print(f"{BODIES[personality][0]} ({personality}), exit code {done.returncode}")
        print("\n".join(f"  {row}" for row in (*rows, *done.stderr.splitlines())), flush=True)
    return 0 if all(code == 3 for code in codes) else 1


def _checked(personality: str) -> subprocess.CompletedProcess[str]:
    model, wrong = BODIES[personality]
    initial = "\n".join(f'{key} = "{value}"' for key, value in wrong.items())
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "wrong.toml"
        config.write_text(_CONFIG.format(model=model, personality=personality, initial=initial))
        code = "from rig.cli import main; main()"
        command = [sys.executable, "-c", code, "camera", "check", "--config", str(config), "--simulate"]
        environment = os.environ | {"COLUMNS": str(_COLUMNS)}
        return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


if __name__ == "__main__":
    sys.exit(main())
