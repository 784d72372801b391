"""Explanations: which style position each position of a result was matched with, and what each term adds.

- ``explanation``: collects everything that explains one result.
- ``correspondence``: finds the style patch of every patch of the result.
- ``joined_styles``: puts several styles side by side.
- ``class_losses``: divides the loss terms among the map classes.
- ``curve``: records the losses of a run from its events.
- ``colour_code``: turns positions into colours.
- ``charts``: draws losses with matplotlib.
- ``panels``: draws matches over the pictures.
- ``page``: writes the page.
- ``folder``: writes all files of an explanation into a folder, or none.
"""

from glstylenet.explain.charts import require_matplotlib
from glstylenet.explain.curve import LossCurve
from glstylenet.explain.explanation import explain
from glstylenet.explain.folder import check_folder, explanation_folder, write_explanation

__all__ = [
    "LossCurve",
    "check_folder",
    "explain",
    "explanation_folder",
    "require_matplotlib",
    "write_explanation",
]
