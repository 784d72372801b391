"""A model of the studio's server, and steps of any order against it: what it tells is what the model says.

Painting is replaced by a wait that a step ends, so every state lasts as long as the model wants. Two readers,
the tabs, each keep ids of their own, as the page does.
"""

import itertools
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from glstylenet.errors import GLStyleNetError
from glstylenet.numerics import Interrupted
from glstylenet.studio import runner as runner_module
from glstylenet.studio.job import ROLES
from tests.test_studio import Studio, png

MOST_QUEUED = 3  # of the studio of these tests
ACTIVE = ("queued", "running", "stopping")


class Painting:
    """What stands in for painting: it lasts until the model lets it end, or until it is asked to stop."""

    def __init__(self) -> None:
        self.may_end = threading.Event()

    def __call__(self, *_: object, should_stop: Callable[[], bool], **__: object) -> object:
        while not should_stop():
            if self.may_end.wait(0.005):
                self.may_end.clear()
                raise GLStyleNetError("the model ended it")
        raise Interrupted


class StudioMachine(RuleBasedStateMachine):
    """Upload, paint, run, stop, resume, delete, reopen, a second tab, and a server that comes again."""

    runs = Bundle("runs")
    uploads = Bundle("uploads")

    def __init__(self) -> None:
        super().__init__()
        self._patch = pytest.MonkeyPatch()
        self._painting = Painting()
        self._patch.setattr(runner_module, "stylize", self._painting)
        self._folder = tempfile.TemporaryDirectory()
        self._samples: dict[str, Path] = {}
        for number, role in enumerate(ROLES):
            self._samples[role] = Path(self._folder.name, f"{role}.png")
            self._samples[role].write_bytes(png(number))
        self._seeds = itertools.count(10)
        self.states: dict[str, str] = {}  # of the model, in the order in which they wait
        self.pictures: set[str] = set()
        self.tabs: tuple[list[str], list[str]] = ([], [])

    @initialize()
    def begin(self) -> None:
        self._start()

    def _start(self) -> None:
        self.studio = Studio(Path(self._folder.name, "data"), self._samples)
        self.studio.runner.start()

    def teardown(self) -> None:
        self.studio.runner.close()
        self._patch.undo()
        self._folder.cleanup()

    def _settle(self) -> None:
        """The first that waits begins when nothing runs."""
        if "running" not in self.states.values():
            first = next((name for name, state in self.states.items() if state == "queued"), None)
            if first is not None:
                self.states[first] = "running"
                self.studio.wait(first, "running")

    def _last(self, name: str, state: str) -> None:
        """A run gets another state, and the last place among those that wait."""
        self.states.pop(name, None)
        self.states[name] = state

    @property
    def waiting(self) -> int:
        return list(self.states.values()).count("queued")

    @rule(target=uploads)
    def upload(self) -> str:
        name = str(self.studio.upload(png(next(self._seeds))).json()["id"])
        self.pictures.add(name)
        return name

    @rule(target=runs, content=uploads, style=uploads, tab=st.integers(0, 1))
    def run(self, content: str, style: str, tab: int) -> str:
        answer = self.studio.job(content=content, style=style)
        if self.waiting >= MOST_QUEUED:
            assert answer.status_code == 429
            return ""
        if not {content, style} <= self.pictures:
            assert answer.status_code == 422
            return ""
        assert answer.status_code == 201, answer.text
        name = str(answer.json()["id"])
        self._last(name, "queued")
        self.tabs[tab].append(name)
        self._settle()
        return name

    @rule(name=runs)
    def stop(self, name: str) -> None:
        answer = self.studio.ask("POST", f"/api/jobs/{name or 'none'}/stop")
        assert answer.status_code == (200 if name in self.states else 404)
        if self.states.get(name) in ("queued", "running"):
            self.studio.wait(name, "stopped")
            self.states[name] = "stopped"
            self._settle()

    @precondition(lambda self: "running" in self.states.values())
    @rule()
    def paint(self) -> None:
        """The run that goes on comes to its end."""
        name = next(name for name, state in self.states.items() if state == "running")
        self._painting.may_end.set()
        self.studio.wait(name, "failed")
        self.states[name] = "failed"
        self._settle()

    @rule(name=runs)
    def resume(self, name: str) -> None:
        answer = self.studio.ask("POST", f"/api/jobs/{name or 'none'}/resume")
        if name not in self.states:
            assert answer.status_code == 404
        elif self.states[name] in ACTIVE:
            assert answer.status_code == 200
        elif self.waiting >= MOST_QUEUED:
            assert answer.status_code == 429
        else:
            self._last(name, "queued")
            self._settle()

    @rule(name=runs)
    def delete(self, name: str) -> None:
        answer = self.studio.ask("DELETE", f"/api/jobs/{name or 'none'}")
        assert answer.status_code == (204 if name in self.states else 404)
        if self.states.pop(name, None) is not None:
            self._settle()

    @rule(name=consumes(uploads))
    def delete_picture(self, name: str) -> None:
        answer = self.studio.ask("DELETE", f"/api/pictures/{name}")
        assert answer.status_code == (204 if name in self.pictures else 404)
        self.pictures.discard(name)

    @rule()
    def delete_all(self) -> None:
        assert self.studio.ask("DELETE", "/api/storage").status_code == 204
        self.states.clear()
        self.pictures.clear()

    @rule()
    def server_comes_again(self) -> None:
        """A reload of everything: what did not end waits again, in the order of creation."""
        self.studio.runner.close()
        self._start()
        created = {
            name: self.studio.ask("GET", f"/api/jobs/{name}").json()["created"] for name in self.states
        }
        for name in sorted(created, key=created.__getitem__):
            self._last(name, "queued" if self.states[name] in ACTIVE else self.states[name])
        self._settle()

    @rule(name=runs)
    def reopen(self, name: str) -> None:
        """A run opened by its address has the pictures that it was made from."""
        answer = self.studio.ask("GET", f"/api/jobs/{name or 'none'}")
        assert answer.status_code == (200 if name in self.states else 404)

    @rule(tab=st.integers(0, 1))
    def tab_looks(self, tab: int) -> None:
        listed = self.studio.ask("GET", f"/api/jobs?ids={','.join(self.tabs[tab])}").json()["jobs"]
        assert {job["id"] for job in listed} == set(self.tabs[tab]) & set(self.states)

    @invariant()
    def states_are_those_of_the_model(self) -> None:
        for name, state in self.states.items():
            job: dict[str, Any] = self.studio.ask("GET", f"/api/jobs/{name}").json()
            assert job["state"] == state
        waiting = [name for name, state in self.states.items() if state == "queued"]
        for place, name in enumerate(waiting, 1):
            assert self.studio.ask("GET", f"/api/jobs/{name}").json()["queue_position"] == place

    @invariant()
    def folder_holds_what_there_is(self) -> None:
        told = self.studio.ask("GET", "/api/storage").json()
        assert told["pictures"] == len(self.pictures)


def _check(examples: int, steps: int) -> None:
    run_state_machine_as_test(
        StudioMachine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_a_few_steps_of_any_order() -> None:
    _check(2, 8)


@pytest.mark.long
def test_some_hundred_steps_of_any_order() -> None:
    _check(15, 30)
