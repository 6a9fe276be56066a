"""What is planted: apart from the server, which forks its workers where it is imported."""

import numpy as np

# Values that nothing else has.
SECRET = np.float32(1234.5678)
WORD = "unmistakable"
