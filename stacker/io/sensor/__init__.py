"""What the sensor does wrong in all frames alike, and mending it: wrong pixels, and dust that lies on it."""
