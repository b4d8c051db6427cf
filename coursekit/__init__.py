"""`coursekit`: the small package behind the course on large language model calibration.

Importing it costs almost nothing: PyTorch is loaded only when a part that needs it is imported.
"""

from __future__ import annotations

from coursekit.lesson import expect, predict

__all__ = ["expect", "predict"]
__version__ = "0.2.0"
