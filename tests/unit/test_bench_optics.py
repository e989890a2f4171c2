"""The independent check of the depth-of-field model: its integral, and the ratios that it finds."""

from __future__ import annotations

import ast
import math
from pathlib import Path

import numpy as np
import pytest

from benchmarks import optics as bench


def test_the_integral_in_focus_is_the_known_one():
    s = np.linspace(0, 0.99, 25)
    known = 2 / math.pi * (np.arccos(s) - s * np.sqrt(1 - s**2))
    assert bench.hopkins(s, 0.0) == pytest.approx(known, abs=1e-7)


def test_the_integral_out_of_focus_is_the_pupil_s_autocorrelation():
    """By brute force: a pupil on a grid with its wavefront, multiplied by itself, shifted."""
    n, waves = 400, 0.6
    x = (np.arange(-n, n) + 0.5) / n
    rr = x[np.newaxis] ** 2 + x[:, np.newaxis] ** 2
    pupil = np.where(rr <= 1, np.exp(2j * math.pi * waves * rr), 0)
    for shift in (80, 200, 480):
        overlap = np.sum(pupil[:, shift:] * np.conj(pupil[:, : 2 * n - shift])) / np.sum(np.abs(pupil) ** 2)
        assert bench.hopkins(np.array([shift / (2 * n)]), waves)[0] == pytest.approx(overlap.real, abs=2e-3)


def test_a_quarter_wave_costs_a_quarter_of_the_contrast():
    assert bench.quarter_wave_loss() == pytest.approx(0.265, abs=0.001)


def test_model_over_truth():
    """0.99–1.14 for the root sum square, 0.81–1.00 for the maximum, 1.11–1.57 for the sum."""
    found = list(bench.rows(per_stop=1))
    for name, low, high in (("root_sum_square", 0.99, 1.14), ("maximum", 0.81, 1.00), ("sum", 1.11, 1.57)):
        ratios = [getattr(row, name) for row in found]
        assert low - 0.012 < min(ratios)
        assert max(ratios) < high + 0.012
        assert max(ratios) - min(ratios) > 0.8 * (high - low), "the range is not found any more"


def test_the_truth_shares_no_code_with_the_model():
    tree = ast.parse(Path(bench.__file__).read_text(encoding="utf-8"))
    used = {alias.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for alias in node.names}
    functions = {f.name: f for f in ast.walk(tree) if isinstance(f, ast.FunctionDef)}
    of_model = {"combined_dof", "geometric_dof", "wave_dof"}
    assert of_model <= used
    for name in ("hopkins", "quarter_wave_loss", "true_depth_mm"):
        called = {n.id for n in ast.walk(functions[name]) if isinstance(n, ast.Name)}
        assert not called & of_model


def test_the_command_prints_the_ranges(capsys):
    assert bench.main(["--per-stop", "1"]) == 0
    out = capsys.readouterr().out
    assert "root sum square" in out
    assert "26.49%" in out
