"""A student as safetensors, with a description that needs no program to be read."""

import json

from safetensors.numpy import save

from distill_core.exports.model import ExportedModel
from distill_core.store import savable


def safetensors_file(model: ExportedModel) -> bytes:
    """Return all numbers as a safetensors file; its metadata holds the card as `spec`."""
    text = json.dumps(model.card, sort_keys=True, ensure_ascii=True)
    return save(savable(model.arrays), {"spec": text})


def card_file(model: ExportedModel) -> bytes:
    """Return the card as JSON: what goes in, what comes out, how it was trained."""
    return (json.dumps(model.card, indent=2, ensure_ascii=True) + "\n").encode()
