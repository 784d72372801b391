"""Settings: every choice a user can make, in one frozen object that checks itself.

This is the single home of each default, range and help text: the command line, the page and the
documentation read them from here. Names outside the mathematics are the plain ones (``content_weight``);
the paper's symbol stands beside them (``alpha``).
"""

import re
from dataclasses import dataclass
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic.fields import FieldInfo

from glstylenet.errors import SettingsError

__all__ = ["GROUPS", "INIT_CHOICES", "FieldHelp", "Settings", "field_help", "parse_bytes"]


GROUPS = (
    "Content (Eq. 2)",
    "Local patches and semantic maps (Eqs. 3-4)",
    "Global style (Eqs. 5-6)",
    "Smoothness (Eq. 7)",
    "Pyramid fusion (Eq. 1)",
    "Pictures",
    "Optimisation",
    "Machine",
)
"""The paper's modules, then what a program needs besides; help pages are ordered by them."""
_CONTENT, _LOCAL, _GLOBAL, _SMOOTHNESS, _FUSION, _PICTURES, _OPTIMISATION, _MACHINE = GROUPS


INIT_CHOICES = ("content", "tinted", "style", "noise")
"""What ``init`` may name besides a picture's path."""


def _setting(default: object, description: str, *, group: str, symbol: str = "", **limits: Any) -> Any:
    return Field(
        default=default,
        description=description,
        json_schema_extra={"group": group, "symbol": symbol},
        allow_inf_nan=False if isinstance(default, float) else None,
        **limits,
    )


class Settings(BaseModel):
    """What to do with a content and a style. Immutable; a wrong value raises
    :class:`~glstylenet.errors.SettingsError` naming field, value and range."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    content_weight: float = _setting(
        10.0,
        "how strongly the content's shapes are kept",
        group=_CONTENT,
        symbol="alpha",
        ge=0,
        le=1e9,
    )
    coarse_content: float = _setting(
        1.0,
        "factor on the content weight at the sizes below full size; more keeps large forms in place",
        group=_CONTENT,
        ge=0,
        le=1e6,
    )
    local_weight: float = _setting(
        100.0,
        "how strongly every patch must look like a patch of the style",
        group=_LOCAL,
        symbol="beta",
        ge=0,
        le=1e9,
    )
    semantic_weight: float = _setting(
        10.0,
        "how strictly patches stay within their region of the semantic maps; 0 ignores the maps",
        group=_LOCAL,
        symbol="beta1",
        ge=0,
        le=1e6,
    )
    classes: int | None = _setting(
        None, "number of map classes to find; by default as many as the maps show", group=_LOCAL, ge=1, le=64
    )
    strict: bool = _setting(
        False, "treat a class that the style's map lacks as an error instead of a warning", group=_LOCAL
    )
    global_weight: float = _setting(
        0.1,
        "how strongly the whole picture's colours and textures follow the style",
        group=_GLOBAL,
        symbol="gamma",
        ge=0,
        le=1e9,
    )
    smoothness: float = _setting(
        1.0,
        "how strongly neighbouring pixels are kept alike",
        group=_SMOOTHNESS,
        symbol="sigma",
        ge=0,
        le=1e9,
    )
    scheme: Literal["a", "b", "c", "d", "e", "f", "g", "h", "apart"] = _setting(
        "g",
        "which layers are fused, by the letter of the paper's Figure 11; apart fuses none",
        group=_FUSION,
    )
    init: str = _setting(
        "content",
        "the picture to start from: content, tinted (the content in the style's colours), style, noise, or a "
        "picture's path",
        group=_PICTURES,
    )
    size: int | None = _setting(
        None,
        "longest side of the result in pixels; by default the content's own",
        group=_PICTURES,
        ge=32,
        le=100_000,
    )
    style_scale: float = _setting(
        1.0,
        "size of the brushwork: the style's size relative to the result; smaller gives finer strokes",
        group=_PICTURES,
        gt=0,
        le=8,
    )
    finish: Literal["none", "photo"] = _setting(
        "none",
        "what follows the optimisation; photo makes every line of the content straight again",
        group=_PICTURES,
    )
    max_pixels: int = _setting(
        200_000_000, "refuse pictures whose header claims more pixels", group=_PICTURES, ge=1024
    )
    iterations: int = _setting(
        200, "evaluations of the objective, over all scales", group=_OPTIMISATION, ge=1, le=1_000_000
    )
    scales: int | None = _setting(
        None,
        "number of sizes to work through, each double the one before; 1 is full size only; by default "
        "chosen from the picture",
        group=_OPTIMISATION,
        ge=1,
        le=8,
    )
    coarsest: int = _setting(
        208,
        "longest side in pixels below which no size is added to work through; less lets the style "
        "rearrange more",
        group=_OPTIMISATION,
        ge=32,
        le=100_000,
    )
    round_length: int = _setting(
        10,
        "evaluations between two matchings of the patches; 1 matches at every evaluation as the paper does",
        group=_OPTIMISATION,
        ge=1,
        le=100_000,
    )
    optimizer: Literal["lbfgs", "adam"] = _setting(
        "lbfgs", "how the pixels are optimised", group=_OPTIMISATION
    )
    seed: int = _setting(0, "seed of the noise of --init noise", group=_OPTIMISATION, ge=0, le=2**63 - 1)
    device: str = _setting(
        "auto",
        "where to compute: auto, cpu, cuda or cuda:N",
        group=_MACHINE,
    )
    precision: Literal["auto", "float32", "bfloat16"] = _setting(
        "auto", "type of the network's numbers; auto takes bfloat16 where the hardware has it", group=_MACHINE
    )
    memory: int | None = _setting(
        None,
        "memory the run may use, such as 4GiB; by default 60 % of what is free",
        group=_MACHINE,
        ge=64 * 2**20,
    )
    weights: str = _setting(
        "embedded",
        "the network's weights: embedded, full (see 'glstylenet weights fetch') or a file",
        group=_MACHINE,
        min_length=1,
    )

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise SettingsError(_explain(error)) from error

    @field_validator("memory", mode="before")
    @classmethod
    def _memory_in_words(cls, value: object) -> object:
        return parse_bytes(value) if isinstance(value, str) else value

    @field_validator("device")
    @classmethod
    def _device_named(cls, value: str) -> str:
        if re.fullmatch(r"auto|cpu|cuda(:[0-9]{1,3})?", value) is None:
            raise ValueError("expected auto, cpu, cuda or cuda:N")
        return value

    @field_validator("init")
    @classmethod
    def _init_named(cls, value: str) -> str:
        if not value.strip():
            raise ValueError("expected content, tinted, style, noise or the path of a picture")
        return value

    def replace(self, **changes: Any) -> Self:
        """A copy with some fields changed, checked anew."""
        return type(self)(**{**self.model_dump(), **changes})


@dataclass(frozen=True)
class FieldHelp:
    """What a help page says of one setting: ``limits`` such as "0 to 1e9", ``symbol`` the paper's."""

    name: str
    group: str
    symbol: str
    description: str
    default: object
    limits: str


def field_help(name: str) -> FieldHelp:
    """The help of the setting ``name``; raises ``KeyError`` for an unknown one."""
    info = Settings.model_fields[name]
    extra = info.json_schema_extra
    details = extra if isinstance(extra, dict) else {}
    return FieldHelp(
        name=name,
        group=str(details.get("group", "")),
        symbol=str(details.get("symbol", "")),
        description=info.description or "",
        default=info.default,
        limits=_limits(info),
    )


def _limits(info: FieldInfo) -> str:
    """The allowed values in words, from the field's own constraints."""
    annotation = str(info.annotation)
    if annotation.startswith("typing.Literal"):
        return ", ".join(re.findall(r"'([^']*)'", annotation))
    bounds = {
        kind: getattr(item, kind)
        for item in info.metadata
        for kind in ("ge", "gt", "le")
        if hasattr(item, kind)
    }
    words = []
    if "ge" in bounds:
        words.append(f"at least {_number(bounds['ge'])}")
    if "gt" in bounds:
        words.append(f"more than {_number(bounds['gt'])}")
    if "le" in bounds:
        words.append(f"at most {_number(bounds['le'])}")
    return ", ".join(words)


def _number(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:g}"


def parse_bytes(text: str) -> int:
    """Bytes of "4GiB", "800 MB", "2g" or "1048576": k, M, G, T are powers of 1024.

    Raises ``ValueError`` if the text is none of these.
    """
    found = re.fullmatch(r"\s*(\d{1,15}(?:\.\d{1,15})?)\s*([kmgt]?)(?:i?b)?\s*", text, flags=re.IGNORECASE)
    if found is None:
        raise ValueError("expected a size such as 4GiB or 800MiB")
    number, unit = found.groups()
    return int(float(number) * 1024 ** " kmgt".index(unit.lower() or " "))


def _explain(error: ValidationError) -> str:
    """pydantic's findings as our sentences: field, value, range."""
    sentences = []
    for finding in error.errors(include_url=False):
        name = str(finding["loc"][0]) if finding["loc"] else "settings"
        if finding["type"] == "extra_forbidden":
            known = ", ".join(Settings.model_fields)
            sentences.append(f"there is no setting {name!r}; the settings are {known}")
            continue
        limits = field_help(name).limits if name in Settings.model_fields else ""
        expected = f"; allowed: {limits}" if limits else ""
        reason = finding["msg"].removeprefix("Value error, ")
        sentences.append(f"{name} is {finding['input']!r}: {reason[0].lower()}{reason[1:]}{expected}")
    return "; ".join(sentences)
