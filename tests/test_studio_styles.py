"""Several styles in the studio: what may be asked, how it is repeated, and what a restarted server knows."""

import io
import json
import shlex
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from glstylenet.cli import main
from glstylenet.pictures.write import read_recipe
from glstylenet.run.time_estimate import Speed
from glstylenet.studio import time_estimates
from glstylenet.studio.job import ROLES
from glstylenet.studio.setting_schema import MOST_STYLES
from tests.test_studio import Studio, idle, png, samples

__all__ = ["idle", "samples"]  # fixtures

BLACK, RED = "#000000", "#ff0000"


def uploaded(studio: Studio, seed: int) -> str:
    return str(studio.upload(png(seed, (44, 48))).json()["id"])


def map_of_halves(studio: Studio) -> str:
    """A map of an upload: black above, red below."""
    values = np.zeros((44, 48, 3), np.uint8)
    values[22:] = (255, 0, 0)
    buffer = io.BytesIO()
    Image.fromarray(values).save(buffer, "PNG")
    return str(studio.upload(buffer.getvalue()).json()["id"])


def three_styles(studio: Studio) -> dict[str, Any]:
    """A request: the second style has a map, the third has one class of its own."""
    return {
        "content_map": "sample:demo",
        "style_map": "sample:demo",
        "further_styles": [
            {"style": uploaded(studio, 5), "style_map": map_of_halves(studio)},
            {"style": uploaded(studio, 6), "style_map": None},
        ],
        "style_weights": [1, 0.5, 0],
        "regions": {RED: 3},
        "class_names": {RED: "the wall"},
        "settings": {"size": 48, "iterations": 2, "scales": 1},
    }


def test_a_restarted_server_knows_the_styles(
    idle: Studio, samples: Mapping[str, Path], tmp_path: Path
) -> None:
    request = three_styles(idle)
    answer = idle.job(**request)
    assert answer.status_code == 201, answer.text
    found = Studio(tmp_path / "data", samples).ask("GET", f"/api/jobs/{answer.json()['id']}").json()
    assert {key: found[key] for key in request if key != "settings"} == {
        key: value for key, value in request.items() if key != "settings"
    }
    assert found["command"] == (
        "glstylenet stylize content.png style.png -o result.png --content-map content_map.png --style-map "
        "style_map.png --add-style style_2.png --add-style style_3.png --add-style-map style_map_2.png "
        "--add-style-map none --style-weights 1,0.5,0 --region '#ff0000=3' --size 48 "
        "--iterations 2 --scales 1"
    )


@pytest.mark.long
def test_a_restarted_server_paints_from_several_styles_and_the_command_repeats_it(
    idle: Studio, samples: Mapping[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = idle.job(**three_styles(idle)).json()["id"]
    again = Studio(tmp_path / "data", samples)
    again.runner.start()
    done = again.wait(name, "done", "failed")
    again.runner.close()
    assert done["error"] is None
    with zipfile.ZipFile(io.BytesIO(again.ask("GET", f"/api/jobs/{name}/archive.zip").content)) as archive:
        archive.extractall(tmp_path / "elsewhere")
    recipe = json.loads(read_recipe(tmp_path / "elsewhere/result/result.png") or "{}")
    assert [(each["weight"], each["regions"]) for each in recipe["styles"]] == [
        (1.0, []),
        (0.5, []),
        (0.0, [RED]),
    ]
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert main(shlex.split(done["command"])[1:]) == 0
    painted, repeated = (np.asarray(Image.open(file)) for file in ("result/result.png", "result.png"))
    assert np.array_equal(painted, repeated)


SEVERAL: dict[str, Any] = {"content_map": "sample:demo", "style_map": "sample:demo"}


@pytest.mark.parametrize(
    ("changes", "count", "status", "says"),
    [
        ({"style_weights": [1, 1, 1]}, 1, 400, "the number of weights is 3, and that of styles 2"),
        ({"style_weights": [1, -1]}, 1, 400, "the weight of style 2 is -1"),
        ({"style_weights": [0, 0]}, 1, 400, "none of the 2 styles has a weight above 0"),
        ({**SEVERAL, "regions": {RED: 3}}, 1, 400, f"background ({RED}) is to be painted from style 3, and"),
        (
            {**SEVERAL, "regions": {BLACK: 0}, "class_names": {BLACK: "the wall"}},
            0,
            400,
            f"the wall ({BLACK}) is to be painted from style 0, and there is one style",
        ),
        ({**SEVERAL, "regions": {"#123456": 2}}, 1, 400, "there is no class '#123456' in the maps"),
        ({"regions": {RED: 2}}, 1, 400, "there is no content map that says where it is"),
        ({}, MOST_STYLES, 400, f"got 5 styles, and at most {MOST_STYLES}"),
        ({"further_styles": [{"style": "gone"}]}, 0, 422, "there is no picture 'gone' for the style 2"),
        (
            {**SEVERAL, "further_styles": [{"style": "sample:demo", "style_map": "gone"}]},
            0,
            422,
            "there is no picture 'sample:demo' for the style 2",
        ),
        ({"further_styles": [{"map": "gone"}]}, 0, 400, "further_styles.0.style: Field required"),
        ({"class_names": {"red": "the wall"}}, 0, 400, "class_names.red"),
    ],
)
def test_styles_that_cannot_be_are_refused(
    idle: Studio, changes: dict[str, Any], count: int, status: int, says: str
) -> None:
    further = [{"style": uploaded(idle, seed)} for seed in range(count)]
    answer = idle.job(**{"further_styles": further, **changes})
    assert answer.status_code == status, answer.text
    assert says in answer.json()["error"]
    assert "--" not in answer.json()["error"]
    assert list(idle.storage._jobs.iterdir()) == []


def test_maps_of_all_styles_are_checked(idle: Studio) -> None:
    """The second style's map is half black, half red, like the others; red is painted from the third."""
    asked = {key: value for key, value in three_styles(idle).items() if key != "settings"}
    request = {"content": "sample:demo", "style": "sample:demo", **asked}
    found = idle.ask("POST", "/api/maps/check", json=request).json()
    shares = [
        (each["colour"], each["content_share"], each["style_share"], each["further_style_shares"])
        for each in found["classes"]
    ]
    assert shares == [(BLACK, 0.5, 0.5, [0.5, None]), (RED, 0.5, 0.5, [0.5, None])]
    assert [each["painted_from"] for each in found["classes"]] == [None, 3]
    assert found["warnings"] == [f"{RED} is painted from all of style 3, which has no map"]
    # Styles without a map are of any class.
    bare = [{**each, "style_map": None} for each in request["further_styles"]]
    found = idle.ask(
        "POST", "/api/maps/check", json={**request, "style_map": None, "further_styles": bare}
    ).json()
    assert [each["missing_in_style"] for each in found["classes"]] == [False, False]
    assert [each["style_share"] for each in found["classes"]] == [None, None]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"content_map": None}, "got no map of the content"),
        ({"style_map": None}, "no style has a map"),
        ({"style_weights": [1, 1]}, "the number of weights is 2, and that of styles 1"),
        ({"regions": {RED: 2}}, f"background ({RED}) is to be painted from style 2, and there is one style"),
        ({"regions": {"#123456": 1}}, "there is no class '#123456' in the maps"),
    ],
)
def test_maps_that_cannot_be_checked_are_refused(idle: Studio, changes: dict[str, Any], says: str) -> None:
    answer = idle.ask("POST", "/api/maps/check", json={**dict.fromkeys(ROLES, "sample:demo"), **changes})
    assert answer.status_code == 400, answer.text
    assert says in answer.json()["error"]
    assert "--" not in answer.json()["error"]


def test_a_large_further_style_is_refused(idle: Studio) -> None:
    further = [{"style": uploaded(idle, 1)}]
    idle.storage.max_pixels = 2000
    answer = idle.job(further_styles=further, settings={"size": 48})
    assert answer.json()["error"].startswith("the style 2 would have 48 x 44 pixels, and at most 2,000")
    assert answer.status_code == 400


def test_the_command_names_only_what_is_said(idle: Studio) -> None:
    """Styles that count alike and have no maps need no further options."""
    further = [{"style": uploaded(idle, 1)}]
    line = idle.job(further_styles=further, style_weights=[2, 2]).json()["command"]
    assert "--add-style style_2.png" in line
    assert not any(option in line for option in ("--style-weights", "--add-style-map", "--region"))


def test_the_estimate_counts_every_style(idle: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    """Comparing alone takes time here; style 2 has a quarter of the first one's positions."""
    monkeypatch.setattr(time_estimates, "measure_speed", lambda *_: Speed(0.0, 1.0))
    first, second = {"width": 160, "height": 160}, {"width": 80, "height": 80}
    settings = {"size": 160, "iterations": 1, "scales": 1, "voting": "none"}

    def seconds(*further: dict[str, int]) -> float:
        request = {"content": first, "style": first, "further_styles": further, "settings": settings}
        return float(idle.ask("POST", "/api/estimate", json=request).json()["seconds"]["fine"])

    assert seconds(second) == pytest.approx(1.25 * seconds())
    assert seconds(first, second) == pytest.approx(2.25 * seconds())
