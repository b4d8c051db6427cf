"""What a learner moves. The figure that stands above each widget is its static form."""

from coursekit.widgets.calibration import temperature_slider
from coursekit.widgets.explore import explore

__all__ = ["explore", "temperature_slider"]
