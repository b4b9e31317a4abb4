"""What the SCons tools need to know to put nodes on the graph: options, imports, compilers, freshness, processes.

Nothing here imports numpy or TensorFlow: it runs at the start of every build, one with nothing to do included.
"""
