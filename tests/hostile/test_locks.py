"""A control that a link locks, and a client that sends another value for it past the page."""

import pytest
from streamlit.proto.BackMsg_pb2 import BackMsg

from pages.frame.controls.settings import SETTINGS
from tests.visitor import SMALL, Visitor

pytestmark = pytest.mark.e2e


def read_parameters(messages):
    """Return what the page says of the student's size."""
    metrics = [m.delta.new_element.metric for m in messages]
    return next(one.body for one in metrics if one.label == "Student's parameters")


@pytest.mark.parametrize(("lock", "moves"), [("", True), ("&lock=width", False)])
def test_a_raw_message_moves_an_open_control_and_no_locked_one(attacked, lock, moves):
    address, _ = attacked
    with Visitor(address) as visitor:
        message = BackMsg()
        message.rerun_script.query_string = f"{SMALL}&width=8{lock}"
        # A run that waits for its models ends with another one behind it.
        before, slider = None, None
        visitor.send(message.SerializeToString())
        while before is None:
            messages = visitor.read()
            sliders = [m.delta.new_element.slider for m in messages]
            slider = next((s for s in sliders if s.label == SETTINGS["width"].label), slider)
            with_metrics = [m for m in messages if m.delta.new_element.HasField("metric")]
            before = read_parameters(with_metrics) if with_metrics else None
        assert slider.disabled != moves
        state = message.rerun_script.widget_states.widgets.add()
        state.id = slider.id
        state.string_array_value.data.append("16")
        visitor.send(message.SerializeToString())
        after = None
        while after is None:
            messages = visitor.read()
            with_metrics = [m for m in messages if m.delta.new_element.HasField("metric")]
            after = read_parameters(with_metrics) if with_metrics else None
        assert (after != before) == moves
        if not moves:
            # Another address without the lock does not free it in this session.
            message.rerun_script.query_string = f"{SMALL}&width=16"
            visitor.send(message.SerializeToString())
            assert read_parameters(visitor.read()) == before
