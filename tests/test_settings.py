"""Settings: defaults, ranges, messages, presets and the config file."""

import math
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from glstylenet.errors import SettingsError
from glstylenet.pyramid.schemes import PAPER_SCHEMES, SCHEMES
from glstylenet.settings.byte_count import parse_bytes
from glstylenet.settings.config import read_config
from glstylenet.settings.fusion import SCHEME_NAMES
from glstylenet.settings.model import GROUPS, Settings, field_help
from glstylenet.settings.pictures import INIT_CHOICES
from glstylenet.settings.presets import PRESETS, preset_settings

FIELDS = sorted(Settings.model_fields)
DOCS = Path(__file__).parent.parent / "docs"


def _bounds(name: str) -> dict[str, float]:
    """The numeric limits of a field: ge, gt and le, as far as it has them."""
    metadata = Settings.model_fields[name].metadata
    return {
        kind: getattr(item, kind) for item in metadata for kind in ("ge", "gt", "le") if hasattr(item, kind)
    }


def _stated(message: str) -> dict[str, float]:
    """The limits that a message states after "allowed:", as :func:`_bounds` gives them."""
    kinds = {"at least": "ge", "more than": "gt", "at most": "le"}
    found = re.findall(r"(at least|more than|at most) ([\d,.e+]*\d)", message.split("allowed: ")[1])
    numbers = [number.replace(",", "") for _, number in found]
    values = [int(number) if number.isdigit() else float(number) for number in numbers]
    return {kinds[words]: value for (words, _), value in zip(found, values, strict=True)}


def _is_integer(name: str) -> bool:
    return "int" in str(Settings.model_fields[name].annotation)


NUMBERS = [name for name in FIELDS if _bounds(name)]


def test_there_are_numbers_to_test() -> None:
    assert {"content_weight", "iterations", "style_scale", "seed", "memory"} <= set(NUMBERS)


def test_the_published_defaults() -> None:
    """The defaults of the authors' script, where ours mean the same."""
    chosen = Settings()
    weights = (chosen.content_weight, chosen.local_weight, chosen.semantic_weight, chosen.smoothness)
    assert weights == (10.0, 100.0, 10.0, 1.0)
    assert chosen.global_weight == 0.1
    assert (chosen.scheme, chosen.init) == ("g", "content")
    assert (chosen.device, chosen.precision, chosen.weights) == ("auto", "auto", "embedded")


@pytest.mark.parametrize("name", NUMBERS)
def test_a_number_below_or_above_its_range(name: str) -> None:
    bounds = _bounds(name)
    bad = []
    if "ge" in bounds:
        bad += [bounds["ge"] - 1, -(10**30)]
    if "gt" in bounds:
        bad += [bounds["gt"], -1.0]
    if "le" in bounds:
        bad += [bounds["le"] + 1, 10**30]
    for value in bad:
        with pytest.raises(SettingsError) as caught:
            Settings(**{name: value})
        message = str(caught.value)
        assert caught.value.exit_code == 2
        assert message.startswith(f"{name} is {value!r}: ")
        assert _stated(message) == bounds


@pytest.mark.parametrize("name", NUMBERS)
def test_the_ends_of_a_range_are_allowed(name: str) -> None:
    bounds = _bounds(name)
    for kind in ("ge", "le"):
        if kind in bounds:
            assert getattr(Settings(**{name: bounds[kind]}), name) == bounds[kind]


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_numbers_are_finite(name: str, value: float) -> None:
    with pytest.raises(SettingsError, match=rf"^{name} is -?(nan|inf): .*allowed: "):
        Settings(**{name: value})


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("value", ["much", [], {}, "nan", "inf"])
def test_numbers_are_numbers(name: str, value: object) -> None:
    with pytest.raises(SettingsError, match=rf"^{name} is "):
        Settings(**{name: value})


@pytest.mark.parametrize("name", [name for name in NUMBERS if _is_integer(name)])
def test_whole_numbers_are_whole(name: str) -> None:
    with pytest.raises(SettingsError, match=rf"^{name} is 1000000.5: "):
        Settings(**{name: 1000000.5})


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("scheme", "z", "a, b, c, d, e, f, g, h"),
        ("scheme", "G", "a, b, c, d, e, f, g, h"),
        ("finish", "oil", "none, photo"),
        ("optimizer", "sgd", "lbfgs, adam"),
        ("precision", "float16", "auto, float32, bfloat16"),
    ],
)
def test_choices(name: str, value: str, allowed: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings(**{name: value})
    assert str(caught.value).startswith(f"{name} is {value!r}: ")
    assert f"allowed: {allowed}" in str(caught.value)


def test_the_schemes_that_may_be_chosen_are_those_of_the_pyramid() -> None:
    assert tuple(SCHEMES) == SCHEME_NAMES == field_help("scheme").choices
    assert set(PAPER_SCHEMES) < set(SCHEME_NAMES)


def test_the_pictures_to_start_from_are_named_in_the_help() -> None:
    about = field_help("init")
    assert about.suggestions == INIT_CHOICES
    assert about.default in INIT_CHOICES
    assert all(choice in about.description for choice in INIT_CHOICES)


@pytest.mark.parametrize("device", ["gpu", "cuda:", "cuda:-1", "cpu:0", "", "cuda:1 ", "mps\n"])
def test_devices_that_are_none(device: str) -> None:
    with pytest.raises(SettingsError, match=r"^device is ") as caught:
        Settings(device=device)
    for word in ("auto", "cpu", "cuda"):
        assert word in str(caught.value)


@pytest.mark.parametrize("device", ["auto", "cpu", "cuda", "cuda:0", "cuda:12"])
def test_devices(device: str) -> None:
    assert Settings(device=device).device == device


@pytest.mark.parametrize("init", [*INIT_CHOICES, "some/picture.png"])
def test_inits(init: str) -> None:
    assert Settings(init=init).init == init


@pytest.mark.parametrize("init", ["", "  "])
def test_an_empty_init(init: str) -> None:
    with pytest.raises(SettingsError, match=r"^init is .*expected ") as caught:
        Settings(init=init)
    assert all(choice in str(caught.value) for choice in INIT_CHOICES)


def test_every_wrong_value_is_named_at_once() -> None:
    with pytest.raises(SettingsError) as caught:
        Settings(content_weight=-1.0, iterations=0)
    assert "content_weight is -1.0" in str(caught.value)
    assert "iterations is 0" in str(caught.value)


def test_an_unknown_setting() -> None:
    with pytest.raises(
        SettingsError, match=r"there is no setting 'colour'; the settings are .*content_weight"
    ):
        Settings(colour=1)


@pytest.mark.parametrize("name", FIELDS)
def test_frozen(name: str) -> None:
    chosen = Settings()
    with pytest.raises(ValidationError, match="frozen"):
        setattr(chosen, name, getattr(chosen, name))


def test_replace_makes_a_checked_copy() -> None:
    chosen = Settings(content_weight=3.0)
    other = chosen.replace(iterations=7)
    assert (other.content_weight, other.iterations) == (3.0, 7)
    assert chosen.iterations == Settings().iterations
    with pytest.raises(SettingsError, match="iterations is 0"):
        chosen.replace(iterations=0)
    with pytest.raises(SettingsError, match="no setting 'nothing'"):
        chosen.replace(nothing=0)


@pytest.mark.parametrize("name", FIELDS)
def test_every_setting_explains_itself(name: str) -> None:
    said = field_help(name)
    assert said.name == name
    assert said.group in GROUPS
    assert len(said.description.split()) >= 4
    assert said.default == getattr(Settings(), name)
    if _bounds(name):
        assert said.limits


def test_the_order_of_the_settings_is_that_of_the_groups() -> None:
    """Help pages, dumps and recipes begin with the paper's modules."""
    assert [group.split(" (")[0] for group in GROUPS] == [
        "Content",
        "Local patches and semantic maps",
        "Global style",
        "Smoothness",
        "Pyramid fusion",
        "Pictures",
        "Optimisation",
        "Machine",
    ]
    groups = [field_help(name).group for name in Settings.model_fields]
    assert list(dict.fromkeys(groups)) == list(GROUPS)
    assert groups == sorted(groups, key=GROUPS.index)
    assert list(Settings().model_dump()) == list(Settings.model_fields)


def test_the_server_s_settings_have_no_effect_on_the_page() -> None:
    servers = {name for name in FIELDS if not field_help(name).effect}
    assert servers == {"classes", "maps", "max_pixels", "device", "precision", "memory", "weights"}


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("content_weight", "float"),
        ("iterations", "int"),
        ("size", "int"),
        ("strict", "bool"),
        ("scheme", "choice"),
        ("init", "text"),
    ],
)
def test_kinds(name: str, kind: str) -> None:
    assert field_help(name).kind == kind


@pytest.mark.parametrize("name", NUMBERS)
def test_minimum_and_maximum_are_the_bounds(name: str) -> None:
    about, bounds = field_help(name), _bounds(name)
    assert about.minimum == bounds.get("ge", bounds.get("gt"))
    assert about.maximum == bounds.get("le")


def test_every_group_has_a_setting_and_the_paper_s_symbols_are_there() -> None:
    assert {field_help(name).group for name in FIELDS} == set(GROUPS)
    symbols = {field_help(name).symbol: name for name in FIELDS if field_help(name).symbol}
    assert symbols == {
        "alpha": "content_weight",
        "beta": "local_weight",
        "beta1": "semantic_weight",
        "gamma": "global_weight",
        "sigma": "smoothness",
    }


def test_help_of_an_unknown_setting() -> None:
    with pytest.raises(KeyError):
        field_help("colour")


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("1048576", 2**20),
        ("800MiB", 800 * 2**20),
        ("800 MB", 800 * 2**20),
        ("4GiB", 4 * 2**30),
        ("2g", 2 * 2**30),
        ("1.5G", 3 * 2**29),
        (" 1 T ", 2**40),
        ("12k", 12 * 1024),
        ("7b", 7),
        ("0", 0),
    ],
)
def test_parse_bytes(text: str, count: int) -> None:
    assert parse_bytes(text) == count


@pytest.mark.parametrize(
    "text", ["", "GiB", "-1GiB", "4 GiBs", "1e9", "nan", "4,5GiB", "1.GiB", "4PiB", "4 G i B"]
)
def test_parse_bytes_refuses(text: str) -> None:
    with pytest.raises(ValueError, match="4GiB"):
        parse_bytes(text)


@given(
    number=st.integers(0, 10**6),
    unit=st.sampled_from(["", "k", "M", "G", "T"]),
    tail=st.sampled_from(["", "B", "iB"]),
)
def test_parse_bytes_reads_whole_numbers_exactly(number: int, unit: str, tail: str) -> None:
    assert parse_bytes(f"{number}{unit}{tail}") == number * 1024 ** ["", "k", "M", "G", "T"].index(unit)


def test_memory_is_given_in_words_or_bytes() -> None:
    assert Settings(memory="4GiB").memory == Settings(memory=2**32).memory == 2**32
    with pytest.raises(SettingsError, match=r"^memory is 'lots': expected a size such as 4GiB"):
        Settings(memory="lots")
    with pytest.raises(SettingsError, match=f"^memory is .*at least {64 * 2**20:,}"):
        Settings(memory="1MiB")


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_presets_are_valid(name: str) -> None:
    preset = PRESETS[name]
    chosen = preset_settings(name)
    assert {field: getattr(chosen, field) for field in preset.values} == dict(preset.values)
    assert len(preset.description.split()) >= 4


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_presets_are_documented_with_all_their_values(name: str) -> None:
    page = (DOCS / "presets.md").read_text(encoding="utf-8")
    assert f"`{name}`" in page
    for field in PRESETS[name].values:
        assert f"`{field}`" in page or f"`--{field.replace('_', '-')}`" in page


def test_changes_override_the_preset() -> None:
    for name in PRESETS:
        assert preset_settings(name, iterations=17).iterations == 17
        with pytest.raises(SettingsError, match="iterations"):
            preset_settings(name, iterations=-1)


def test_an_unknown_preset() -> None:
    with pytest.raises(SettingsError, match=r"no preset 'cubist'; the presets are .*artistic"):
        preset_settings("cubist")


def _config(folder: Path, text: str | bytes) -> Path:
    path = folder / "config.toml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def test_config_file(tmp_path: Path) -> None:
    text = 'preset = "artistic"\ncontent_weight = 3\nmemory = "4GiB"\nscheme = "h"\n'
    table: dict[str, Any] = read_config(_config(tmp_path, text))
    assert table == {"preset": "artistic", "content_weight": 3, "memory": "4GiB", "scheme": "h"}
    preset = table.pop("preset")
    assert preset_settings(preset, **table).memory == 2**32


def test_a_config_file_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    assert read_config(_config(tmp_path, b"\xef\xbb\xbfiterations = 3\n")) == {"iterations": 3}


def test_an_empty_config_file_sets_nothing(tmp_path: Path) -> None:
    assert read_config(_config(tmp_path, "# nothing\n")) == {}


@pytest.mark.parametrize("text", ["content_weight = ", "{}", b"\xff\xfe\x00", "a = 1\na = 2\n"])
def test_a_config_file_that_is_no_toml(text: str | bytes, tmp_path: Path) -> None:
    path = _config(tmp_path, text)
    with pytest.raises(SettingsError) as caught:
        read_config(path)
    assert str(path) in str(caught.value)
    assert "expected TOML" in str(caught.value)


def test_a_config_file_with_an_unknown_setting(tmp_path: Path) -> None:
    path = _config(tmp_path, "iterations = 3\ncolour = 'red'\n")
    with pytest.raises(SettingsError, match=r"sets 'colour', which is not a setting; .*iterations"):
        read_config(path)


def test_a_config_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"nowhere\.toml"):
        read_config(tmp_path / "nowhere.toml")
    with pytest.raises(SettingsError, match="cannot be used"):
        read_config(tmp_path)


def test_a_wrong_value_in_a_config_file_is_found_when_settings_are_made(tmp_path: Path) -> None:
    table = read_config(_config(tmp_path, "iterations = 'many'\n"))
    with pytest.raises(SettingsError, match=r"^iterations is 'many'"):
        Settings(**table)
