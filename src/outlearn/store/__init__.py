"""Stages of runs kept by what they depend on, and the workers that compute them."""
