"""The intermediate representation: frozen graphs of float or integer operators, a verifier, and their file format."""
