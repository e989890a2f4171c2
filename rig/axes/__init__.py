"""Whatever moves the plane of focus: one protocol, one file per controller."""
