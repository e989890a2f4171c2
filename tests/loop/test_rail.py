"""``rig rail`` as a user calls it, on a bench that it takes for real hardware, and on one of its own."""

from __future__ import annotations

import json
from typing import Any

import pytest

pytestmark = pytest.mark.timeout(100)

REAL = """\
[rail]
driver = "grbl"
port = "{rail}"
pitch = "1 mm"
limits = ["-2 mm", "60 mm"]
towards_subject = "+"
"""


def _rail(workshop: Any, *words: object) -> Any:
    return workshop.run("rig", "rail", *words, covered=True)


def _answer(workshop: Any, *words: object) -> dict[str, Any]:
    done = _rail(workshop, *words, "--json")
    assert done.code == 0, done
    answer = json.loads(done.out)
    assert isinstance(answer, dict)
    return answer


def test_a_rail_is_zeroed_moved_and_limited_across_commands(workshop: Any) -> None:
    """Over TCP nothing resets the controller, so each command knows where the one before has left it."""
    with workshop.bench(time_scale=10, rail={"start_mm": 3.0}) as bench:
        (workshop.folder / "rig.toml").write_text(REAL.format(rail=bench["rail_tcp"]))
        refused = _rail(workshop, "move", "5mm")
        assert refused.code == 3, refused
        assert "--here-is" in refused.err
        assert _answer(workshop, "move", "4mm", "--here-is", "3mm")["position_mm"] == 4.0
        moved = {"position_mm": 3.5, "trust": "trusted", "from_mm": 4.0}
        assert _answer(workshop, "move", "--by", "-0.5mm") == moved
        assert _answer(workshop, "limits", "set", "here", "near")["limits_mm"] == [3.5, 60.0]
        zeroed = _answer(workshop, "zero")
        assert (zeroed["shift_mm"], zeroed["survives"]) == (-3.5, True)
        refused = _rail(workshop, "move", "--by", "-1mm")
        assert refused.code == 2, refused
        assert "0 mm to 60 mm" in refused.err
        facts = _answer(workshop, "info")
        assert facts["firmware"].startswith("Grbl 1.1h")
        assert facts["position"] == {"position_mm": 0.0, "trust": "trusted"}
        assert facts["settings"]["$100"] == 3200
        assert (facts["limits"]["low"], facts["configured_limits"]["low"]) == (0.0, -2.0)


def test_a_rail_on_the_bench(workshop: Any) -> None:
    config = workshop.config()
    done = _rail(workshop, "move", "-1mm", "--config", config, "--here-is", "2mm")
    assert done.code == 0, done
    assert "at -1.0000 mm" in done.out
    assert "SIMULATED" in done.err
    listed = _answer(workshop, "list", "--config", config)
    assert listed["simulated"] == {"driver": "grbl"}
