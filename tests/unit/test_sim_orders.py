"""What a [simulator] table may say of the body: read, refused with the key, and played."""

from __future__ import annotations

from typing import Any

import pytest
from hardware_sims.bench import Bench, Order, OrderError, personality_of
from hardware_sims.optics import SimLens
from hardware_sims.orders import FocusOrder


def read(**simulator: Any) -> Order:
    return Order.read({"simulator": simulator})


def test_tables_of_the_body_are_read_with_their_units() -> None:
    order = read(
        personality="canon-dslr",
        focus={"near": "1 mm", "far": "-8 mm", "unit": "2.5 um", "steps": [4, 30, 200], "switch": "MF"},
        battery={"percent": 40, "per_frame": 0.5},
        card={"capacity_mb": 100, "used_mb": 20},
        live_fps=30,
        faults={
            "every": 10,
            "kinds": [{"kind": "busy", "times": 3}],
            "fixed": [{"kind": "drop", "after": 7}],
        },
    ).simulator
    assert order.focus is not None
    travel = order.focus.travel(SimLens(1.0, 11.3, 5.657, 300.0))
    assert (travel.unit_um, travel.near_mm, travel.far_mm) == (2.5, 1.0, -8.0)
    assert order.battery.made().shown == 40
    assert order.card.made().free_bytes == 80_000_000
    assert order.faults.fixed[0].at_byte == 3000


@pytest.mark.parametrize(
    ("simulator", "words"),
    [
        ({"personality": "leica"}, ("simulator.personality", "leica", "sony-steps")),
        ({"focus": {"near": "-1 mm"}}, ("simulator.focus.near", "greater than or equal to 0")),
        ({"focus": {"unit": "5 s"}}, ("simulator.focus.unit", "5 s")),
        ({"focus": {"switch": "M"}}, ("simulator.focus.switch", "'AF' or 'MF'")),
        ({"battery": {"percent": 0}}, ("simulator.battery.percent", "greater than 0")),
        ({"card": {"size": 1}}, ("simulator.card.size",)),
        ({"live_fps": 0}, ("simulator.live_fps",)),
        ({"faults": {"fixed": [{"kind": "flood"}]}}, ("simulator.faults.fixed.0.kind", "busy")),
        ({"faults": {"every": 0}}, ("simulator.faults.every",)),
    ],
)
def test_what_is_wrong_is_said_with_its_key(simulator: dict[str, Any], words: tuple[str, ...]) -> None:
    with pytest.raises(OrderError) as caught:
        read(**simulator)
    assert all(word in str(caught.value) for word in words)


@pytest.mark.parametrize(
    ("simulator", "words"),
    [
        ({"initial": {"zoom": 1}}, "has no 'zoom'"),
        ({"focus": {"near": "0 mm", "far": "0 mm"}}, "the focus travel"),
        (
            {"personality": "generic", "faults": {"fixed": [{"kind": "busy", "on": "drive", "after": 3}]}},
            "drive",
        ),
        (
            {"personality": "generic", "faults": {"every": 5, "kinds": [{"kind": "delay", "on": "drive"}]}},
            "drive",
        ),
    ],
)
def test_what_only_the_body_can_refuse_is_an_order_refused(simulator: dict[str, Any], words: str) -> None:
    simulator |= {"target": "card", "pixels": [64, 64]}
    with pytest.raises(OrderError, match=words):
        Bench(Order.read({"simulator": simulator, "pictures": False}))


def test_no_lens_is_focused_beyond_infinity() -> None:
    microscope = SimLens(0.1, 6.0, 5.6, 1100.0)  # f = 100 mm: infinity is 10 mm away
    assert FocusOrder().travel(microscope).far_mm == pytest.approx(-9.0)
    assert microscope.focused(-9.0).magnification == pytest.approx(0.01)


@pytest.mark.parametrize(
    ("model", "personality"),
    [
        ("Canon EOS R5", "canon"),
        ("Canon EOS 80D", "canon-dslr"),
        ("NIKON Z 6", "nikon"),
        ("D850", "nikon"),
        ("Z6 II", "nikon"),
        ("ILCE-7RM5", "sony"),
        ("ZV-E10", "sony"),
        ("A7R V", "sony"),
        ("X-T5", "generic"),
        (None, "sony"),
    ],
)
def test_a_model_speaks_its_makers_protocol(model: str | None, personality: str) -> None:
    assert personality_of(model) == personality
