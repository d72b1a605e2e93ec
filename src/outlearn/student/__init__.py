"""A student that is kept: a folder of data, complete and hashed, and what predicts new texts from it."""
