"""What the playground shows: the picture, its captions, and the evidence beside it."""
