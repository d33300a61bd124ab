"""The compiled loops: hashing columns, learning, scoring, tallying, reading requests. C inside, NumPy outside.

The other modules bind one C file of this folder each (``build`` compiles them, ``library`` loads what it made) and
check whatever the C takes for granted: types, shapes, contiguity. Nothing here knows what a model or a schema is;
``service.core`` does. While a kernel runs, other threads run too.
"""
