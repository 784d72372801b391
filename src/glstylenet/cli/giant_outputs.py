"""Outputs of ``glstylenet giant``: where they go, what they take of the disks, and how they are written."""

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from glstylenet.deep_zoom import check_deep_zoom, deep_zoom_bytes, write_deep_zoom
from glstylenet.errors import GLStyleNetError, OutputError
from glstylenet.files import FileSet, target_of
from glstylenet.giant import GiantPicture, Manifest, needed_disk
from glstylenet.memory import format_bytes
from glstylenet.pictures import check_output, read_recipe, tiled_tiff_bytes, write_tiled_tiff
from glstylenet.run import current_versions
from glstylenet.settings import Pictures

__all__ = ["GiantOutputs"]


@dataclass(frozen=True)
class GiantOutputs:
    """`GiantOutputs` holds the places of a run's file, of its store and of its Deep Zoom folder, if any.

    ``inputs`` are the files that the run paints from.
    """

    file: Path
    store: Path
    deep_zoom: Path | None
    inputs: Pictures

    def check(self, manifest: Manifest, *, overwrite: bool, resume: bool, inputs: FileSet) -> None:
        """Refuse, before anything is computed, places where outputs cannot go.

        A run that is resumed may replace its own file: it may have been killed after that was written. Raises
        :class:`~glstylenet.errors.OutputError`.
        """
        may_replace = overwrite or (resume and self._is_of(manifest))
        check_output(self.file, manifest.sizes[-1], overwrite=may_replace, inputs=inputs)
        if self.deep_zoom is not None:
            self._refuse_mixed_folders(self.deep_zoom)
            check_deep_zoom(self.deep_zoom, overwrite=overwrite, inputs=inputs)

    def needed_bytes(self, manifest: Manifest) -> Mapping[str, int]:
        """Return the bytes that the run takes at most, by what they are for."""
        size = manifest.sizes[-1]
        needed = {"store": needed_disk(manifest), "file": tiled_tiff_bytes(size)}
        return needed if self.deep_zoom is None else {**needed, "deep zoom": deep_zoom_bytes(size)}

    def check_room(self, manifest: Manifest) -> None:
        """Raise :class:`~glstylenet.errors.OutputError` if a disk has less room than the run takes.

        What a run that is resumed has in its store already is not counted again.
        """
        places = {"store": self.store, "file": self.file, "deep zoom": self.deep_zoom}
        needed = dict(self.needed_bytes(manifest))
        needed["store"] = max(0, needed["store"] - _bytes_in(self.store))
        by_disk: dict[int, list[str]] = {}
        folders: dict[int, Path] = {}
        for what in needed:
            place = places[what]
            assert place is not None
            folder = target_of(place).parent
            disk = os.stat(folder).st_dev if folder.is_dir() else 0
            folders[disk] = folder
            by_disk.setdefault(disk, []).append(what)
        for disk, folder in folders.items():
            if not folder.is_dir():  # whoever makes the store says so
                continue
            total, free = sum(needed[what] for what in by_disk[disk]), shutil.disk_usage(folder).free
            if total > free:
                shares = ", ".join(f"{format_bytes(needed[what])} for the {what}" for what in by_disk[disk])
                raise OutputError(
                    f"{folder}: the disk has {format_bytes(free)} left, and the run will need "
                    f"{format_bytes(total)} on it ({shares}); choose folders on other disks, or a smaller "
                    f"size"
                )

    def write(self, picture: GiantPicture, *, overwrite: bool, resume: bool) -> None:
        """Write the file and the Deep Zoom folder of a painted picture.

        Raises :class:`~glstylenet.errors.OutputError` if that fails; what was painted is in the store.
        """
        manifest = picture.manifest
        recipe = {**self._recipe(manifest), "losses": picture.losses.as_dict()}
        write_tiled_tiff(
            self.file,
            picture.size,
            picture.read,
            recipe=json.dumps(recipe),
            overwrite=overwrite or (resume and self._is_of(manifest)),
        )
        if self.deep_zoom is not None:
            write_deep_zoom(self.deep_zoom, self.file.stem, picture.size, picture.read, overwrite=overwrite)

    def _recipe(self, manifest: Manifest) -> dict[str, object]:
        """Return what decides the picture, without folders, as JSON holds it."""
        names = {role: path.name for role, path in self.inputs.as_dict().items() if "map" not in role}
        recipe = {
            "versions": current_versions(),
            "settings": manifest.settings,
            "giant": asdict(manifest.options),
            "inputs": names,
            "sha256": dict(manifest.identity.inputs),
            "weights": {"digest": manifest.identity.weights},
        }
        if len(manifest.styles) > 1:
            recipe["styles"] = [
                {"role": style.role, "weight": style.weight, "regions": list(style.regions)}
                for style in manifest.styles
            ]
        return recipe

    def _is_of(self, manifest: Manifest) -> bool:
        """Return whether the file that is there was written by the same run."""
        try:
            found = json.loads(read_recipe(self.file) or "{}")
        except GLStyleNetError:  # there is none, or no picture
            return False
        return all(found.get(name) == value for name, value in self._recipe(manifest).items())

    def _refuse_mixed_folders(self, deep_zoom: Path) -> None:
        """Refuse outputs inside each other: the Deep Zoom folder is replaced, and the store removed."""
        folder, store, file = map(target_of, (deep_zoom, self.store, self.file))
        for inner, outer in ((store, folder), (file, folder), (folder, store), (folder, file)):
            if inner == outer or outer in inner.parents:
                raise OutputError(
                    f"{deep_zoom}: the deep zoom, the store ({self.store}) and the file ({self.file}) cannot "
                    f"lie in each other. Choose a folder of its own for each."
                )


def _bytes_in(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
