"""A student as one Python file that needs nothing but NumPy."""

import base64
import json
from pathlib import Path

from distill_core.exports import predictor
from distill_core.exports.model import ExportedModel

_HEAD = '''\
"""A student network by itself: raw rows in, class probabilities out. Needs Python 3.10 and NumPy.

    import student
    student.predict_proba([{"a column": 1.5, ...}])     # (n, n_classes), as in student.CLASSES

    python student.py rows.csv                          # the same from the command line

What goes in stands under CARD: columns by name, numbers in their own units, categories as words.
"""

'''
_TAIL = """

def _array(dtype: str, shape: list[int], text: str) -> Array:
    return np.frombuffer(base64.b64decode(text), dtype).reshape(shape)


CARD = json.loads(
    # Names below come from the data: they are text, whatever they look like.
{card}
)
_ARRAYS = {{
{arrays}
}}
CLASSES = CARD["classes"]
_STUDENT = Predictor(CARD, _ARRAYS)
predict_proba, predict = _STUDENT.predict_proba, _STUDENT.predict

if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("Usage: python " + sys.argv[0] + " FILE.csv, with a line of column names.")
    try:
        answer_file(_STUDENT, sys.argv[1], sys.stdout)
    except (OSError, ValueError) as error:
        sys.exit(str(error))
"""
# Characters of a line of numbers.
_LINE = 88


def python_file(model: ExportedModel) -> bytes:
    """Return the file: the source of `predictor`, and below it card and numbers as text."""
    source = Path(predictor.__file__).read_text(encoding="utf-8")
    code = source.split('"""', 2)[2].replace("import csv\n", "import base64\nimport csv\n", 1)
    code = code.replace("import csv\n", "import csv\nimport json\nimport sys\n", 1)
    # Each line of the JSON as a Python literal of ASCII letters: nothing in it can end the text.
    lines = json.dumps(model.card, indent=1, ensure_ascii=True).splitlines(keepends=True)
    card = "\n".join(f"    {line!a}" for line in lines)
    arrays = "\n".join(
        f'    "{name}": _array("{array.dtype.str}", {list(array.shape)},\n{_literal(array)}),'
        for name, array in zip(
            model.arrays, map(_little_endian, model.arrays.values()), strict=True
        )
    )
    return (_HEAD + code.lstrip() + _TAIL.format(card=card, arrays=arrays)).encode()


def _little_endian(array: predictor.Array) -> predictor.Array:
    return array.astype(array.dtype.newbyteorder("<"))


def _literal(array: predictor.Array) -> str:
    text = base64.b64encode(array.tobytes()).decode()
    parts = (text[start : start + _LINE] for start in range(0, len(text), _LINE))
    return "\n".join(f'        "{part}"' for part in parts)
