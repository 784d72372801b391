"""Metrics: what can be said of a result in numbers that the optimiser did not minimise.

A module for each question (``structure``, ``texture``, ``plausibility``, ``colour``, ``leaks``,
``sharpness``, ``lines``), what they share (``features``, ``wasserstein``, ``luminance``), the list of all
(``catalogue``) and the entry, :func:`evaluate_picture`. What each can and cannot tell: ``docs/metrics.md``.
"""

from glstylenet.metrics.catalogue import METRICS, Metric
from glstylenet.metrics.evaluation import ClassMetrics, Metrics, evaluate_picture

__all__ = ["METRICS", "ClassMetrics", "Metric", "Metrics", "evaluate_picture"]
