"""Before a student is trained: what a table of weak labels can say, and what it cannot.

`analyse` turns a checked table (`check_labels`) into an `outlearn.results.preflight.Preflight`: `measures` asks the
labels alone, `students` trains on them, `student_measures` judges these, `verdict` decides. `preflight_files` reads
files, prints and writes.
"""
