"""The memory that proposing maps takes: predicted, told, and refused before anything is computed."""

import numpy as np
import pytest

from benchmarks.memory import measure_proposal
from glstylenet.errors import MemoryLimitError
from glstylenet.machine import Device, choose_device
from glstylenet.memory.proposals import ProposalEstimate
from glstylenet.run import inputs
from glstylenet.run.inputs import read_sources
from glstylenet.run.memory_budget import plan_proposals
from glstylenet.run.preparation import Preparation, prepare
from glstylenet.settings.model import Settings

MIB = 2**20
PLAIN = np.full((48, 64, 3), 90, np.uint8)  # one colour: nothing is computed to propose one class
AUTO = Settings(maps="auto", device="cpu", precision="float32")


def _prepared(settings: Settings) -> Preparation:
    return prepare(PLAIN, PLAIN, None, None, settings)


@pytest.mark.parametrize("maps", ["auto", "portrait"])
def test_too_little_memory_is_refused_before_maps_are_proposed(
    maps: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_arguments: object, **_options: object) -> None:
        raise AssertionError("maps were proposed")

    monkeypatch.setattr(inputs, "propose_maps", never)
    monkeypatch.setattr(inputs, "propose_portrait_maps", never)
    with pytest.raises(MemoryLimitError, match="proposing maps needs about 890 MiB, and the run may use 800"):
        _prepared(AUTO.replace(maps=maps, memory="800MiB"))


def test_a_run_tells_what_its_proposals_need() -> None:
    given, proposed = (_prepared(AUTO.replace(maps=maps)) for maps in ("given", "auto"))
    assert given.proposal_bytes == 0
    assert given.started().memory_bytes < 890 * MIB
    assert proposed.started().memory_bytes == proposed.proposal_bytes == pytest.approx(890 * MIB, rel=0.01)
    assert max(each.plan.needed_bytes for each in proposed.scales) < proposed.proposal_bytes


def test_a_painting_that_needs_more_than_its_proposals_tells_that() -> None:
    prepared = _prepared(AUTO)
    large = max(each.plan.needed_bytes for each in prepared.scales)
    assert Preparation(**{**vars(prepared), "proposal_bytes": large - 1}).started().memory_bytes == large


def test_every_style_and_class_counts() -> None:
    size = (4000, 3000)
    base = ProposalEstimate(0, (size, size), 6).needed_bytes
    assert ProposalEstimate(0, (size, size), 7).needed_bytes - base == 5 * 2 * 12_000_000
    assert ProposalEstimate(0, (size, size, size), 6).needed_bytes - base == (34 + 30) * 12_000_000
    small = ProposalEstimate(0, ((40, 30), (40, 30)), 6)
    assert ProposalEstimate(100 * MIB, small.sizes, 6).needed_bytes - small.needed_bytes == 142 * MIB


def test_the_memory_of_a_gpu_is_not_that_of_proposals() -> None:
    sources = read_sources(PLAIN, PLAIN, content_map=None, style_map=None, settings=AUTO)
    cpu = choose_device("cpu", "float32")
    assert plan_proposals(sources, AUTO, cpu, 2**40) > 0
    gpu = Device(cpu.torch_device.__class__("cuda"), "float32")
    assert plan_proposals(sources, AUTO, gpu, 1) == 0


@pytest.mark.long
@pytest.mark.parametrize(("maps", "classes"), [("auto", 0), ("auto", 40), ("portrait", 0)])
def test_a_process_stays_within_the_prediction(maps: str, classes: int) -> None:
    peak, planned = measure_proposal(300, maps, classes)
    assert peak < planned < (2.2 if maps == "portrait" else 1.5) * peak
