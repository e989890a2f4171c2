"""A run from connecting to teardown: devices, person, test frame, and what stops it."""
