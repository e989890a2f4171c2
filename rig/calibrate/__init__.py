"""Measures a set-up from its own images: scale, aperture, depth of field, pupil, backlash, settling.

`records` is the calibration file, `measured` what a plan takes from it. `scale`, `aperture`, `dof`, `pupil`,
`backlash` and `settle` are pure: arrays in, a frozen result with its uncertainty out. `images` reads frames,
`capture` takes them on the rig, and `jobs` puts the three together, one function per command.
"""
