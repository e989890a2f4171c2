"""A simulated bench: rail, camera and scene that speak the real wire protocols. All of it is SIMULATED."""
