"""Data sets: generated, built in, or a visitor's table; and `birds.csv`, a sample to upload.

`read` takes any table that people have: a path, bytes, a data frame or arrays.

The sample is synthetic: measurements of 342 birds of three kinds that never lived. Its numbers
were drawn from normal distributions of plausible size, sex and place; some cells are empty, as
in field notes.
"""

from distill_core.data.reading import read
