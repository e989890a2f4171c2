"""Noise floor and focus measures."""
