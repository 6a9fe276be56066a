"""The answers of the studies in words: numbers in, sentences out, nothing else.

A sentence claims only what an interval shows; what is within noise, or has no interval, is
said to be so. An answer has at most two sentences, and notes that qualify it.
"""

from distill_core.studies.answers.cells import softness
from distill_core.studies.answers.deploy import (
    ask,
    format_bytes,
    name_model,
    recommend,
    say_how_sure,
    say_loss,
    say_safe,
    worth,
)
from distill_core.studies.answers.repeats import ledger, stability, uncertainty, variance
from distill_core.studies.answers.rows import compare_chances
from distill_core.studies.answers.widths import capacity
