"""Ranges, scales and integer weights: from a trained float graph to the integer graph that the chip computes."""
