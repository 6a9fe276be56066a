"""Train ensembles and students on 2-D slices of many-dimensional data, and compare them."""
