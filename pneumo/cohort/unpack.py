"""Unpacking of the radiographs of an archive, zip or tar, into the cache folder."""

import hashlib
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from filelock import FileLock

from pneumo import config
from pneumo.cohort.archive_formats import DAMAGE, TAR_SUFFIXES, Archive, Member, escapes, open_archive
from pneumo.cohort.layout import Layout, find_layout
from pneumo.errors import UserError
from pneumo.files import printable, remove_partial, replace_folder, unique_name, writing

# Ratio of unpacked to packed size. Radiographs are compressed already: the public archive has a ratio near 1, bitmaps of a few.
_MAX_EXPANSION = 100
# Each may stand for a whole folder.
_MAX_LINKS = 1000


def unpack(archive: Path, settings: config.Cohort) -> tuple[Path, Layout]:
    """Unpack the radiographs of an archive, and nothing else, below `settings.cache_dir`, unless that was done before.

    Returns the folder that holds the splits or classes, and the content of the archive.

    Raises:
        UserError: damaged, encrypted or a decompression bomb, names that lead out of it, or not enough disk space.
    """
    name, directory = printable(archive), settings.cache_dir
    with _reading(archive), open_archive(archive, directory) as opened:
        try:
            members, broken = _members(opened, archive)
        except UserError as error:
            raise UserError(f"{name}: {error}") from error
        layout = find_layout(members, name, settings)
        prefix = f"{layout.nesting}/" if layout.nesting else ""
        wanted: dict[str, list[str]] = {}
        for radiograph in layout.radiographs:
            wanted.setdefault(members[prefix + radiograph].name, []).append(radiograph)
        # Other settings may choose other files of the same archive.
        chosen = hashlib.sha256("\0".join(layout.radiographs).encode(errors="surrogateescape")).hexdigest()[:8]
        folder = directory / "unpacked" / f"{unique_name(archive)}-{chosen}"
        with writing(directory, "cohort.cache_dir"):
            folder.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(f"{folder}.lock"):
                if not folder.is_dir():
                    remove_partial(folder.parent, folder.name)
                    _refuse_without_space(sum(members[prefix + path].size for path in layout.radiographs), name, folder.parent)
                    with replace_folder(folder) as unpacked:
                        _write(opened, wanted, unpacked)
    return folder, replace(layout, foreign=layout.foreign | ({"broken links": broken} if broken else {}))


def _members(opened: Archive, archive: Path) -> tuple[dict[str, Member], int]:
    """The files of an archive by name, and the number of broken links in it.

    A link within the archive stands for the file, or for the files of the folder, that it leads to.

    Raises:
        UserError: a name leads out of the archive, or all of it is too large to be radiographs.
    """
    files: dict[str, Member] = {}
    links: dict[str, Member] = {}
    packed, size = archive.stat().st_size, 0
    for member in opened.members():
        if escapes(member.name):
            raise UserError(f"{printable(member.name)} points outside the archive's folder; do not trust this archive")
        # While members are counted: to find the end of a compressed tar it has to be decompressed.
        if (size := size + member.size) > _MAX_EXPANSION * packed:
            raise UserError(f"decompression bomb, would unpack to {size / packed:.0f} times its size; do not trust this archive")
        (files if member.link is None else links)[member.name] = member
    if len(links) > _MAX_LINKS:
        raise UserError(f"{len(links)} links; do not trust this archive, or give the folder")
    broken = sum(not _follow(link, files, links) for link in links.values())
    return files, broken


def _follow(link: Member, files: dict[str, Member], links: Mapping[str, Member]) -> bool:
    """Add the files that a link stands for; False if there are none."""
    target, seen = link.link or "", {link.name}
    while target in links and target not in seen:
        seen.add(target)
        target = links[target].link or ""
    if target in files:
        files[link.name] = files[target]
        return True
    if f"{link.name}/".startswith(f"{target}/"):  # a folder that the link lies in
        return False
    of_folder = {name: member for name, member in files.items() if name.startswith(f"{target}/") and member.name == name}
    files.update({link.name + name.removeprefix(target): member for name, member in of_folder.items()})
    return bool(of_folder)


def _write(opened: Archive, wanted: Mapping[str, list[str]], folder: Path) -> None:
    """Write the content of each wanted member to all the paths that stand for it."""
    for name, content in opened.contents(wanted):
        first, *others = [folder / path for path in wanted[name]]
        for file in (first, *others):
            file.parent.mkdir(parents=True, exist_ok=True)
        with first.open("wb") as stream:
            shutil.copyfileobj(content, stream)
        for file in others:
            shutil.copyfile(first, file)


def _refuse_without_space(size: int, name: str, directory: Path) -> None:
    if size > (free := shutil.disk_usage(directory).free):
        raise UserError(
            f"{name}: unpacks to {size / 1e9:.1f} GB, only {free / 1e9:.1f} GB free in {printable(directory)}; set cohort.cache_dir"
        )


@contextmanager
def _reading(archive: Path) -> Iterator[None]:
    """Turn the errors of a damaged archive, or one that cannot be opened, into a UserError."""
    kind = "tar" if archive.name.lower().endswith(TAR_SUFFIXES) else "zip"
    try:
        yield
    except DAMAGE as error:
        problem = printable(error)[:120]
        raise UserError(
            f"{printable(archive)}: damaged or not a {kind} ({problem}); give the cohort's folder, or download the {kind} again"
        ) from error
    except OSError as error:
        raise UserError(f"{printable(archive)}: {error.strerror or error}; make the {kind} readable") from error
