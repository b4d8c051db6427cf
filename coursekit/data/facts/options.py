"""The options of a question: the answer among wrong ones, in an order that tells nothing."""

from coursekit.data.ordering import hash_order


def mixed_options(
    what: str, answer: str, wrong: list[str], seed: int, key: str
) -> tuple[tuple[str, ...], int]:
    """Return the options in an order of chance, and the index of the answer among them."""
    options = tuple(hash_order([answer, *wrong], f"order of {what}", seed, key))
    return options, options.index(answer)


def check_n_options(n_options: int, most: int, because: str) -> None:
    """Raise ValueError unless there are 2 to `most` options."""
    if not 2 <= n_options <= most:
        raise ValueError(f"n_options is {n_options}; expected 2 to {most}, {because}")
