"""Sample data: `birds.csv`, measurements of 342 birds of three kinds that never lived.

The file is synthetic. Its numbers were drawn from normal distributions of plausible size,
sex and place; some cells are empty, as in field notes. It is there to try the upload with.
"""
