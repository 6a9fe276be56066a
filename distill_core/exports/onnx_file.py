"""A student as an ONNX graph: raw columns in, class probabilities out.

The graph is put together by hand: a dozen nodes, where an exporter would need a package of its
own and know nothing of what stands before the network.
"""

import importlib
import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from distill_core.exports.model import Check, ExportedModel, ExportError, check

# Versions of the two operator sets and of the format: old enough for runtimes of 2022.
OPSET, ML_OPSET, IR_VERSION = 17, 3, 8
_MISSING_PACKAGE = (
    "The ONNX export needs the package onnx, which is not installed here: `pip install onnx`. "
    "The Python file and the safetensors file need no other package."
)


def onnx_file(model: ExportedModel) -> bytes:
    """Return the model as ONNX.

    Inputs are `features` (batch, n), float64, the columns of numbers in order, and `categories`
    (batch, m), strings, the others; one that would be empty is left out. Outputs are
    `probabilities` (batch, n_classes), float32, and `label` (batch,), int64. The metadata hold
    the card as `spec`.

    Raises
    ------
    ExportError
        When the package onnx is not installed.
    """
    try:
        onnx = importlib.import_module("onnx")
    except ImportError:
        raise ExportError(_MISSING_PACKAGE) from None
    graph = _Graph(onnx)
    seen = _add_encoding(graph, model)
    if "basis" in model.arrays:
        moved = graph.add("Sub", seen, graph.constant("origin", model.arrays["origin"]))
        seen = graph.add("MatMul", moved, graph.constant("basis", model.arrays["basis"].T))
    a = graph.add("Cast", seen, to=onnx.TensorProto.FLOAT)
    n_layers = len(model.card["layers"]) - 1
    for level in range(n_layers):
        weight, bias = (
            graph.constant(f"{name}{level}", model.arrays[f"{name}{level}"])
            for name in ("weight", "bias")
        )
        a = graph.add("Add", graph.add("MatMul", a, weight), bias)
        if level < n_layers - 1:
            a = graph.add("Relu", a)
    proba = graph.add("Softmax", a, axis=1, output="probabilities")
    graph.add("ArgMax", proba, axis=1, keepdims=0, output="label")
    return graph.save(model)


def check_onnx(model: ExportedModel, data: bytes) -> tuple[Check, str]:
    """Run the ONNX file on raw test rows; return the check and what has run it.

    onnxruntime where it is installed, otherwise onnx's own slow reference.
    """
    runner: Any
    try:
        runtime = importlib.import_module("onnxruntime")
        name = f"onnxruntime {runtime.__version__}"
        runner = runtime.InferenceSession(data, providers=["CPUExecutionProvider"])
    except ImportError:
        reference = importlib.import_module("onnx.reference")
        name = "onnx's reference"
        onnx = importlib.import_module("onnx")
        runner = reference.ReferenceEvaluator(onnx.load_from_string(data))

    def predict(rows: list[list[Any]]) -> NDArray[Any]:
        return runner.run(["probabilities"], split_rows(model, rows))[0]

    return check(model, predict), name


def split_rows(model: ExportedModel, rows: list[list[Any]]) -> dict[str, NDArray[Any]]:
    """Return raw rows as the inputs of the ONNX file, by name."""
    are_words = [column["categories"] is not None for column in model.card["columns"]]
    numbers = [
        [v for v, is_word in zip(row, are_words, strict=True) if not is_word] for row in rows
    ]
    words = [[v for v, is_word in zip(row, are_words, strict=True) if is_word] for row in rows]
    inputs: dict[str, NDArray[Any]] = {}
    if not all(are_words):
        inputs["features"] = np.array(numbers, dtype=np.float64)
    if any(are_words):
        texts = [["" if word is None else str(word) for word in row] for row in words]
        inputs["categories"] = np.array(texts, dtype=object)
    return inputs


class _Graph:
    """Nodes and constants of an ONNX graph as they are added."""

    def __init__(self, onnx: Any) -> None:
        self.onnx = onnx
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self.inputs: list[Any] = []

    def constant(self, name: str, array: NDArray[Any]) -> str:
        self.constants.append(self.onnx.numpy_helper.from_array(np.asarray(array, order="C"), name))
        return name

    def add_input(self, name: str, kind: int, width: int) -> str:
        make = self.onnx.helper.make_tensor_value_info
        self.inputs.append(make(name, kind, ["batch", width]))
        return name

    def add(self, kind: str, *inputs: str, output: str = "", **attributes: Any) -> str:
        output = output or f"{kind.lower()}_{len(self.nodes)}"
        make = self.onnx.helper.make_node
        self.nodes.append(make(kind, list(inputs), [output], **attributes))
        return output

    def save(self, model: ExportedModel) -> bytes:
        helper, kinds = self.onnx.helper, self.onnx.TensorProto
        n_classes = len(model.card["classes"])
        outputs = [
            helper.make_tensor_value_info("probabilities", kinds.FLOAT, ["batch", n_classes]),
            helper.make_tensor_value_info("label", kinds.INT64, ["batch"]),
        ]
        graph = helper.make_graph(self.nodes, "student", self.inputs, outputs, self.constants)
        opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid("ai.onnx.ml", ML_OPSET)]
        made = helper.make_model(
            graph,
            opset_imports=opsets,
            ir_version=IR_VERSION,
            producer_name="distillation-playground",
        )
        text = json.dumps(model.card, sort_keys=True, ensure_ascii=True)
        helper.set_model_props(made, {"spec": text})
        self.onnx.checker.check_model(made)
        data: bytes = made.SerializeToString()
        return data


def _add_encoding(graph: _Graph, model: ExportedModel) -> str:
    """Add what makes standardised features (batch, d), float64, of the raw columns."""
    columns, features = model.card["columns"], model.card["features"]
    centre, spread = model.arrays["centre"], model.arrays["spread"]
    kinds = graph.onnx.TensorProto
    number_columns = [i for i, column in enumerate(columns) if column["categories"] is None]
    word_columns = [i for i, column in enumerate(columns) if column["categories"] is not None]
    parts: list[str] = []
    # Which feature stands where in the parts, one after the other.
    order: list[int] = []
    if number_columns:
        raw = graph.add_input("features", kinds.DOUBLE, len(number_columns))
        mine = [j for j, f in enumerate(features) if f["category"] is None]
        if mine:
            where = np.array([number_columns.index(features[j]["column"]) for j in mine])
            picked = graph.add("Gather", raw, graph.constant("numbers", where), axis=1)
            moved = graph.add("Sub", picked, graph.constant("centre", centre[mine]))
            scaled = graph.add("Div", moved, graph.constant("spread", spread[mine]))
            # What is missing or infinite counts as the mean.
            is_missing = graph.add("IsNaN", graph.add("Sub", scaled, scaled))
            zero = graph.constant("zero", np.zeros(1))
            parts.append(graph.add("Where", is_missing, zero, scaled))
            order += mine
    if word_columns:
        raw = graph.add_input("categories", kinds.STRING, len(word_columns))
        for place, column in enumerate(word_columns):
            mine = [j for j, f in enumerate(features) if f["column"] == column]
            if not mine:
                continue
            words = columns[column]["categories"]
            cell = graph.add(
                "Gather", raw, graph.constant(f"column_{column}", np.array(place)), axis=1
            )
            code = graph.add(
                "LabelEncoder",
                cell,
                domain="ai.onnx.ml",
                keys_strings=words,
                values_int64s=list(range(len(words))),
                default_int64=len(words),
            )
            # One row for each word, and zeros, the mean, for what is missing or unknown.
            table = np.array([[float(w == features[j]["category"]) for j in mine] for w in words])
            table = np.vstack([(table - centre[mine]) / spread[mine], np.zeros(len(mine))])
            parts.append(graph.add("Gather", graph.constant(f"words_{column}", table), code))
            order += mine
    joined = parts[0] if len(parts) == 1 else graph.add("Concat", *parts, axis=1)
    if order == sorted(order):
        return joined
    back = np.argsort(order)
    return graph.add("Gather", joined, graph.constant("order", back), axis=1)
