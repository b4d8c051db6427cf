"""How a token is shown: as letters that can be seen, on a tint that they can be read on."""

from __future__ import annotations

#: Light tints of five of the course's colours: black letters stay easy to read on them.
TINTS = ("#CCE3F0", "#FBEBCC", "#CCECE3", "#F5E4ED", "#F7DFCC")


def visible(token: bytes) -> str:
    r"""Show a token as text: `␣` for a space, `⏎` for a new line, `\xe5` for a part of a letter.

    Raises:
        TypeError: If the token is not a byte string.
    """
    if not isinstance(token, bytes):
        raise TypeError(f"token must be bytes, as ByteLevelBPE.tokens gives, found {token!r:.40}")
    text = token.decode(errors="backslashreplace").replace(" ", "␣").replace("\n", "⏎")
    return "".join(char if char.isprintable() else f"\\x{ord(char):02x}" for char in text)
