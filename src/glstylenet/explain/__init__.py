"""Explain: what painted what in a result, where its loss comes from, and how the run came down.

Numbers first (``correspondence``, ``class_losses``, ``curve``), gathered by ``explanation``; then their
pictures (``colour_code``, ``panels``, ``charts``), the ``page`` and the ``folder`` that holds all.
How to read them: ``docs/explain.md``.
"""
