"""Views that run in the browser, each with its Python side: live view, charts, tour."""
