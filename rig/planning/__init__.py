"""From what was asked for to a plan: positions, spacing, limits, times; of the rail and of the lens."""
