"""Classes that logits such as -1e9 rule out, which no imaginary example should believe in.

Multiple choice with fewer options than columns, and vocabularies with forbidden words, are written
so. An imaginary example that gives such a class its share would cost 1e9 nats, more than all data
together, and the fit would do nothing but lower that price.
"""

from __future__ import annotations

from torch import Tensor

#: ln of the smallest number in float64: below it a probability is 0.
_LOWEST = -745.0
#: A mask lies this many times farther below the top than second choices do.
_FAR = 100.0


def ruled_out(logits: Tensor, labels: Tensor) -> Tensor:
    """Return which entries of the logits `(N, C)` are masks rather than opinions, bool.

    Their probability is 0 in float64, they lie far below the scale of the table, and the label
    is never one.
    """
    below = logits.double() - logits.amax(dim=1, keepdim=True).double()
    second = below.topk(2, dim=1).values[:, 1]
    masked = (below < _LOWEST) & (below < _FAR * second.median())
    return masked.scatter(1, labels[:, None], False)
