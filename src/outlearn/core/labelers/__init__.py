"""What labels of several labelers say without the truth: weights, confusions, skills, gains."""
