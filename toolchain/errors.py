"""The exceptions that a person who wrote a manifest may see. Each becomes one message and exit status 2."""

from __future__ import annotations


class GoldcrestError(Exception):
    """Something the user can mend. ``str(error)`` is the whole message: what, what was expected, the remedy.

    ``key_path`` is the value of the manifest that is at fault, where a stage knows it: ``("input", "shape")``. Whoever
    runs the stage says it beside its line (``toolchain.manifest.pointing``).
    """

    key_path: tuple[str | int, ...] = ()


class ManifestError(GoldcrestError):
    """A manifest that cannot be built; the message holds every diagnostic (see ``toolchain.manifest.diagnostics``)."""


class LayerError(GoldcrestError):
    """A layer that cannot be what its options or its place ask for.

    ``option`` names the manifest key at fault (``None``: the layer as a whole), so that the reader of the manifest can
    put the message beside its line.
    """

    def __init__(self, message: str, option: str | None = None) -> None:
        super().__init__(message)
        self.option = option


class RefusedLayer(GoldcrestError):
    """A layer that cannot be done exactly: its name, why and what to do, and the manifest's option at fault."""

    def __init__(self, layer: str, error: LayerError) -> None:
        super().__init__(f"layer {layer}: {error}")
        self.layer, self.reason, self.option = layer, str(error), error.option


class DataError(GoldcrestError):
    """A data set that is missing, torn, wrong, or does not go with the network."""


class BudgetError(GoldcrestError):
    """An image that needs more memory than the manifest grants."""


class BoardError(GoldcrestError):
    """A board, port or programmer that does not answer as it must."""


class ToolError(GoldcrestError):
    """An external program (compiler, npm, programmer) that is missing or failed."""
