"""What leaves the house: a student as ONNX, safetensors or Python, a report, figures, a bundle.

Everything is made of what `jobs` have stored and `studies` say. Strings of visitors are data in
every format, never code, formula or markup.
"""
