r"""Many comparisons: which of several groups differ, when some would do so by chance alone.

Of twenty groups that are all alike, one is expected to have a p-value below 0.05. To say "these
groups differ" with a chance of at most 5 % to be wrong about *any* of them, Holm's method compares
the smallest of m p-values with 0.05 / m, the next with 0.05 / (m - 1), and stops at the first that
fails. As adjusted p-values, in rising order:

$$\tilde p_{(i)} = \max_{j \le i} \min\bigl(1, (m - j + 1) \, p_{(j)}\bigr).$$

For the milder promise that few of the *findings* are false, SciPy has Benjamini and Hochberg's
method: `scipy.stats.false_discovery_control`.
"""

from __future__ import annotations

import torch
from torch import Tensor

from coursekit.calibration._validation import ArrayLike, as_generator, as_n_draws, to_tensor


def holm_adjusted(p_values: ArrayLike) -> Tensor:
    """Return Holm's adjusted p-values `(m,)`: those at most 0.05 hold together at that level.

    The tests may depend on each other in any way.

    Args:
        p_values: One for each comparison `(m,)`.

    Raises:
        ValueError: If there is none, or one lies outside [0, 1].
        TypeError: If they are not numbers.

    Reference:
        S. Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of
        Statistics 6, 1979.

    Example:
        >>> holm_adjusted([0.01, 0.04, 0.03]).tolist()
        [0.03, 0.06, 0.06]
    """
    p = to_tensor(p_values, "p_values").double()
    if p.ndim != 1 or len(p) == 0:
        raise ValueError(f"p_values must have shape (m,), not empty, found {tuple(p.shape)}")
    if not ((p >= 0) & (p <= 1)).all():
        raise ValueError("p_values must lie in [0, 1], found values outside or NaN")
    order = p.argsort()
    factors = torch.arange(len(p), 0, -1, dtype=torch.float64, device=p.device)
    adjusted = torch.empty_like(p)
    adjusted[order] = (factors * p[order]).clamp(max=1).cummax(dim=0).values
    return adjusted


def group_p_values(
    values: ArrayLike, members: ArrayLike, n_permutations: int = 2000, seed: int = 0
) -> Tensor:
    """Test for each group whether its mean differs from the mean of all others.

    The values are dealt out to the members anew, many times; the p-value is the share of the deals
    (with the real one among them) in which the difference is at least as large, in either
    direction. Exact if the values of a group are exchangeable with the others'.

    Args:
        values: One for each item `(N,)`, such as confidence minus correctness.
        members: Which items belong to each group `(G, N)`, bool; groups may overlap.
        n_permutations: Number of deals.
        seed: Seed of the deals.

    Returns:
        P-values `(G,)`, in (0, 1], not corrected for their number: see `holm_adjusted`.

    Raises:
        ValueError: If shapes do not fit, a value is not finite, or a group has no item or all.
        TypeError: If an argument does not hold numbers.

    Reference:
        R. A. Fisher, "The Design of Experiments", 1935; P. I. Good, "Permutation, Parametric and
        Bootstrap Tests of Hypotheses", 2005.

    Example:
        >>> values = [1.0] * 10 + [0.0] * 10
        >>> members = [[True] * 10 + [False] * 10, [True, False] * 10]
        >>> p = group_p_values(values, members, n_permutations=999)
        >>> p[0].item() < 0.01 < 0.5 < p[1].item()
        True
    """
    n_permutations = as_n_draws(n_permutations, "n_permutations")
    values, members = to_tensor(values, "values").double(), to_tensor(members, "members")
    if values.ndim != 1 or members.ndim != 2 or members.shape[1] != len(values):
        raise ValueError(
            "values must have shape (N,) and members (G, N), found "
            f"{tuple(values.shape)} and {tuple(members.shape)}"
        )
    if not values.isfinite().all():
        raise ValueError("values must be finite, found NaN or infinity")
    inside = members.bool().double()
    n, size = len(values), inside.sum(dim=1)
    if not ((size > 0) & (size < n)).all():
        raise ValueError(
            f"each group must have between 1 and {n - 1} of the {n} items, found "
            f"{size.long().tolist()}"
        )
    # Mean inside minus mean outside, as one weight for each item.
    weights = inside / size[:, None] - (1 - inside) / (n - size)[:, None]
    observed = (weights @ values).abs()
    generator = as_generator(seed)
    dealt = torch.rand(n_permutations, n, generator=generator).argsort(dim=1).to(values.device)
    differences = (values[dealt] @ weights.T).abs()
    # Equal differences may differ by rounding; counting them as larger keeps the level.
    as_large = (differences >= observed - 1e-12).sum(dim=0)
    return (1 + as_large) / (1 + n_permutations)
