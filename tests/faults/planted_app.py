"""The whole server of `app.py`, and an address under which a table is put as if uploaded."""

import numpy as np
import streamlit as st
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from app import MIDDLEWARE, ROUTES, SCRIPT, lifespan
from distill_core import uploads
from distill_core.data.datasets import Table
from distill_core.data.tables import Prepared
from distill_core.jobs import evaluate_picture
from distill_core.specs import EnsembleSpec, PictureSpec, ProblemSpec, StudentSpec
from pages.frame.server import service, upload_expiry
from pages.frame.server.visitors import Visitor
from tests.faults.planted import SECRET, WORD


def _plant(_):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(80, 3)).astype(np.float32)
    X[:, 2] = SECRET + X[:, 2]
    X[::7, 1] = SECRET
    table = Table(X, np.arange(80) % 2, (WORD, "b", "c"), ("yes", "no"))
    dataset = uploads.keep(service.store(), Prepared(table, ()), "owner", service.sign_in())
    visitor = Visitor("they")
    visitor.table = dataset
    upload_expiry._watched.add(visitor)
    ensemble = EnsembleSpec(problem=ProblemSpec(dataset=dataset), n_members=1, hidden=(8,))
    picture = PictureSpec(student=StudentSpec(ensemble=ensemble, width=4))
    service.engine().wait_ready(60)
    visitor.request(evaluate_picture, picture)
    return PlainTextResponse(dataset.table)


app = st.App(
    SCRIPT, lifespan=lifespan, routes=[Route("/plant", _plant), *ROUTES], middleware=MIDDLEWARE
)
