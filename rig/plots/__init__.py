"""Pictures of numbers: plans, depth of field, calibration. Drawn by matplotlib, written by `canvas`."""
