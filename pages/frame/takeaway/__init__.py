"""What a visitor takes away: the student as a file, a report of the page."""
