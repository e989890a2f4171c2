"""Live view for people: what is in focus, what is clipped, a part magnified; as an address and as files."""
