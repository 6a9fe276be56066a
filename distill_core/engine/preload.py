"""What the fork server imports once, so that every worker forked from it starts warm."""

from distill_core.engine.worker import warm_up

warm_up()
