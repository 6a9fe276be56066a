"""Widgets bound to the address: what a visitor sets, and how it becomes a spec."""
