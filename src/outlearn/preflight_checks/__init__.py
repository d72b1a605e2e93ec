"""Before a student is trained: what a table of weak labels can say, and what it cannot."""
