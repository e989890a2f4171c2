"""Traces every lens of `rig.optics.prescriptions`: ``python -m benchmarks.traced_lenses``.

Prints f, P and v at each focus that the lens's patent gives; with ``--toml`` in the form that a `pupils` of
``rig/optics/tables/lenses.toml`` has. The working f-number beside the one that the patent states is the
reason why no such row has one: wide open, with the iris as large as at infinity, the trace is faster than the
lens.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

from rig.optics import prescriptions
from rig.optics.trace import WORST_CASE_ONLY, trace_lens, wide_open_f_number

__all__ = ["Row", "main", "rows", "table_row"]


@dataclass(frozen=True)
class Row:
    """A lens at one focus; lengths in mm, None where infinite or not printed by the patent."""

    key: str
    name: str
    patent: str
    printed_magnification: float
    magnification: float
    focal_length_mm: float
    pupil_ratio: float
    pupil_to_object_mm: float | None
    object_to_image_mm: float | None
    wide_open_f_number: float
    patent_f_number: float | None


def rows() -> Iterator[Row]:
    """Yield a row for each focus of each lens."""
    for key in prescriptions.available():
        lens = prescriptions.load(key)
        for state in lens.states:
            system = lens.system(state.magnification)
            seen = trace_lens(system)
            yield Row(
                key=key,
                name=lens.name,
                patent=lens.patent,
                printed_magnification=state.magnification,
                magnification=seen.magnification,
                focal_length_mm=seen.focal_length_mm,
                pupil_ratio=seen.pupils.ratio,
                pupil_to_object_mm=_finite(seen.pupil_to_object_mm),
                object_to_image_mm=_finite(seen.object_to_image_mm),
                wide_open_f_number=wide_open_f_number(
                    lens.system(0.0), system, lens.f_number
                ).effective_f_number,
                patent_f_number=state.f_number,
            )


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _cell(value: float | None, digits: int) -> str:
    return "–" if value is None else f"{value:.{digits}f}"


def table_row(row: Row) -> str:
    """Write a focus as an inline table of TOML, rounded as lens tables are.

    The magnification is the printed one, unless the patent's own surfaces miss it by more than they round.
    """
    as_printed = math.isclose(row.magnification, row.printed_magnification, rel_tol=0.005)
    m = f"{row.printed_magnification:g}" if as_printed else f"{row.magnification:.2f}"
    return (
        f'{{ magnification = {m}, focal_length = "{row.focal_length_mm:.1f} mm", '
        f'pupil_ratio = {row.pupil_ratio:.3f}, pupil_distance = "{_cell(row.pupil_to_object_mm, 0)} mm" }}'
    )


def _toml(traced: Sequence[Row]) -> Iterator[str]:
    for name, patent in dict.fromkeys((row.name, row.patent) for row in traced):
        yield f'[[lens]]\nname = "{name}"\npupils = ['
        yield from (f"  {table_row(row)}," for row in traced if row.name == name and row.magnification)
        yield f']\npupil_source = "traced from {patent}"\n'


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the rows."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.traced_lenses", description=__doc__)
    parser.add_argument("--json", action="store_true", help="full digits, for programs")
    parser.add_argument("--toml", action="store_true", help="as rows of the lens table")
    options = parser.parse_args(arguments)
    if options.json:
        print(json.dumps([asdict(row) for row in rows()], indent=1))
        return 0
    if options.toml:
        print("\n".join(_toml(list(rows()))), end="")
        return 0
    print(f"{'lens':47}{'m':>7}{'f mm':>8}{'P':>7}{'v mm':>8}{'D mm':>8}{'Ne open':>9}{'patent':>8}")
    for row in rows():
        print(
            f"{row.name:47}{row.magnification:7.3f}{row.focal_length_mm:8.1f}{row.pupil_ratio:7.3f}"
            f"{_cell(row.pupil_to_object_mm, 0):>8}{_cell(row.object_to_image_mm, 0):>8}"
            f"{row.wide_open_f_number:9.2f}{_cell(row.patent_f_number, 2):>8}"
        )
    print(f"Ne open: {WORST_CASE_ONLY}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
