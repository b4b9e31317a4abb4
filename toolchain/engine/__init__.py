"""Where the commands of a build run: on this machine, in processes of their own or forked from warm ones, or elsewhere.

Like ``toolchain.graph`` this belongs to SCons's side: at import nothing here needs numpy, TensorFlow or Dask.
"""
