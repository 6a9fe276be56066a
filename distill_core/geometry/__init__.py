"""Planes in the space of the features, what models see on them, and tours from plane to plane."""
