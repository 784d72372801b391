"""The machine: where a run computes, in which precision, with how much memory and which weights."""

import re
from typing import ClassVar, Literal

from pydantic import field_validator

from glstylenet.files import check_name
from glstylenet.settings.byte_count import parse_bytes
from glstylenet.settings.theme import Theme, setting

__all__ = ["MachineSettings"]

_DEVICES = "auto, cpu, cuda or cuda:N"


class MachineSettings(Theme):
    """Settings of the machine and its files: none has an ``effect``, so the studio's page offers none."""

    group: ClassVar[str] = "Machine"

    device: str = setting("auto", f"where to compute: {_DEVICES}")
    precision: Literal["auto", "float32", "bfloat16"] = setting(
        "auto", "type of the network's numbers; auto takes bfloat16 where the hardware has it"
    )
    memory: int | None = setting(
        None,
        "memory the run may use, such as 4GiB; by default 60 % of what is free",
        ge=64 * 2**20,
        le=10**15,
    )
    weights: str = setting(
        "embedded",
        "the network's weights: embedded, full (see 'glstylenet weights fetch') or a file",
        min_length=1,
    )

    @field_validator("memory", mode="before")
    @classmethod
    def _memory_in_words(cls, value: object) -> object:
        return parse_bytes(value) if isinstance(value, str) else value

    @field_validator("weights")
    @classmethod
    def _weights_have_a_possible_name(cls, value: str) -> str:
        check_name(value)
        return value

    @field_validator("device")
    @classmethod
    def _device_is_named(cls, value: str) -> str:
        if re.fullmatch(r"auto|cpu|cuda(:[0-9]{1,3})?", value) is None:
            raise ValueError(f"expected {_DEVICES}")
        return value
