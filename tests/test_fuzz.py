"""A few hundred damaged files of every kind: each is read, or refused by the error of its kind.

``make fuzz`` runs as many as one likes.
"""

import random
import resource
from pathlib import Path

import pytest

from glstylenet.errors import InputError
from tests.fuzz import campaign
from tests.fuzz.campaign import mutant, run
from tests.fuzz.mutators import BINARY, TEXT
from tests.fuzz.subjects import Subject, draw_subjects

CASES = 60
SEED = 20


@pytest.fixture(scope="module")
def subjects(tmp_path_factory: pytest.TempPathFactory) -> list[Subject]:
    return draw_subjects(tmp_path_factory.mktemp("fuzz") / "wholes")


def test_whole_files_are_read(subjects: list[Subject], tmp_path: Path) -> None:
    """Else damaged ones would be refused for another reason."""
    refused = []
    for subject in subjects:
        for name, data in subject.wholes.items():
            path = tmp_path / (subject.name_in_folder or name)
            path.write_bytes(data)
            try:
                subject.read(path)
            except Exception as error:
                refused.append(f"{subject.kind}, {name}: {error}")
            path.unlink()
    # The weights are parts of a network, and say so.
    assert [line for line in refused if not line.startswith("weights")] == []
    assert all("it is not a VGG-19" in line for line in refused)


def test_damaged_files_are_read_or_refused(subjects: list[Subject]) -> None:
    found = run(subjects, CASES, SEED)
    assert not found, "\n\n".join(
        f"{each.kind} {each.number} of seed {each.seed}: {each.reason}\n{each.trace}" for each in found
    )


# The fuzzer itself


@pytest.mark.parametrize("mutate", [*BINARY, *TEXT], ids=lambda mutate: mutate.__name__)
def test_a_mutator_repeats_itself_and_damages(mutate: object) -> None:
    assert callable(mutate)
    data = b'{"a": 1.5, "b": ["text", -3]}\nseed = 12\n' * 4
    mutants = [mutate(random.Random(number), data) for number in range(20)]
    assert mutants == [mutate(random.Random(number), data) for number in range(20)]
    assert len({mutant for mutant in mutants if mutant != data}) > 5
    for number in range(20):
        assert isinstance(mutate(random.Random(number), b""), bytes)


def _subject(read: object) -> Subject:
    assert callable(read)
    return Subject("toy", {"toy.txt": b"0123456789"}, BINARY, read)


def _raise(error: BaseException) -> None:
    raise error


def _allocate() -> None:
    limit, _hard = resource.getrlimit(resource.RLIMIT_AS)
    bytearray(limit)  # all that may be had: fails even where much was given back since the limit was set


def _wait() -> None:
    while True:
        pass


@pytest.mark.parametrize(
    ("read", "reason"),
    [
        (lambda _path: _raise(ValueError("oops")), "ValueError: oops"),
        (lambda _path: _raise(RecursionError("deep")), "RecursionError: deep"),
        (lambda _path: _raise(InputError("x" * 5000)), "a message of 5000 characters"),
        (lambda _path: _wait(), "more than"),
        (lambda _path: _allocate(), "MemoryError"),
    ],
    ids=["exception", "recursion", "long message", "hang", "memory"],
)
def test_what_must_not_be_is_found(read: object, reason: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if reason == "more than":  # on a busy machine, any other case could take as long
        monkeypatch.setattr(campaign, "SECONDS", 0.2)
    [finding] = run([_subject(read)], 3, 1)  # once for one place in the code
    assert finding.reason.startswith(reason)
    assert mutant(_subject(read), finding.seed, finding.number) == mutant(_subject(read), 1, 0)


@pytest.mark.parametrize("read", [lambda path: path.read_bytes(), lambda _path: _raise(InputError("no"))])
def test_what_may_be_is_not_found(read: object) -> None:
    assert run([_subject(read)], 3, 1) == []
