import pytest

from distill_core.specs import ALPHAS, TEMPERATURES, WIDTHS, PictureSpec, StudentSpec
from pages.frame.playground.neighbours import list_neighbours


def picture(**student):
    return PictureSpec(student=StudentSpec(**student))


def changes(pictures, own):
    """Return in what each picture differs from its own, by field and value."""
    fields = ("width", "temperature", "alpha", "depth", "schedule", "seed")
    return [
        {
            name: getattr(one.student, name)
            for name in fields
            if getattr(one.student, name) != getattr(own.student, name)
        }
        for one in pictures
    ]


def test_each_slider_has_its_neighbours_and_nothing_else_changes():
    own = picture(width=WIDTHS[4], temperature=TEMPERATURES[4], alpha=ALPHAS[4])
    found = changes(list_neighbours(own, own), own)
    around = (5, 3, 6, 2)
    expected = [{"width": WIDTHS[i]} for i in around]
    expected += [{"temperature": TEMPERATURES[i]} for i in around]
    expected += [{"alpha": ALPHAS[i]} for i in around]
    # Those in the menu come last.
    expected += [{"depth": 3}, {"depth": 1}]
    expected += [
        {"schedule": own.student.schedule.replace(epochs=epochs)} for epochs in (16, 8, 24, 4)
    ]
    assert found == expected


def test_who_moved_a_slider_is_thought_to_go_on():
    own = picture(temperature=TEMPERATURES[4])
    found = changes(list_neighbours(own, picture(temperature=TEMPERATURES[5])), own)
    assert found[:4] == [{"temperature": TEMPERATURES[i]} for i in (3, 2, 5, 6)]


@pytest.mark.parametrize("end", [0, -1])
def test_no_stop_lies_beyond_the_end(end):
    own = picture(width=WIDTHS[end], temperature=TEMPERATURES[end], alpha=ALPHAS[end])
    found = changes(list_neighbours(own, own), own)
    assert [len(one) for one in found] == [1] * (6 + 2 + 4)


def test_a_value_between_stops_has_no_neighbours_on_its_slider():
    own = picture(width=63)
    assert not any("width" in one for one in changes(list_neighbours(own, own), own))
