from outlearn.theory.ridge_solver import RidgePath

__all__ = ["RidgePath"]
