"""The optics behind `--step auto`: magnification, effective aperture, depth of field, diffraction, framing.

Every formula is a function of its own that takes numbers or numpy arrays, lengths in mm, and
raises ValueError outside its range. `rig.optics.setup` puts them together.
"""
