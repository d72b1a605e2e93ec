"""Comparisons over many tasks: intervals, ranks, win rates."""
