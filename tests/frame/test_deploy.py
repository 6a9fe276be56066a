"""The page "Worth it?" without a browser: three lines first, costs, prices that are none."""

import pytest
from streamlit.testing.v1 import AppTest

from distill_core.engine import Job
from distill_core.studies import costs
from pages.frame.server import pace, service
from tests.conftest import PROJECT

SMALL = {"data": "moons", "teachers": "2", "epochs": "1", "width": "8", "trials": "4"}


class InlineEngine:
    """Does what is asked at once; counts how often."""

    def __init__(self, store):
        self.store, self.n_asked = store, 0

    def request(self, visitor, make, spec, *, slot):
        self.n_asked += 1
        make(spec, self.store, lambda *_: None)
        job = Job(make.kind, spec.digest)
        job.become("done")
        return job

    def worker_pids(self):
        return [1, 2]

    def release(self, visitor):
        pass


@pytest.fixture
def engine(store, monkeypatch):
    engine = InlineEngine(store)
    monkeypatch.setattr(service, "store", lambda: store)
    monkeypatch.setattr(service, "engine", lambda: engine)
    # No browser has to paint first.
    monkeypatch.setattr(pace, "PAINT_FIRST", 0.0)
    quick = costs.measure_seconds
    monkeypatch.setattr(costs, "measure_seconds", lambda f, X, _=0: quick(f, X, 0.0))
    return engine


def open_page(**address):
    app = AppTest.from_file(str(PROJECT / "pages" / "deploy.py"), default_timeout=60)
    app.query_params.update(SMALL | address)
    return app.run()


def lines(app):
    return [one.value for one in app.markdown][:3]


def test_the_first_three_lines_say_what_was_asked_what_is_recommended_and_how_sure(engine):
    app = open_page()
    # It begins by itself; the page comes again when there is more.
    for _ in range(8):
        app.run()
    assert not app.exception
    assert [line.partition(":")[0] for line in lines(app)] == [
        "Asked",
        "Recommended",
        "How sure",
    ]
    assert "No recommendation yet" not in lines(app)[1]
    assert {"Smaller", "Faster, 1,000 cases", "Lost of 1,000 cases"} <= {
        one.label for one in app.metric
    }
    measured = next(one.value for one in app.dataframe if "cases a second" in one.value)
    assert {"the student", "logistic regression", "a small forest"} <= set(measured["model"])
    assert (measured["1,000 cases, ms"] > 0).all()
    assert "one process, one thread" in " ".join(one.value for one in app.caption)
    n_asked = engine.n_asked
    again = open_page()
    assert "No recommendation yet" not in lines(again)[1]
    assert engine.n_asked == n_asked


def test_sizes_are_there_before_anything_is_trained(engine, monkeypatch):
    monkeypatch.setattr(engine, "request", lambda *_, **__: Job("students", "0" * 32))
    app = open_page()
    assert not app.exception
    assert "No recommendation yet" in lines(app)[1]
    assert {"Smaller", "Fewer multiply-adds"} <= {one.label for one in app.metric}


def test_the_points_that_may_be_lost_decide_anew_and_train_nothing(engine):
    app = open_page()
    for _ in range(8):
        app.run()
    n_asked = engine.n_asked
    app.number_input(key="maylose").set_value(20.0).run()
    assert not app.exception
    assert engine.n_asked == n_asked
    assert "less than 1 point" not in " ".join(lines(app))


@pytest.mark.parametrize("price", ["0", "=1+1"])
def test_a_price_that_is_none_gets_a_sentence_and_the_picture_stays(engine, price):
    app = open_page(price=price)
    for _ in range(8):
        app.run()
    assert not app.exception
    said = " ".join(one.value for one in app.warning)
    assert "should be a number above 0" in said.replace("\\", "")
    assert price in said.replace("\\", "")
    measured = next(one.value for one in app.dataframe if "cases a second" in one.value)
    assert measured["price of a million"].isna().all()
