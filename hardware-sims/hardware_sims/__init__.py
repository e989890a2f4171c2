"""A simulated bench: a rail, a camera and a scene that speak the real wire protocols. All of it is SIMULATED."""
