"""Subjects: whole files of every kind that the program reads, drawn here, and what reads each of them."""

import json
import os
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from io import BytesIO
from pathlib import Path

import numpy as np
import safetensors.torch
import tifffile
import torch
from numpy.typing import NDArray
from PIL import Image, ImageCms
from pydantic import TypeAdapter

import glstylenet
from glstylenet.files import parse_json
from glstylenet.network import load_weights
from glstylenet.pictures import open_strips, read_picture, read_recipe, write_picture
from glstylenet.report.results_file import Record, ResultsFile
from glstylenet.run import find_inputs, parse_recipe, prepare_inputs, read_sources, settings_to_repeat
from glstylenet.run.assembly import make_optimizer
from glstylenet.run.canvas import canvas_size
from glstylenet.run.checkpoint import State, checkpoint_file
from glstylenet.run.preparation import Preparation, prepare
from glstylenet.run.recipe import current_versions
from glstylenet.run.recorder import open_checkpoint
from glstylenet.settings import Settings, preset_settings, read_config
from glstylenet.studio.job import Job
from tests.fuzz.checkpoints import pack, unpack
from tests.fuzz.mutators import BINARY, TEXT, Mutator, mutate_tree

__all__ = ["Subject", "draw_subjects"]

MAX_PIXELS = 1_000_000
SIDES = (36, 40)
RUN = {"iterations": 6, "scales": 1, "round_length": 2, "precision": "float32", "device": "cpu"}


@dataclass(frozen=True)
class Subject:
    """`Subject` is a kind of file.

    ``wholes``: undamaged files of the kind by name; ``mutators``: what damages them; ``read``: reads one at a
    path, as the program does. ``name_in_folder``: the name that the file must have, if any.
    """

    kind: str
    wholes: Mapping[str, bytes]
    mutators: Sequence[Mutator]
    read: Callable[[Path], object]
    name_in_folder: str | None = None
    folder: Path = field(default=Path())


def draw_subjects(folder: Path) -> list[Subject]:
    """Draw the whole files of every kind; ``folder`` is for the pictures that others refer to."""
    folder.mkdir(parents=True, exist_ok=True)
    pictures = _pictures()
    beside = folder / "beside"
    beside.mkdir()
    for name in ("content", "style"):
        (beside / f"{name}.png").write_bytes(pictures["rgb.png"])
    if hasattr(os, "mkfifo"):
        os.mkfifo(beside / "pipe")
    return [
        Subject("picture", pictures, BINARY, _read_picture),
        Subject("picture in strips", pictures, BINARY, _read_in_strips),
        Subject("map", _maps(), BINARY, _map_reader(beside / "content.png")),
        Subject("recipe", {"recipe.json": _recipe(beside)}, (*TEXT, _tree), _recipe_reader(beside)),
        Subject("config", {"config.toml": _CONFIG}, TEXT, _read_config),
        Subject("weights", _weights(), BINARY, load_weights),
        Subject("results", {"results.json": _results()}, (*TEXT, _tree), _read_results, "results.json"),
        Subject("job", {"job.json": _job()}, (*TEXT, _tree), _read_job),
        *(_checkpoint(folder, optimizer) for optimizer in ("lbfgs", "adam")),
    ]


# Pictures


def _samples(*shape: int, kind: str = "uint8") -> NDArray[np.generic]:
    values = np.random.default_rng(sum(shape)).random((*SIDES, *shape)).cumsum(0).cumsum(1)
    largest = 1.0 if kind == "float32" else np.iinfo(kind).max
    samples: NDArray[np.generic] = (values / values.max() * largest).astype(kind)
    return samples


def _pictures() -> dict[str, bytes]:
    grey, rgb, rgba = (Image.fromarray(np.asarray(_samples(*shape))) for shape in ((), (3,), (4,)))
    indexed = rgb.quantize(16)
    bits = grey.convert("1")
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    turned = Image.Exif()
    turned[0x0112] = 6
    deep = _samples(3, kind="uint16")
    return {
        "rgb.png": _saved(rgb, "PNG"),
        "profile.png": _saved(rgb, "PNG", icc_profile=profile, exif=turned),
        "rgba.png": _saved(rgba, "PNG"),
        "grey_alpha.png": _saved(rgba.convert("LA"), "PNG"),
        "indexed.png": _saved(indexed, "PNG", transparency=3),
        "bits.png": _saved(bits, "PNG"),
        "grey16.png": _saved(Image.fromarray(_samples(kind="uint16")), "PNG"),
        "rgb.jpg": _saved(rgb, "JPEG", icc_profile=profile, exif=turned),
        "progressive.jpg": _saved(rgb, "JPEG", progressive=True),
        "cmyk.jpg": _saved(rgb.convert("CMYK"), "JPEG"),
        "grey.jpg": _saved(grey, "JPEG"),
        "lossy.webp": _saved(rgb, "WEBP", exif=turned),
        "lossless.webp": _saved(rgba, "WEBP", lossless=True),
        "film.webp": _saved(rgb, "WEBP", save_all=True, append_images=[rgba]),
        "film.gif": _saved(indexed, "GIF", save_all=True, append_images=[bits], transparency=2),
        "rgb.bmp": _saved(rgb, "BMP"),
        "indexed.bmp": _saved(indexed, "BMP"),
        "bits.bmp": _saved(bits, "BMP"),
        **{
            f"{name}.tif": _saved(rgb, "TIFF", compression=name)
            for name in ("raw", "tiff_lzw", "packbits", "tiff_deflate", "jpeg")
        },
        "group4.tif": _saved(bits, "TIFF", compression="group4"),
        "cmyk.tif": _saved(rgb.convert("CMYK"), "TIFF"),
        "deep.tif": _tiff(deep),
        "planes.tif": _tiff(np.moveaxis(deep, 2, 0), planarconfig="separate"),
        "tiles.tif": _tiff(deep, tile=(16, 16), compression="zlib"),
        "float.tif": _tiff(_samples(3, kind="float32")),
        "grey_alpha.tif": _tiff(
            _samples(2, kind="uint16"), photometric="minisblack", extrasamples=["unassalpha"]
        ),
    }


def _saved(image: Image.Image, form: str, **options: object) -> bytes:
    file = BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def _tiff(samples: NDArray[np.generic], photometric: str = "rgb", **options: object) -> bytes:
    file = BytesIO()
    tifffile.imwrite(file, samples, photometric=photometric, **options)  # type: ignore[arg-type]
    return file.getvalue()


def _read_picture(path: Path) -> None:
    read_picture(path, max_pixels=MAX_PIXELS)
    read_recipe(path)


def _read_in_strips(path: Path) -> None:
    with open_strips(path, max_pixels=MAX_PIXELS) as picture:
        for _ in picture.resized((7, 9)):
            pass


# Maps


def _maps() -> dict[str, bytes]:
    marks = np.zeros((*SIDES, 3), np.uint8)
    marks[10:, :, 0] = 255
    marks[:, 25:, 2] = 255
    image = Image.fromarray(marks)
    return {
        "map.png": _saved(image, "PNG"),
        "map.jpg": _saved(image, "JPEG"),
        "map.gif": _saved(image, "GIF"),
    }


def _map_reader(picture: Path) -> Callable[[Path], object]:
    settings = Settings(max_pixels=MAX_PIXELS)

    def read(path: Path) -> None:
        sources = read_sources(picture, picture, content_map=path, style_map=path, settings=settings)
        prepare_inputs(sources, settings)

    return read


# Recipes, config files, results, jobs


def _tree(rng: random.Random, data: bytes) -> bytes:
    """Change one value of a JSON file."""
    return json.dumps(mutate_tree(rng, json.loads(data))).encode()


def _recipe(beside: Path) -> bytes:
    inputs = {
        name: {"path": f"{name}.png", "sha256": read_picture(beside / f"{name}.png").sha256}
        for name in ("content", "style")
    }
    inputs["init"] = inputs["content"]
    table = {
        "versions": current_versions(),
        "settings": Settings(init="content.png", device="cpu").model_dump(mode="json"),
        "inputs": inputs,
        "weights": {"origin": "embedded", "digest": "0" * 64},
        "bits": 16,
        "threads": 1,
        "evaluations": 3,
        "losses": {"total": 10901.3},
        "interrupted": True,
    }
    return json.dumps(table).encode()


def _recipe_reader(beside: Path) -> Callable[[Path], object]:
    carrier = beside / "carrier.png"

    def read(path: Path) -> None:
        data = path.read_bytes()
        try:
            text = data.decode()
        except UnicodeDecodeError:
            text = data.decode("latin-1")
        write_picture(carrier, torch.zeros(1, 3, 4, 4), recipe=text, overwrite=True)
        held = read_recipe(carrier)
        if held is not None:
            recipe = parse_recipe(held)
            find_inputs(recipe, beside, {})
            settings_to_repeat(recipe, beside, {"weights": "embedded"})

    return read


_CONFIG = b"""# mine
preset = "artistic"
content_weight = 20
semantic_weight = 3.5
strict = true
scheme = "h"
init = "content"
size = 400
memory = "4GiB"
max_pixels = 1_000_000
seed = 0x1f
weights = "embedded"
"""


def _read_config(path: Path) -> None:
    values = read_config(path)
    preset = values.pop("preset", None)
    _ = Settings(**values) if preset is None else preset_settings(str(preset), **values)


def _results() -> bytes:
    done = Record(
        "a", "k", "a.png", "0" * 64, (40, 36), 1.5, 2, {"total": 1.0}, {"seed": 0}, "x", None, {"ssim": 0.5}
    )
    failed = Record("b", "k", None, None, None, 0.1, 0, None, {}, "x", "out of memory")
    table = {
        "format": 1,
        "version": "0.1.0",
        "inputs": {"style": "s.png"},
        "results": [asdict(done), asdict(failed)],
    }
    return json.dumps(table, indent=1).encode()


def _read_results(path: Path) -> None:
    results = ResultsFile.read(path.parent, overwrite=False)
    for name in list(results.records):
        results.finished(name, "k")


def _job() -> bytes:
    job = Job("A" * 22, 1.0, None, {"seed": 1}, {"style": None}, "x", losses={"total": 1.0}, warnings=["w"])
    return json.dumps(asdict(job)).encode()


def _read_job(path: Path) -> None:
    """The studio skips a record that is none; what tells it so is a ValueError."""
    try:
        parse_json(TypeAdapter(Job), path.read_bytes())
    except ValueError as error:
        raise glstylenet.errors.InputError(str(error)) from error


# Weights


def _weights() -> dict[str, bytes]:
    """Files of some of the network's tensors: the readers are tried, and all lack the rest."""
    tensors = {"conv1_1.weight": torch.zeros(64, 3, 3, 3), "conv1_1.bias": torch.zeros(64)}
    zipped, legacy = BytesIO(), BytesIO()
    torch.save(tensors, zipped)
    torch.save(tensors, legacy, _use_new_zipfile_serialization=False)
    return {
        "some.safetensors": safetensors.torch.save(tensors),
        "some.pth": zipped.getvalue(),
        "legacy.pth": legacy.getvalue(),
    }


# Checkpoints


def _checkpoint(folder: Path, optimizer: str) -> Subject:
    picture = np.asarray(_samples(3))
    settings = Settings(**RUN, optimizer=optimizer)
    prepared = prepare(picture, picture[:, ::-1], None, None, settings)
    place = folder / optimizer
    recorder, _, _ = open_checkpoint(place, prepared, resume=False, emit=lambda _event: None)
    planned = prepared.scales[0]
    start = torch.full((1, 3, *canvas_size(planned.scale.size)), 100.0)
    method = make_optimizer(settings, planned.plan)
    *_, step = method.run(_bowl, start, 4)
    recorder.save(
        State(
            scale=0,
            plan=planned.plan,
            precision="float32",
            has_shrunk=False,
            has_voted=True,
            spent=4,
            rounds=2,
            earlier=(),
            complete=False,
            canvas=step.x,
            optimizer_state=method.state_dict(),
        )
    )
    file = checkpoint_file(place)
    whole = file.read_bytes()
    return Subject(
        f"checkpoint of {optimizer}",
        {file.name: whole},
        (*BINARY, _header, *[_facts] * 6, *[_tensors] * 2),
        _checkpoint_reader(prepared),
        file.name,
    )


def _bowl(x: torch.Tensor) -> tuple[float, torch.Tensor]:
    """A function of the pixels that needs no network."""
    steepness = torch.linspace(1.0, 3.0, x.shape[-1])
    return float((steepness * (x - 7).square()).sum()), 2 * steepness * (x - 7)


def _checkpoint_reader(prepared: Preparation) -> Callable[[Path], object]:
    return lambda path: open_checkpoint(path.parent, prepared, resume=True, emit=lambda _event: None)


def _facts(rng: random.Random, data: bytes) -> bytes:
    """Change one fact of a checkpoint, and its checksum with it."""
    facts, tensors = unpack(data)
    return pack(mutate_tree(rng, facts), tensors)


def _tensors(rng: random.Random, data: bytes) -> bytes:
    """Change the values, the shape or the type of a tensor, and the checksum with it."""
    facts, tensors = unpack(data)
    name = rng.choice(sorted(tensors))
    array = tensors[name]
    change = rng.choice(
        (
            lambda: np.where(np.arange(array.size).reshape(array.shape) == 7, np.nan, array).astype(
                array.dtype
            ),
            lambda: (array * -1e30).astype(array.dtype),
            lambda: array[..., : rng.randrange(array.shape[-1])],
            lambda: array.reshape(-1),
            lambda: array.astype(rng.choice((np.float16, np.float64, np.int32))),
            lambda: array[None],
        )
    )
    with np.errstate(all="ignore"):
        tensors[name] = change()
    return pack(facts, tensors)


def _header(rng: random.Random, data: bytes) -> bytes:
    """Change a word or a number of the header, whose length still fits."""
    length = int.from_bytes(data[:8], "little")
    header = rng.choice(TEXT)(rng, data[8 : 8 + length])
    return len(header).to_bytes(8, "little") + header + data[8 + length :]
