"""A fit in one file: model, count table and draws, without pickle and with checksums.

The file is a zip archive of a JSON manifest, the count table as parquet and the draws as .npy
arrays, so that any language can read it and reading it runs no code. The same content gives the
same bytes.
"""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nps_research.ordinal.storage import (
    column_kind,
    loaded_counts,
    loaded_draws,
    plain_json,
    scale_fields,
    stored_counts,
    stored_draws,
)
from nps_research.session import session_information

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd
    import xarray as xr

FORMAT, FORMAT_VERSION = "nps_research fit", 1
MANIFEST = "manifest.json"
CHECKSUM = f"{MANIFEST}.sha256"
# The earliest time that a zip archive can hold: a file says nothing about when it was written.
TIME = (1980, 1, 1, 0, 0, 0)
UNIX = 3


class ArchiveError(ValueError):
    """A file that is no saved fit, or not the one that was saved."""


@dataclass(frozen=True, eq=False)
class Archive:
    """What a file holds.

    Attributes
    ----------
    model_spec : dict
        What the model was made with: formulas, options, priors.
    counts : pandas.DataFrame
        The count table; its rating scale is in the attrs, if it had one.
    idata : xarray.DataTree
        The draws.
    input_sha256 : str
        Identifies `model_spec` and `counts`: see `input_sha256`.
    versions : dict of str to str
        Packages that made the draws.
    """

    model_spec: dict[str, Any]
    counts: pd.DataFrame
    idata: xr.DataTree
    input_sha256: str
    versions: dict[str, str]


def save_fit(
    path: str | os.PathLike[str],
    model_spec: Mapping[str, Any],
    counts: pd.DataFrame,
    idata: xr.DataTree,
    *,
    overwrite: bool = False,
) -> None:
    """Save a fit to one file.

    Parameters
    ----------
    path : path-like
        The file.
    model_spec : mapping
        What the model is made with, such as the formula, family, priors. Values that JSON knows,
        arrays and dataclasses; the latter two come back as lists and dicts.
    counts : pandas.DataFrame
        The count table, with its rating scale in its attrs if it has one. The index is not kept.
    idata : xarray.DataTree
        Groups of draws, one level deep, of text, numbers, booleans and dates. Seed and settings of
        the sampler belong in the attrs.
    overwrite : bool
        Whether to replace an existing file.

    Raises
    ------
    FileExistsError
        If the file exists and `overwrite` is false.
    ValueError
        If something cannot be stored without pickle; the message names it.

    Warns
    -----
    UserWarning
        If an attr cannot be stored: it is left out.
    """
    target = Path(path)
    if target.exists() and not overwrite:
        raise FileExistsError(f"{target} exists. Choose another name, or pass overwrite=True.")
    tables, described_counts = stored_counts(counts)
    draws, described_draws = stored_draws(idata)
    members = tables | draws
    manifest = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "versions": session_information()["version"].to_dict(),
        "input_sha256": input_sha256(model_spec, counts),
        "model": plain_json(model_spec, "model_spec"),
        "counts": described_counts,
        "idata": described_draws,
        "sha256": {name: _sha256(content) for name, content in members.items()},
    }
    text = json.dumps(manifest, indent=1).encode()
    _write(target, {MANIFEST: text, CHECKSUM: _sha256(text).encode()} | members)


def load_archive(path: str | os.PathLike[str]) -> Archive:
    """Read a file written by `save_fit`.

    Parameters
    ----------
    path : path-like
        The file.

    Returns
    -------
    Archive

    Raises
    ------
    FileNotFoundError
        If there is no file.
    ArchiveError
        If the file is no saved fit, was written by a newer version, or has been edited.
    """
    source = Path(path)
    members = _read(source)
    manifest = _checked_manifest(source, members)
    counts = loaded_counts(members, manifest["counts"])
    if input_sha256(manifest["model"], counts) != manifest["input_sha256"]:
        raise ArchiveError(
            f"{source.name}: the count table does not come back as it was saved with pandas "
            f"{manifest['versions']['pandas']}. Load it with that version."
        )
    return Archive(
        model_spec=manifest["model"],
        counts=counts,
        idata=loaded_draws(members, manifest["idata"]),
        input_sha256=manifest["input_sha256"],
        versions=manifest["versions"],
    )


def input_sha256(model_spec: Mapping[str, Any], counts: pd.DataFrame) -> str:
    """Return what identifies a model and its count table: the same wherever they are stored.

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"score": [9, 3], "n": [5, 2]})
    >>> input_sha256({"formula": "score ~ 1"}, table)[:8]
    '51c8298c'
    """
    columns = {str(name): column_kind(column) for name, column in counts.items()}
    head = [plain_json(model_spec, "model_spec"), columns, scale_fields(counts)]
    rows = counts.to_csv(index=False, lineterminator="\n")
    return _sha256(f"{json.dumps(head, sort_keys=True)}\n{rows}".encode())


def _write(target: Path, members: Mapping[str, bytes]) -> None:
    """Write all or nothing: another file is never left half replaced."""
    draft = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        with zipfile.ZipFile(draft, "w") as archive:
            for name, content in members.items():
                entry = zipfile.ZipInfo(name, TIME)
                entry.create_system = UNIX
                archive.writestr(entry, content)
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)


def _read(source: Path) -> dict[str, bytes]:
    try:
        with zipfile.ZipFile(source) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
    except zipfile.BadZipFile as error:
        raise _no_fit(source) from error
    if MANIFEST not in members:
        raise _no_fit(source)
    return members


def _checked_manifest(source: Path, members: Mapping[str, bytes]) -> dict[str, Any]:
    try:
        manifest = json.loads(members[MANIFEST])
        version = int(manifest["format_version"]) if manifest["format"] == FORMAT else 0
    except (ValueError, KeyError, TypeError) as error:
        raise _no_fit(source) from error
    if version < 1:
        raise _no_fit(source)
    if version > FORMAT_VERSION:
        raise ArchiveError(
            f"{source.name} has format {version}; this version of nps_research reads up to "
            f"{FORMAT_VERSION}. Install a newer one."
        )
    _refuse_edited(source, members, manifest["sha256"])
    return dict(manifest)


def _refuse_edited(source: Path, members: Mapping[str, bytes], expected: Mapping[str, str]) -> None:
    found = {name: _sha256(content) for name, content in members.items() if name != CHECKSUM}
    wanted = dict(expected) | {MANIFEST: members.get(CHECKSUM, b"").decode("ascii", "replace")}
    changed = sorted(name for name in found | wanted if found.get(name) != wanted.get(name))
    if changed:
        raise ArchiveError(
            f"{source.name} is not as it was saved: {changed[0]} was edited or damaged. Save the "
            f"fit again."
        )


def _no_fit(source: Path) -> ArchiveError:
    return ArchiveError(f"{source.name} is no saved fit. Save one with fit.save(path).")


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
