"""Ranges of long vectors."""

import importlib

import pytest
import torch

from glstylenet.numerics.chunks import CACHED_ENTRIES, apply_mask, chunk_slices

module = importlib.import_module("glstylenet.numerics.chunks")


def test_chunks_cover_every_entry_once(monkeypatch: pytest.MonkeyPatch) -> None:
    entries = torch.zeros(100_000)
    for part in chunk_slices(entries, 21):
        assert len(entries[part]) * 21 <= CACHED_ENTRIES
        entries[part] += 1
    assert bool((entries == 1).all())
    monkeypatch.setattr(module, "chunk_length", lambda _device, _rows: 7)
    assert [len(entries[:17][part]) for part in chunk_slices(entries[:17])] == [7, 7, 3]


def test_a_mask_leaves_what_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "chunk_length", lambda _device, _rows: 5)
    generator = torch.Generator().manual_seed(1)
    before, free = torch.randn(3, 11, generator=generator), torch.rand(33, generator=generator) < 0.6
    vector = before.clone()
    apply_mask(vector, free)
    assert torch.equal(vector.flatten(), torch.where(free, before.flatten(), 0.0))
    apply_mask(vector, None)
    assert torch.equal(vector.flatten(), torch.where(free, before.flatten(), 0.0))
