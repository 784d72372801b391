"""The modes of PyTorch and NumPy around a call: none changes a number, and all are as before afterwards."""

import contextlib
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import numpy as np
import pytest
import torch

from glstylenet.errors import GLStyleNetError
from glstylenet.explain import LossCurve, explain
from glstylenet.machine import default_modes
from glstylenet.metrics import evaluate_picture
from glstylenet.run import Result, picture_losses, plan_run, stylize
from glstylenet.settings import Settings
from tests.stripes import Picture, content, style

__all__ = ["content", "style"]  # fixtures

Modes = dict[str, object]

SETTINGS = Settings(iterations=3, init="noise", device="cpu", precision="float32")


@contextlib.contextmanager
def _default_dtype() -> Iterator[None]:
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


@contextlib.contextmanager
def _deterministic() -> Iterator[None]:
    torch.use_deterministic_algorithms(True, warn_only=True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(False)


SURROUNDINGS: dict[str, Callable[[], AbstractContextManager[object]]] = {
    "autocast": lambda: torch.autocast("cpu", dtype=torch.bfloat16),
    "inference mode": torch.inference_mode,
    "no gradients": torch.no_grad,
    "gradients": torch.enable_grad,
    "default device": lambda: torch.device("meta"),
    "default type": _default_dtype,
    "deterministic": _deterministic,
    "NumPy's errors": lambda: np.errstate(all="raise"),
}


def _modes() -> Modes:
    """All modes, as the caller of the library finds them."""
    return {
        "autocast": (torch.is_autocast_enabled("cpu"), torch.get_autocast_dtype("cpu")),
        "inference": torch.is_inference_mode_enabled(),
        "gradients": torch.is_grad_enabled(),
        "device": torch.get_default_device(),
        "dtype": torch.get_default_dtype(),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "warn only": torch.is_deterministic_algorithms_warn_only_enabled(),
        "errors": np.geterr(),
    }


def _paint(content: Picture, style: Picture) -> Result:
    return stylize(content, style, settings=SETTINGS)


@pytest.fixture(scope="module")
def plain(content: Picture, style: Picture) -> Result:
    return _paint(content, style)


@pytest.mark.long
@pytest.mark.parametrize("name", SURROUNDINGS)
def test_a_run_computes_the_same_numbers(name: str, plain: Result, content: Picture, style: Picture) -> None:
    with SURROUNDINGS[name]():
        before = _modes()
        result = _paint(content, style)
        after = _modes()
    assert torch.equal(result.pixels, plain.pixels)
    assert result.losses == plain.losses
    assert after == before


@contextlib.contextmanager
def _all_at_once() -> Iterator[None]:
    with contextlib.ExitStack() as stack:
        for surroundings in SURROUNDINGS.values():
            stack.enter_context(surroundings())
        yield


@pytest.mark.long
def test_so_does_every_other_entry(plain: Result, content: Picture, style: Picture) -> None:
    pytest.importorskip("skimage")

    def measure() -> list[object]:
        explanation = explain(plain, LossCurve())
        return [
            picture_losses(content, content, style, settings=SETTINGS),
            evaluate_picture(content, content, style, settings=SETTINGS),
            plan_run(content, style, settings=SETTINGS).scales,
            explanation.as_dict(),
        ]

    expected = measure()
    with _all_at_once():
        before = _modes()
        found = measure()
        after = _modes()
    assert found == expected
    assert after == before


def test_an_error_leaves_the_modes_as_they_were(content: Picture) -> None:
    with _all_at_once():
        before = _modes()
        with pytest.raises(GLStyleNetError):
            stylize(content, content[:8, :8])
        assert _modes() == before


def test_threads_that_overlap_restore_the_modes_once() -> None:
    """The first to enter is the first to leave: the other still computes in the default type."""
    entered, leave = threading.Event(), threading.Event()
    inside: list[torch.dtype] = []

    def work() -> None:
        with default_modes():
            entered.set()
            leave.wait(10)
            inside.append(torch.get_default_dtype())

    with _default_dtype():
        thread = threading.Thread(target=work)
        with default_modes():
            thread.start()
            assert entered.wait(10)
        leave.set()
        thread.join()
        assert inside == [torch.float32]
        assert torch.get_default_dtype() == torch.float64
