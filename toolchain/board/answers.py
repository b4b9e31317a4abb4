"""What a chip answered, beside what it should have: sentences for people."""

from __future__ import annotations

import numpy as np

from toolchain.board.link import Answer
from toolchain.board.subject import Subject


def difference(subject: Subject, sample: np.ndarray, answer: Answer) -> str | None:
    """``None`` if the answer to a raw sample is the integer reference's byte for byte, else what is different."""
    outputs, classes = subject.reference(sample[None])
    return differs(outputs[0], int(classes[0]), answer)


def differs(outputs: np.ndarray, class_: int, answer: Answer) -> str | None:
    """The same for known reference outputs (uint8) and class."""
    found = np.frombuffer(answer.outputs, np.uint8)
    if np.array_equal(outputs, found) and class_ == answer.class_:
        return None
    return (
        f"the chip does not compute what the integer reference does: outputs {outputs.tolist()} and class {class_} "
        "are right, "
        f"it answered {found.tolist()} and class {answer.class_}; this is a defect of the compiler or of the chip, "
        "please report it"
    )


def sentence(subject: Subject, index: int, answer: Answer) -> str:
    """Label, answer and time of one test sample."""
    time = duration(subject, answer)
    if subject.graph.decision == "none":
        values = subject.graph.output.real(np.frombuffer(answer.outputs, subject.graph.output.dtype))
        return (
            f"test sample {index}: target {subject.labels[index]}, the chip says {np.round(values, 4).tolist()} {time}"
        )
    label = int(np.asarray(subject.labels[index]).reshape(-1)[0])
    verdict = "right" if label == answer.class_ else "wrong"
    said = f"label {subject.show(label)}, the chip says {subject.show(answer.class_)} ({verdict})"
    return f"test sample {index}: {said} {time}"


def duration(subject: Subject, answer: Answer) -> str:
    """How long the chip took."""
    milliseconds = 1000 * answer.cycles / subject.clock
    return f"in {milliseconds:.2f} ms ({answer.cycles:,} cycles at {subject.clock / 1e6:g} MHz)"
