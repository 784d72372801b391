"""Time estimates: the minutes of a run in each quality, before it is queued."""

import threading
from collections.abc import Mapping
from functools import partial

from pydantic import BaseModel, ConfigDict, Field

from glstylenet.errors import MemoryLimitError, SettingsError
from glstylenet.machine import Device, choose_device
from glstylenet.network import load_weights
from glstylenet.pictures import fitted_size
from glstylenet.run import Speed, allowed_bytes, estimate_by_size, measure_speed, style_size_at
from glstylenet.settings import QUALITIES, Settings
from glstylenet.studio.setting_schema import MOST_STYLES

__all__ = ["EstimateRequest", "PictureSize", "TimeEstimates"]

_ANY_BYTES = 2**62
"""More memory than any run needs."""


class PictureSize(BaseModel):
    """`PictureSize` is the size of a picture in pixels."""

    model_config = ConfigDict(extra="forbid")

    width: int = Field(ge=1, le=10**6)
    height: int = Field(ge=1, le=10**6)

    @property
    def size(self) -> tuple[int, int]:
        """The size as (height, width)."""
        return self.height, self.width


class EstimateRequest(BaseModel):
    """`EstimateRequest` is the request of estimates: the sizes of the pictures, and the settings of a run."""

    model_config = ConfigDict(extra="forbid")

    content: PictureSize
    style: PictureSize
    further_styles: list[PictureSize] = Field(default_factory=list, max_length=MOST_STYLES - 1)
    has_maps: bool = False
    preset: str | None = Field(default=None, max_length=100)
    settings: dict[str, bool | int | float | str | None] = Field(default_factory=dict)


class TimeEstimates:
    """`TimeEstimates` measures this machine once, when it is first asked, and estimates runs from that.

    ``machine``: the settings that the server chooses.
    """

    def __init__(self, machine: Mapping[str, object]) -> None:
        self._machine = machine
        self._lock = threading.Lock()
        self._speed: Speed | None = None

    def of(self, request: EstimateRequest, settings: Settings, *, max_pixels: int) -> dict[str, object]:
        """Return the size of the result and the seconds of each quality, the shortest first.

        Where ``settings`` name a number of iterations, that overrides every quality. Raises
        :class:`~glstylenet.errors.SettingsError` for a result of more than ``max_pixels``. Tiles are those
        that the memory asks for that is free now; where it does not suffice, none are counted.
        """
        size = fitted_size(request.content.size, settings.size)
        if size[0] * size[1] > max_pixels:
            raise SettingsError(
                f"the picture would have {size[1]} x {size[0]} pixels, and at most {max_pixels:,} in all are "
                "painted here; choose a smaller size"
            )
        style_sizes = [
            style_size_at(style.size, size, settings.style_scale)
            for style in (request.style, *request.further_styles)
        ]
        speed, device = self._measured()
        seconds = {}
        for name in QUALITIES:
            estimate = partial(
                estimate_by_size,
                size,
                style_sizes,
                settings.replace(quality=name),
                speed,
                has_maps=request.has_maps,
                device=device,
            )
            try:
                seconds[name] = estimate(allowed=allowed_bytes(settings, device))
            except MemoryLimitError:  # another run may have the memory now
                seconds[name] = estimate(allowed=_ANY_BYTES)
        return {
            "width": size[1],
            "height": size[0],
            "seconds": {name: round(value, 1) for name, value in seconds.items()},
        }

    def _measured(self) -> tuple[Speed, Device]:
        """Return the device and its speed; whoever asks while it is measured waits for it."""
        with self._lock:
            settings = Settings(**dict(self._machine))
            device = choose_device(settings.device, settings.precision)
            if self._speed is None:
                self._speed = measure_speed(settings, device, load_weights(settings.weights))
            return self._speed, device
