"""Makes one picture of registered frames, and the canvas it lies on."""
