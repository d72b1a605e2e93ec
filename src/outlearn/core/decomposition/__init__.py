"""What a risk, a variance or a student's gain consists of, in any Bregman divergence."""
