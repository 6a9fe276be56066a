"""Predict together: a room in memory, the learner's small page beside it, the class's answers."""
