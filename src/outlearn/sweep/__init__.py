"""Sweeps: many runs from one file. sweep_file -> expansion -> planning -> run_sweep -> tidy tables and their report."""
