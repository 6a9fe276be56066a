"""The shape of an answer: what is said, what qualifies it, and what is not claimed."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Answer:
    """An answer in words.

    Parameters
    ----------
    said : str
        The answer itself: at most two sentences.
    notes : tuple of str
        What qualifies it, each a sentence or two of its own.
    claims : str
        In plain words, what is claimed and what is not; empty where nothing is claimed.
    """

    said: str
    notes: tuple[str, ...] = ()
    claims: str = ""

    @property
    def text(self) -> str:
        """All of it in one line."""
        return " ".join(part for part in (self.said, *self.notes, self.claims) if part)
