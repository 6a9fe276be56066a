"""Prepared links for a class: each opens a page in a state that shows one thing."""

# The page, the settings, what is to be seen. Other controls than the one that matters are locked.
LINKS = (
    ("", "width=3&lock=T+alpha+data+view", "Too narrow a student: widen it until it follows"),
    ("", "width=8&alpha=0&lock=T+width+data+view", "From labels to probabilities: move alpha"),
    ("", "data=blobs&classes=5&lock=data+view+width", "Five classes: what T does to soft targets"),
    ("", "data=spirals&width=16&lock=data+view", "Spirals: how wide must a student be?"),
    ("", "data=checkerboard&width=128&lock=data", "A checkerboard: hard for everyone"),
    ("", "teachers=2&show=each+teacher&show=test+points", "Two teachers only: their lines scatter"),
    ("", "view=all+features", "All features: the picture is only a cut"),
    (
        "slices",
        "view=all+features&lock=view",
        "Does the colour under a point say what a model answers?",
    ),
    ("lesson", "", "The lesson in nine predictions"),
    ("lesson", "lang=de", "Dieselbe Lektion auf Deutsch"),
)


def list_links() -> str:
    """Return all prepared links as Markdown; relative, so that they hold behind a path prefix."""
    return "\n".join(
        f"- [{words}](./{page}{'?' if address else ''}{address})" for page, address, words in LINKS
    )
