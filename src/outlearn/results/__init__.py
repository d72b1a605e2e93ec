"""What was found, typed: written and read here and nowhere else."""
