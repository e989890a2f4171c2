"""What a stack can be turned into besides the flat picture."""
