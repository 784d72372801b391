"""The fuzzer: damaged files of every kind that the program reads, and what must come of them.

- ``mutators``: damage bytes, JSON and TOML, reproducibly.
- ``checkpoints``: reads and writes checkpoints by hand, with a valid checksum.
- ``subjects``: draws whole files of every kind and says what reads each.
- ``campaign``: reads mutants and collects what must not be.

``python -m tests.fuzz`` runs for as long as one likes; ``tests/test_fuzz.py`` runs a few hundred mutants.
"""
