"""Checks of what makes networks small: quantization-aware training, narrow weights, pruning."""

from __future__ import annotations

from toolchain.datasets import registry as datasets
from toolchain.errors import GoldcrestError
from toolchain.manifest import network
from toolchain.manifest.diagnostics import expected
from toolchain.manifest.draft import Draft, Layer
from toolchain.manifest.losses import PROBABILITIES
from toolchain.training.aware_plan import BlockError, blocks
from toolchain.training.options import PRUNED


def narrow_weights(draft: Draft) -> None:
    """Weights of few bits must be learned: rounded afterwards they say little of what was trained."""
    if draft.get("quantization", "training") != "after":
        return
    remedy = "write `quantization.training: aware`"
    coding = draft.get("quantization", "weights")
    if coding not in (None, "int8"):
        draft.report(("quantization", "weights"), f"{coding} weights have to be learned as such", remedy)
    for layer in draft.layers:
        coding = layer.options.get("weights")
        if coding not in (None, "int8"):
            draft.report_layer(layer, f"{coding} weights have to be learned as such", remedy, option="weights")


def aware_scheme(draft: Draft) -> None:
    """Learned integers have a scale for each channel."""
    if draft.get("quantization", "training") == "aware" and draft.get("quantization", "scheme") == "power_of_two":
        message = "`training: aware` learns one scale a channel, and `scheme: power_of_two` has one a layer"
        draft.report(("quantization", "training"), message, "write `scheme: affine` beside it")


def aware_network(draft: Draft) -> None:
    """Every layer must be one whose integers can be learned."""
    if draft.get("quantization", "training") != "aware" or draft.output is None:
        return
    try:
        blocks(network.plan(draft.layers))
    except BlockError as error:
        draft.report_layer(next(layer for layer in draft.layers if layer.name == error.layer), str(error))


def aware_input(draft: Draft) -> None:
    """The bytes that go in have one meaning."""
    if draft.get("quantization", "training") != "aware":
        return
    for key in ("offset", "divide"):
        if isinstance(draft.get("input", key), list):
            message = f"`training: aware` needs one `{key}` for all features"
            draft.report(("input", key), message, "write one number, or `quantization.training: after`")


def distillation(draft: Draft) -> None:
    """Student and teacher are compared by the probabilities they give the classes."""
    loss = draft.get("training", "loss")
    if draft.get("training", "distillation") and loss is not None and loss not in PROBABILITIES:
        note = f"it is for {' and '.join(PROBABILITIES)}"
        draft.report(("training", "distillation"), f"distillation does not go with {loss}", note)


def kept_layers(draft: Draft) -> None:
    """What is kept from pruning must be there and have weights."""
    names = [layer.name for layer in _weighted(draft)]
    for index, name in enumerate(draft.get("pruning", "keep") or ()):
        if draft.layers and name not in names:
            message = f"no layer with weights is called `{name}`"
            draft.report(("pruning", "keep", index), message, *expected(name, names))


def binary_and_pruned(draft: Draft) -> None:
    """A weight that is -1 or 1 cannot be zero."""
    if draft.get("pruning") is None:
        return
    keep = draft.get("pruning", "keep") or ()
    general = draft.get("quantization", "weights")
    for layer in _weighted(draft):
        if layer.name not in keep and (layer.options.get("weights") or general) == "binary":
            message = f"`{layer.name}` has binary weights, -1 and 1, and pruning makes zeros"
            draft.report(("pruning",), message, "use ternary weights, or name the layer in `pruning.keep`")
            return


def nothing_to_prune(draft: Draft) -> None:
    """Pruning that reaches no layer would change nothing, without a word."""
    keep = draft.get("pruning", "keep") or ()
    if draft.get("pruning") is None or not draft.layers or any(layer.name not in keep for layer in _weighted(draft)):
        return
    draft.report(
        ("pruning",), "no layer is pruned", f"layers that can be, unless they are in `keep`: {', '.join(PRUNED)}"
    )


def pruning_steps(draft: Draft) -> None:
    """Pruning ends after it began, and both before the training is over."""
    options, total = draft.get("pruning"), _steps(draft)
    if not isinstance(options, dict) or total is None or "begin" not in options:
        return
    begin, end = options["begin"], options.get("end")
    last = total // 2 if end is None else end
    if end is not None and end >= total:
        draft.report(("pruning", "end"), f"pruning ends at step {end:,}, and the training has {total:,} steps")
    elif last <= begin:
        what = "half of the training" if end is None else f"step {end:,}"
        draft.report(
            ("pruning", "begin"),
            f"pruning begins at step {begin:,} and ends at {what}",
            f"the training has {total:,} steps: {draft.get('training', 'epochs')} epochs",
        )


def one_open_width(draft: Draft) -> None:
    """One width can be found from budgets, or one multiple of all; the last one is the data set's to say."""
    if draft.open_widths and draft.get(network.MULTIPLE) == network.FIT:
        name = draft.open_widths[0][0].name
        draft.report((network.MULTIPLE,), f"`widths: fit` beside a width of `{name}` that is open", "keep one of them")
    last = next((layer for layer in reversed(draft.layers) if set(network.WIDTHS) & layer.options.keys()), None)
    for number, (layer, option) in enumerate(draft.open_widths):
        if layer is last:
            message = f"`{option}: fit` in the layer that puts out the answer"
            draft.report_layer(layer, message, "write how many outputs there are", option=option)
        elif number:
            first = draft.open_widths[0][0].name
            message = f"`{option}: fit` a second time, `{first}` is open as well"
            draft.report_layer(
                layer, message, "one width can be found from the budgets: write the others", option=option
            )


def _weighted(draft: Draft) -> list[Layer]:
    return [layer for layer in draft.layers if layer.kind in PRUNED]


def _steps(draft: Draft) -> int | None:
    """How many batches the training has, None if that cannot be known."""
    options, epochs, batch = draft.get("dataset"), draft.get("training", "epochs"), draft.get("training", "batch")
    wrong = any(problem.key_path[:1] == ("dataset",) for problem in draft.problems)
    if not options or epochs is None or batch is None or wrong:
        return None
    try:
        sizes = datasets.describe(options).sizes
    except GoldcrestError:
        return None
    return None if not sizes else int(epochs * -(-sizes["train"] // batch))


CHECKS = (
    narrow_weights,
    aware_scheme,
    aware_network,
    aware_input,
    distillation,
    kept_layers,
    binary_and_pruned,
    nothing_to_prune,
    pruning_steps,
    one_open_width,
)
