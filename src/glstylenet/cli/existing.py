"""Existing results: the jobs of a batch that are done already, so that a batch goes on where it stopped."""

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from glstylenet.cli.jobs import BatchPlan, Job
from glstylenet.errors import GLStyleNetError
from glstylenet.pictures import read_recipe
from glstylenet.run import parse_recipe

__all__ = ["split_existing"]


def split_existing(plan: BatchPlan) -> tuple[BatchPlan, Sequence[Job]]:
    """Return ``plan`` without the jobs whose results exist, with a note for each, and those jobs.

    The best picture of a run that was interrupted, as its recipe tells, is not a result yet: its job stays,
    and replaces it.
    """
    todo: list[Job] = []
    done: list[Job] = []
    for job in plan.jobs:
        if not os.path.lexists(job.output):
            todo.append(job)
        elif _is_unfinished(job.output):
            todo.append(replace(job, replaces=True))
        else:
            done.append(job)
    notes = (f"{job.output}: exists already; skipped" for job in done)
    contents = (
        job.content for job in done if job.content is not None
    )  # named by the call, so not to be lost
    plan = replace(
        plan,
        jobs=tuple(todo),
        notes=(*plan.notes, *notes),
        also_read=(*plan.also_read, *contents),
    )
    return plan, done


def _is_unfinished(picture: Path) -> bool:
    try:
        text = read_recipe(picture)
        return text is not None and parse_recipe(text).interrupted
    except GLStyleNetError:  # no picture, or none of this program's
        return False
