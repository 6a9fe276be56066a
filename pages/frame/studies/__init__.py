"""How a study is run on a page and how its results are drawn."""
