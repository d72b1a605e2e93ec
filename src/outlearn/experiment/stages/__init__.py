"""The stages of a run, in its order: features, teachers (or external ones), students, ceilings.

Each is given what it may use and no more: students never see a true label. A stage's key holds its own part of the
configuration and the keys of what it reads, so a change of the student's loss leaves the teachers as they are.
"""
