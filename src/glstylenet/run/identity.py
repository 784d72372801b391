"""Identity: what decides the picture of a run, so that a checkpoint is continued by no other run."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass

import glstylenet
from glstylenet.run.preparation import Preparation
from glstylenet.settings import INIT_CHOICES, Settings, excerpt

__all__ = ["Identity", "SettingValue"]

SettingValue = bool | int | float | str | None
"""A setting as JSON holds it."""

_LONGEST_WORD = 100
"""Characters of a version in a message, whatever the file holds."""


_NOT_DECISIVE = frozenset({"device", "max_pixels", "memory", "strict", "weights"})
"""Settings that may differ in a resumed run: the state holds what memory and device decided, and the weights
are compared by their digest."""


@dataclass(frozen=True)
class Identity:
    """`Identity` holds what decides the picture of a run.

    That is the ``version`` of the program, the decisive ``settings``, the SHA-256 of the ``inputs`` by role,
    and that of the ``weights``. ``styles``: what each of several styles weighs, and the classes bound to it.
    """

    version: str
    settings: Mapping[str, SettingValue]
    inputs: Mapping[str, str]
    weights: str
    styles: tuple[str, ...] = ()

    @classmethod
    def of(cls, prepared: Preparation) -> "Identity":
        """Return the identity of a run with the precision that its settings were resolved to."""
        settings = prepared.settings.replace(precision=prepared.device.precision)
        inputs = {role: origin.sha256 for role, origin in prepared.inputs.origins.items()}
        return cls.of_parts(settings, inputs, prepared.weights.digest, _styles(prepared))

    @classmethod
    def of_parts(
        cls, settings: Settings, inputs: Mapping[str, str], weights: str, styles: tuple[str, ...] = ()
    ) -> "Identity":
        """Return the identity of a run by the SHA-256 of its ``inputs``, by role, and ``weights``."""
        table = settings.model_dump(mode="json")
        if settings.init not in INIT_CHOICES:
            table["init"] = "a picture"  # compared by its SHA-256; the file may have been moved
        return cls(
            version=glstylenet.__version__,
            settings={name: value for name, value in table.items() if name not in _NOT_DECISIVE},
            inputs=inputs,
            weights=weights,
            styles=styles,
        )

    @property
    def digest(self) -> str:
        """The SHA-256 of all that it holds."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()

    def differences(self, saved: "Identity") -> list[str]:
        """Return in words what is different in a ``saved`` run; nothing if both compute the same picture."""
        found = []
        if self.version != saved.version:
            found.append(f"glstylenet is {self.version}, it was {saved.version[:_LONGEST_WORD]}")
        for name in sorted({*self.settings, *saved.settings}):
            value, old_value = self.settings.get(name), saved.settings.get(name)
            if value != old_value:
                found.append(f"{name} is {value!r}, it was {excerpt(old_value)}")
        for role in sorted({*self.inputs, *saved.inputs}):
            digest, old_digest = self.inputs.get(role), saved.inputs.get(role)
            if digest != old_digest:
                found.append(f"the {role.replace('_', ' ')} is {_short(digest)}, it was {_short(old_digest)}")
        if self.styles != saved.styles:
            found.append(
                f"the styles are {excerpt('; '.join(self.styles) or 'one')}, they were "
                f"{excerpt('; '.join(saved.styles) or 'one')}"
            )
        if self.weights != saved.weights:
            found.append(f"the weights are {_short(self.weights)}, they were {_short(saved.weights)}")
        return found


def _styles(prepared: Preparation) -> tuple[str, ...]:
    """Return in words what each of several styles weighs, and the classes bound to it."""
    styles = prepared.inputs.styles
    if len(styles) == 1:
        return ()
    return tuple(
        " ".join([f"weight {style.weight:g}", *(f"class {number + 1}" for number in sorted(style.classes))])
        for style in styles
    )


def _short(digest: str | None) -> str:
    return "none" if digest is None else f"SHA-256 {digest[:12]}"
