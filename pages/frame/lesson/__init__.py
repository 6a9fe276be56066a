"""What the lesson's page shows: a step, its question and prediction, its picture, its result."""
