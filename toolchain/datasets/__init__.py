"""Data sets: one file a data set or file format, found by ``registry``.

A data set knows from its options alone what shape, classes and sizes it has (``describe``), which files of the user's
it reads (``sources``), and loads its samples as the raw values that the chip will see.
"""
