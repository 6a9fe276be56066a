"""What the page of slices consists of: the meter, planes side by side, the tour."""
