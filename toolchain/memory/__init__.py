"""Memory: what an image takes (sections, symbols, worst-case stack), what a chip has, what a manifest will need."""
