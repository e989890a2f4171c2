"""How much longer a run takes than its critical path: ``python -m benchmarks.overhead``.

The critical path is computed from the configured times alone: moves by distance, speed and ramp; settling;
shutter lag, exposure and readout; downloads overlapped. The bench runs in real time (scale 1). A picture that
the bench renders later than a body would offer it is a failure of the bench; the figure does not count then.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

LIMIT = 1.15


def main() -> int:
    """Run once and print the figures; exit code 1 over the limit, 2 when the bench was late."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--end", default="8mm", help="last position; the first is 0")
    parser.add_argument("--step", default="auto")
    parser.add_argument("--scene", default="insect")
    parser.add_argument("--model", default="ILCE-7RM5", help="body to play: ILCE-7RM5 or 'Canon EOS R5'")
    parser.add_argument("--no-stack", action="store_true", help="leave the live stacker out")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        done = _shoot(Path(folder), args)
        if done.returncode:
            sys.stderr.write(done.stderr)
            return done.returncode
        (session,) = (Path(folder) / "sessions").iterdir()
        journal = [json.loads(line) for line in (session / "journal.jsonl").read_text().splitlines()]
    return _report(journal)


def _shoot(folder: Path, args: argparse.Namespace) -> subprocess.CompletedProcess[str]:
    from rig.config import config_folder

    text = (config_folder() / "simulated.toml").read_text()
    table = tomllib.loads(text)
    text = text.replace(f'model = "{table["camera"]["model"]}"', f'model = "{args.model}"')
    text = text.replace(f'scene = "{table["simulator"]["scene"]}"', f'scene = "{args.scene}"')
    config = folder / "realtime.toml"
    config.write_text(text)
    rig = str(Path(sys.executable).with_name("rig"))
    command = [rig, "shoot", "--start", "0", "--end", args.end, "--step", args.step, "--time-scale", "1"]
    command += ["--config", str(config), *(["--no-stack"] if args.no_stack else [])]
    return subprocess.run(command, check=False, cwd=folder, capture_output=True, text=True)


def _report(journal: list[dict[str, object]]) -> int:
    by_event = {str(entry["event"]): entry for entry in journal}
    finished, bench = by_event["finished"], by_event["bench_closed"]
    run_s, path_s = float(str(finished["run_s"])), float(str(finished["critical_path_s"]))
    late = int(str(bench["late_renders"]))
    ratio = run_s / path_s
    print(f"frames            {finished['frames_done']}")
    print(f"run               {run_s:.2f} s")
    print(f"critical path     {path_s:.2f} s")
    print(f"ratio             {ratio:.3f} (limit {LIMIT})")
    print(f"late renders      {late}, worst {float(str(bench['worst_late_s'])):.2f} s")
    if "stacked" in by_event:
        after_s = float(str(by_event["stacked"]["seconds_after_last_frame"]))
        print(f"stack finished    {after_s:.2f} s after the last frame was saved")
    if late:
        print("The bench was late: this machine cannot play the body in real time, the ratio does not count.")
        return 2
    return 0 if ratio <= LIMIT else 1


if __name__ == "__main__":
    sys.exit(main())
