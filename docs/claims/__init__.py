"""The ledger of claims: what the course concludes, what would refute it, and how often it held.

A chapter's module (`self_attention.py` for notebook 03) holds its claims: each in one sentence,
with the words of the notebook where it stands, and with the *variations* under which it was tried,
one change at a time. `python -m docs.claims 03` tries them again.
"""
