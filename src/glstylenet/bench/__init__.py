"""Bench: how fast and how frugal the program is, as ratios taken inside one run on one machine.

A module for each figure (``overhead``, ``speedup``, ``schemes``, ``scaling``), the method as the paper has it
(``literal``), and what they share. Definitions and how to read them: ``docs/bench.md``.
"""
