"""What is measured: one model or two, groups of models, boundaries, and what seeds allow to say.

Everything here takes arrays and returns arrays or numbers; nothing here knows a network.
"""
