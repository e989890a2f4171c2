"""Measuring a set-up from images, against the bench whose truth is known."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hardware_sims.depth_of_field import depth_of_field_mm
from hardware_sims.optics import SimLens
from hardware_sims.render import Frame, Renderer, Viewpoint
from hardware_sims.scenes.targets import checker_side_mm, graduation_mm, make_target
from hardware_sims.sensor import Sensor

from rig.calibrate.aperture import Level, exposure_stops, level_of, light_loss
from rig.calibrate.backlash import SidedSweep, measure_backlash
from rig.calibrate.dof import band_frequency, check_sweep, measure_dof
from rig.calibrate.focus import band_energy, curve_of
from rig.calibrate.images import Picture, srgb_to_linear
from rig.calibrate.jobs import _growth_text
from rig.calibrate.pupil import Tracks, fit_pupil, measure_pupil
from rig.calibrate.scale import _by_phase, checker_period, ruler_period
from rig.calibrate.settle import Pair, measure_settle
from rig.calibrate.still import check_still, neighbour_shift, thumbnail
from rig.cameras.frame_exif import FrameExif
from rig.errors import DataError, UserError

PITCH_MM = 0.00376
SIZE = (384, 256)


def seen(target, lens, positions_mm, *, seed=1):
    """Frames of a target as a sensor has them, in linear light."""
    frame = Frame(*SIZE, PITCH_MM)
    renderer = Renderer(make_target(target, width_mm=SIZE[0] * PITCH_MM, seed=seed), lens, frame, 2)
    sensor = Sensor(*SIZE, PITCH_MM * 1000)
    try:
        for k, x in enumerate(positions_mm):
            light = renderer.render(Viewpoint(float(x)), lens.f_number)
            picture = sensor.develop(light, 100, (seed, k))
            yield np.asarray(srgb_to_linear(picture / 255.0) @ [0.25, 0.5, 0.25], np.float32)
    finally:
        renderer.close()


# ---- depth of field ----


@pytest.mark.parametrize(("ne", "target"), [(4.0, "texture"), (32.0, "speckle")])
def test_the_measured_depth_of_field_is_the_lens_s_own(ne, target):
    lens = SimLens(1.0, ne, ne / 2, 300.0)
    truth = sum(depth_of_field_mm(lens, PITCH_MM))
    positions = np.linspace(-2 * truth, 2 * truth, 25)
    frequency = band_frequency(2.0, ne, PITCH_MM)
    energy = np.array([band_energy(f, frequency, 64) for f in seen(target, lens, positions)])
    measured = measure_dof(positions, energy, frequency)
    assert measured.dof_mm == pytest.approx(truth, rel=0.10)
    assert measured.sigma_mm < 0.06 * truth
    assert abs(measured.peak_mm) < 0.02 * truth
    assert measured.warnings == ()


def bump(positions, centre, width, floor=0.05):
    """A focus curve: energy of a Gaussian contrast, with noise below it."""
    return np.exp(-(((positions - centre) / width) ** 2)) ** 2 + floor


def test_the_noise_floor_does_not_widen_the_curve():
    x = np.linspace(-4, 4, 65)
    truth = 2 * np.sqrt(-np.log(0.735))
    for floor in (0.0, 0.05, 0.5):
        assert curve_of(x, bump(x, 0.1, 1.0, floor), 0.735).width_mm == pytest.approx(truth, rel=0.02)


def test_brightness_does_not_change_the_energy():
    light = np.random.default_rng(1).uniform(0.2, 0.6, (128, 128)).astype(np.float32)
    assert band_energy(light / 2, 0.25, 64) == pytest.approx(band_energy(light, 0.25, 64), rel=1e-4)


def test_focus_need_not_be_in_the_middle_of_the_sweep():
    x = np.linspace(0, 10, 81)
    measured = measure_dof(x, np.stack([bump(x, 4.0, 1.0)] * 6, axis=1).reshape(len(x), 2, 3), 0.25)
    assert measured.dof_mm == pytest.approx(2 * np.sqrt(-np.log(0.735)), rel=0.01)
    assert measured.peak_mm == pytest.approx(4.0, abs=0.01)
    assert len(measured.offset_mm) == len(measured.contrast) < 161  # not where no part has been


def test_the_error_of_a_depth_of_field_has_what_the_method_is_off() -> None:
    x = np.linspace(-8, 8, 129)
    measured = measure_dof(x, np.stack([bump(x, 0.0, 1.0)] * 6, axis=1).reshape(len(x), 2, 3), 0.25)
    assert measured.sigma_mm == pytest.approx(0.035 * measured.dof_mm, rel=0.01)  # the tiles agree


def test_a_relief_is_measured_part_by_part():
    x = np.linspace(-8, 8, 129)
    centres = np.linspace(-4, 4, 12)
    energy = np.stack([bump(x, c, 1.0) for c in centres], axis=1).reshape(len(x), 3, 4)
    measured = measure_dof(x, energy, 0.25)
    assert measured.dof_mm == pytest.approx(2 * np.sqrt(-np.log(0.735)), rel=0.03)
    assert measured.depth_mm == pytest.approx(7.2, rel=0.05)
    assert "flatter target" in measured.warnings[0]


@pytest.mark.parametrize(
    ("frames", "error", "said"),
    [
        (lambda x: bump(x, 9.0, 2.0), DataError, "towards its last frame"),
        (lambda x: bump(x, -9.0, 2.0), DataError, "towards its first frame"),
        (lambda x: 1.0 + 0.1 * np.random.default_rng(1).standard_normal(x.shape), DataError, "texture"),
        (lambda x: bump(x, 0.0, 1.0)[:5], UserError, "a sweep of 5 frames is too short"),
    ],
)
def test_a_sweep_that_shows_no_depth_of_field_is_refused(frames, error, said):
    x = np.linspace(-8, 8, 65)
    energy = frames(x)
    with pytest.raises(error, match=said):
        check_sweep(x[: len(energy)], energy[:, None, None])


def test_a_rail_that_drifts_all_along_is_no_movement():
    check_still(np.arange(6.0), np.tile([4.0, -3.0], (5, 1)), list("abcdef"))
    with pytest.raises(DataError, match="between c and d"):
        check_still(np.arange(6.0), np.array([[4.0, 0]] * 2 + [[8.0, 0]] + [[4.0, 0]] * 2), list("abcdef"))


def test_a_subject_that_moves_is_refused_and_a_crooked_rail_is_not():
    rng = np.random.default_rng(1)
    world = rng.uniform(0.1, 0.9, (400, 700)).astype(np.float32)
    positions = np.arange(8.0)
    for jump, moved in ((0, False), (6, True)):
        starts = 2 * np.arange(8) + jump * (np.arange(8) > 4)
        frames = [thumbnail(world[50:350, 50 + s : 562 + s]) for s in starts]
        shifts = np.array([neighbour_shift(a, b) for a, b in itertools.pairwise(frames)])
        names = [f"{k}.jpg" for k in range(8)]
        if moved:
            with pytest.raises(DataError, match=r"between 4\.jpg and 5\.jpg"):
                check_still(positions, shifts, names)
        else:
            check_still(positions, shifts, names)


# ---- pupil ----


def tracks_of(v_mm, *, noise_px=0.02, outliers=0, positions=None):
    """Points that a lens with that pupil distance would show, at several depths."""
    rng = np.random.default_rng(3)
    positions = np.linspace(-2, 2, 9) if positions is None else positions
    points = rng.uniform(-800, 800, (60, 2))
    focus = rng.uniform(-1.5, 1.5, 60)
    shifts = rng.normal(0, 1.0, (len(positions), 2))
    rows = []
    for p in range(60):
        source = int(np.abs(positions - focus[p]).argmin())
        for target in range(len(positions)):
            if target != source:
                grown = (1 + (focus[p] - positions[source]) / v_mm) / (
                    1 + (focus[p] - positions[target]) / v_mm
                )
                found = points[p] * grown + shifts[target] - shifts[source] + rng.normal(0, noise_px, 2)
                if p < outliers:
                    found = found + rng.normal(0, 5.0, 2)
                rows.append((points[p], found, source, target, focus[p], p))
    columns = [np.array(c) for c in zip(*rows, strict=True)]
    return positions, Tracks(*columns)


@pytest.mark.parametrize(("v_mm", "outliers"), [(97.0, 0), (300.0, 6), (-250.0, 0)])
def test_the_pupil_is_where_the_growth_puts_it(v_mm, outliers):
    measured = fit_pupil(*tracks_of(v_mm, outliers=outliers))
    assert measured.pupil_distance_mm == pytest.approx(v_mm, rel=0.01)
    assert measured.low_mm < v_mm < measured.high_mm
    assert not measured.telecentric


def test_a_telecentric_lens_gets_a_lower_bound():
    measured = fit_pupil(*tracks_of(1e9))
    assert measured.telecentric
    assert 3000 < measured.low_mm < 1e6


def test_the_pupil_of_the_bench_is_found_in_its_pictures():
    lens = SimLens(1.0, 11.31, 5.657, 150.0)
    positions = np.linspace(-0.8, 0.8, 9)
    frames = list(seen("texture", lens, positions))
    energy = np.array([band_energy(f, 0.25, 32) for f in frames])
    greys = [np.uint8(np.sqrt(f) * 255 + 0.5) for f in frames]
    measured = measure_pupil(positions, energy, greys)
    assert measured.pupil_distance_mm == pytest.approx(150.0, rel=0.06)
    assert measured.low_mm < 150.0 < measured.high_mm


def test_points_that_all_slide_outwards_do_not_pull_the_pupil():
    positions, tracks = tracks_of(200.0)
    slid = tracks.point < 6
    away = (
        tracks.start_px
        / np.hypot(*tracks.start_px.T)[:, None]
        * np.sign(tracks.target - tracks.source)[:, None]
    )
    pulled = replace(tracks, found_px=tracks.found_px + np.where(slid[:, None], 5.0 * away, 0.0))
    assert fit_pupil(positions, pulled).pupil_distance_mm == pytest.approx(200.0, rel=0.01)


def test_growth_is_told_from_the_first_frame_to_the_last():
    positions, tracks = tracks_of(40.0, positions=np.linspace(-6, 6, 9))
    told = _growth_text(fit_pupil(positions, tracks))
    assert float(told.split("%")[0]) == pytest.approx(100 * (46 / 34 - 1), abs=0.3)  # not 12 / 40


def test_points_that_left_gaps_still_tell_how_well_the_pupil_is_known():
    positions, tracks = tracks_of(200.0)
    apart = fit_pupil(positions, replace(tracks, point=tracks.point * 10))  # all in one group, by number
    assert apart.inverse_sigma_per_mm == fit_pupil(positions, tracks).inverse_sigma_per_mm
    with pytest.raises(UserError, match="at one position"):
        measure_pupil(np.zeros(4), np.ones((4, 3, 3)), [])


def test_two_frames_are_too_few_for_a_pupil():
    with pytest.raises(UserError, match="2 frames are too few"):
        measure_pupil(np.array([0.0, 1.0]), np.ones((2, 3, 3)), [])


# ---- scale ----


def test_a_ruler_tells_the_scale_to_a_small_part_of_a_pixel():
    lens = SimLens(1.0, 11.31, 5.657, 300.0)
    (frame,) = seen("ruler", lens, [0.0])
    measured = ruler_period(frame)
    assert measured.period_px == pytest.approx(graduation_mm(SIZE[0] * PITCH_MM) / PITCH_MM, rel=2e-4)
    assert measured.sigma_px < 1e-3 * measured.period_px
    assert measured.angle_deg == pytest.approx(1.5, abs=0.1)


def test_longer_lines_and_tilt_do_not_confuse_the_ruler():
    x = np.arange(400)
    rows = np.full((240, 400), 0.8, np.float32)
    at = (x - 7) / 23.456
    dark = np.abs(at - np.round(at)) < 0.1
    rows[100:160, dark] = 0.1
    rows[160:190, dark & (np.round(at) % 10 == 0)] = 0.1
    measured = ruler_period(rows + np.random.default_rng(1).normal(0, 0.01, rows.shape))
    assert measured.period_px == pytest.approx(23.456, rel=1e-3)


def test_a_checkerboard_tells_the_scale():
    lens = SimLens(1.0, 11.31, 5.657, 300.0)
    (frame,) = seen("checker", lens, [0.0])
    truth = checker_side_mm(SIZE[0] * PITCH_MM) / PITCH_MM
    assert checker_period(frame).period_px == pytest.approx(truth, rel=2e-3)


def test_the_phase_across_the_frame_corrects_a_frequency():
    x, y = np.meshgrid(np.arange(400.0), np.arange(200.0))
    measured = _by_phase(np.cos(2 * np.pi * (x * 0.8 + y * 0.6) / 20.3), (0.8 / 20.5, 0.6 / 20.5))
    assert measured.period_px == pytest.approx(20.3, rel=1e-3)  # it was given as 20.5


@pytest.mark.parametrize("pattern", [ruler_period, checker_period])
def test_what_does_not_repeat_is_no_scale(pattern):
    noise = np.random.default_rng(2).uniform(0.2, 0.6, (200, 300)).astype(np.float32)
    with pytest.raises(DataError, match="is to be seen"):
        pattern(noise)


# ---- aperture ----


def level(light, *, shutter_s=1 / 60, f_number=5.6, iso=100, name="a.jpg"):
    return Level(light, 0.01, FrameExif(shutter_s, f_number, iso), name)


@pytest.mark.parametrize(
    ("far", "working", "stops"),
    [
        (level(0.8), level(0.2), 2.0),
        (level(0.8), level(0.8, shutter_s=1 / 15), 2.0),  # marks: 1/64 s and 1/16 s truly
        (level(0.4), level(0.4, iso=800), 3.0),
        (level(0.8, shutter_s=None), level(0.2, shutter_s=None), 2.0),
    ],
)
def test_light_lost_gives_the_effective_aperture(far, working, stops):
    loss = light_loss(far, working, 5.6)
    assert loss.stops == pytest.approx(stops, abs=1e-6)
    assert loss.effective_f_number == pytest.approx(2**2.5 * 2 ** (stops / 2))


def test_marked_times_are_powers_of_two_and_the_error_is_of_light_and_curve():
    assert exposure_stops(FrameExif(1 / 60, 5.6, 100), FrameExif(1 / 4, 5.6, 100)) == 4.0  # 1/64 s
    assert exposure_stops(FrameExif(1 / 70, 5.6, 100), FrameExif(1.0, 5.6, 100)) == pytest.approx(np.log2(70))
    loss = light_loss(replace(level(0.8), spread_stops=0.2), replace(level(0.2), spread_stops=0.1), 5.6)
    assert loss.sigma_stops == pytest.approx(np.hypot(0.05 * 2, np.hypot(0.1, 0.05)))
    assert loss.sigma == pytest.approx(loss.effective_f_number * (2 ** (loss.sigma_stops / 2) - 1), rel=0.05)


@pytest.mark.parametrize(
    ("far", "working", "said"),
    [
        (level(0.2), level(0.8), "at far focus first"),
        (level(0.8), level(0.2, f_number=8.0), "different f-numbers, f/5.6 in a.jpg and f/8"),
    ],
)
def test_frames_that_cannot_be_compared_are_refused(far, working, said):
    with pytest.raises(UserError, match=said):
        light_loss(far, working, 5.6)


@pytest.mark.parametrize(
    ("light", "burnt", "said"),
    [
        (np.full((64, 64), 0.8), np.full((64, 64), True), "is burnt"),
        (np.full((64, 64), 0.001), np.zeros((64, 64), bool), "expose longer"),
        (np.linspace(0.3, 0.6, 64)[:, None] * np.ones(64), np.zeros((64, 64), bool), "not even"),
    ],
)
def test_a_target_that_is_no_even_card_is_refused(light, burnt, said):
    picture = Picture("a.jpg", "0", light, burnt, FrameExif(), simulated=False)
    with pytest.raises(DataError, match=said):
        level_of(picture, light, burnt)


# ---- backlash ----


def sided(displaced_mm, *, seed, centre=0.0, step=0.03, reach=0.3):
    """A sweep in which the carriage is farther on than commanded; the curve leans, as curves of lenses do."""
    x = np.arange(-reach, reach, step)
    u = (x + displaced_mm - centre) / 0.15
    contrast = np.exp(-(u**2)) * (1 + 0.15 * np.tanh(u))
    rng = np.random.default_rng(seed)
    energy = contrast[:, None, None] ** 2 + 0.01 + rng.normal(0, 0.003, (len(x), 4, 6))
    return SidedSweep(x, energy)


@pytest.mark.parametrize("play_mm", [0.0, 0.02, 0.11])
def test_play_displaces_the_focus_curve(play_mm):
    measured = measure_backlash(sided(0, seed=1), sided(play_mm, seed=2), sided(0, seed=3))
    assert measured.backlash_mm == pytest.approx(play_mm, abs=0.001)
    assert measured.sigma_mm < 0.001
    assert measured.warnings == ()


def test_a_drift_is_told_from_play():
    measured = measure_backlash(sided(0, seed=1), sided(0.025, seed=2), sided(0.01, seed=3))
    assert measured.backlash_mm == pytest.approx(0.02, abs=0.001)
    assert measured.drift_mm == pytest.approx(-0.01, abs=0.001)
    assert measured.sigma_mm > 0.01 / 4  # it need not have been even


def test_play_that_reaches_the_run_up_or_goes_backwards_is_said():
    assert "set backlash" in measure_backlash(sided(0, seed=1), sided(0.1, seed=2), run_up_mm=0.1).warnings[0]
    assert "negative" in measure_backlash(sided(0, seed=1), sided(-0.05, seed=2)).warnings[0]


def test_steps_that_are_too_coarse_to_see_the_play_are_refused():
    # The polynomial fits any displacement then: a play of 0.2 mm came out as -0.198 ± 0.002 mm.
    with pytest.raises(DataError, match=r"only 1\.\d frames fall within the depth of field"):
        measure_backlash(*(sided(play, seed=1, step=0.11, reach=0.9) for play in (0, 0.03)))


def test_backlash_needs_focus_inside_the_sweep():
    with pytest.raises(DataError, match="never passes through focus"):
        measure_backlash(sided(0, seed=1, centre=0.5), sided(0, seed=2, centre=0.5))


# ---- settle ----


def shaken(decay_s=0.15, amplitude_px=3.0, waits=(0.0, 0.1, 0.2, 0.4, 0.8, 1.6), sharpness=1.0):
    rng = np.random.default_rng(5)
    pairs = []
    for wait in waits:
        for _ in range(3):
            swing = amplitude_px * np.exp(-wait / decay_s) * np.cos(rng.uniform(0, 2 * np.pi))
            pairs.append(Pair(wait, abs(swing) + abs(rng.normal(0, 0.002)), sharpness))
    return pairs


def test_a_swing_that_was_not_caught_at_its_widest_counts_too():
    waits = (0.0, 0.1, 0.2, 0.3, 0.4, 0.6, 1.2, 1.5, 2.0)
    pairs = [Pair(w, max(3.0 / 1.4 * np.exp(-w / 0.15), 0.01), 1.0) for w in waits]
    measured = measure_settle(pairs, 0.2)
    assert measured.shaking_s == 0.3
    assert (
        measured.settle_s == 0.41
    )  # where the envelope falls below; at 0.4 s the picture was still by chance


def test_the_settle_time_is_when_the_shake_has_died_away():
    measured = measure_settle(shaken(), 0.2)
    truth = 0.15 * np.log(3.0 / 0.2)
    assert measured.shaking_s <= truth + 0.1
    assert truth - 0.1 <= measured.settle_s <= 0.8
    assert measured.decay_s == pytest.approx(0.15, rel=0.3)


def test_blur_counts_as_shake_too():
    sharp, soft = shaken(amplitude_px=0.0), shaken(amplitude_px=0.0, waits=(0.0, 0.1), sharpness=0.8)
    assert measure_settle([*soft, *(p for p in sharp if p.wait_s > 0.1)], 0.2).settle_s == 0.2


def test_a_frame_that_cannot_be_followed_shakes():
    smeared = Pair(0.0, float("inf"), 0.2)
    measured = measure_settle([smeared, *shaken(amplitude_px=0.0, waits=(0.1, 0.2, 0.4))], 0.2)
    assert (measured.settle_s, measured.shaking_s) == (0.1, 0.0)
    with pytest.raises(DataError, match="smeared past recognition"):
        measure_settle([*shaken(), Pair(3.0, float("inf"), 0.2)], 0.2)


def test_nothing_shakes():
    measured = measure_settle(shaken(amplitude_px=0.0), 0.2)
    assert (measured.settle_s, measured.shaking_s) == (0.0, None)
    assert "no shake" in measured.warnings[0]


def test_what_never_comes_to_rest_is_refused():
    with pytest.raises(DataError, match=r"not at rest 1\.6 s after a move"):
        measure_settle(shaken(decay_s=10.0), 0.2)
    with pytest.raises(UserError, match="2 different waits"):
        measure_settle(shaken(waits=(0.0, 1.0)), 0.2)
