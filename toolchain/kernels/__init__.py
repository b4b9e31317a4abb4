"""The kernels that code generation chooses from: one file a strategy, each with its cost and the C that calls it.

The C and assembly themselves lie in ``firmware/kernels``. A kernel never computes anything but what the operator's
integer reference computes, to the bit.
"""
