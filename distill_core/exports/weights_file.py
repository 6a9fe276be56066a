"""A student as safetensors, with a description that needs no program to be read."""

import json
from typing import Any

from safetensors.numpy import load, save

from distill_core.exports.model import ExportedModel
from distill_core.store import savable


def safetensors_file(model: ExportedModel) -> bytes:
    """Return all numbers as a safetensors file; its metadata holds the card as `spec`."""
    text = json.dumps(model.card, sort_keys=True, ensure_ascii=True)
    return save(savable(model.arrays), {"spec": text})


def card_file(model: ExportedModel) -> bytes:
    """Return the card as JSON: what goes in, what comes out, how it was trained."""
    return (json.dumps(model.card, indent=2, ensure_ascii=True) + "\n").encode()


def read_safetensors(data: bytes) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return card and arrays of a safetensors file."""
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    return json.loads(header["__metadata__"]["spec"]), load(data)
