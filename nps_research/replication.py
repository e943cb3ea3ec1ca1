"""Long simulations: replicates on several processors at once, stored so that they resume."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nps_research.progress_bar import progress

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    type Arrays = dict[str, NDArray[Any]]
    type Span = tuple[int, int]
    type Simulation = Callable[[int], Mapping[str, Any]]

# Replicates that are stored together: an interruption loses fewer than this for each processor.
BATCH = 20
IDENTITY = "identity.json"


def replicated(
    simulate: Simulation,
    replicates: int,
    *,
    identity: Mapping[str, Any],
    n_jobs: int = 1,
    folder: str | os.PathLike[str] | None = None,
    progressbar: bool | None = None,
) -> Arrays:
    """Run a simulation many times.

    Parameters
    ----------
    simulate : callable
        Maps the number of a replicate to named numbers, texts or arrays, of the same shapes every
        time. It takes its randomness from that number, so that order and processors do not matter.
    replicates : int
        How many.
    identity : mapping
        What the results depend on, ready for JSON: the folder is tied to it.
    n_jobs : int
        Processes at once, as in joblib.
    folder : path-like, optional
        Finished replicates are kept here, and are not run again.
    progressbar : bool, optional
        Whether to show progress; by default in a terminal or an open notebook.

    Returns
    -------
    dict of str to numpy.ndarray
        Stacked over replicates, in their order.

    Raises
    ------
    ValueError
        If `replicates` is below 1, or the folder holds replicates of something else.

    Examples
    --------
    >>> replicated(lambda number: {"square": number**2}, 4, identity={})["square"]
    array([0, 1, 4, 9])
    """
    if replicates < 1:
        raise ValueError(f"replicates must be 1 or more; found {replicates}.")
    spans = [(first, min(first + BATCH, replicates)) for first in range(0, replicates, BATCH)]
    place = None if folder is None else _claimed(Path(folder), identity)
    batches = {} if place is None else _stored(place, spans)
    missing = [span for span in spans if span not in batches]
    label = f"{place.name if place else 'simulating'}, batches of {BATCH}"
    computed = _computed(simulate, missing, n_jobs)
    for span, batch in progress(computed, len(missing), label, progressbar=progressbar):
        batches[span] = batch
        if place is not None:
            _store(_path(place, span), batch)
    names = batches[spans[0]]
    return {name: np.concatenate([batches[span][name] for span in spans]) for name in names}


def _computed(
    simulate: Simulation, spans: Sequence[Span], n_jobs: int
) -> Iterator[tuple[Span, Arrays]]:
    """Go through the batches as they are finished, or at the end where a backend cannot say so."""
    from joblib import Parallel, delayed  # noqa: PLC0415  (slow to import)
    from joblib.parallel import get_active_backend  # noqa: PLC0415

    streams = get_active_backend()[0].supports_return_generator
    tasks = (delayed(_batch)(simulate, span) for span in spans)
    yield from Parallel(n_jobs=n_jobs, return_as="generator_unordered" if streams else "list")(
        tasks
    )


def _batch(simulate: Simulation, span: Span) -> tuple[Span, Arrays]:
    results = [simulate(number) for number in range(*span)]
    return span, {name: np.array([each[name] for each in results]) for name in results[0]}


def _claimed(folder: Path, identity: Mapping[str, Any]) -> Path:
    """Tie a folder to what its replicates depend on, or check that it is."""
    folder.mkdir(parents=True, exist_ok=True)
    own = json.loads(json.dumps(identity))
    path = folder / IDENTITY
    if not path.exists():
        path.write_text(json.dumps(own, indent=1))
    found = json.loads(path.read_text())
    changed = sorted(key for key in own | found if own.get(key) != found.get(key))
    if changed:
        raise ValueError(
            f"{folder} holds replicates of something else: it differs in {', '.join(changed)}. "
            f"Name another folder, or delete this one."
        )
    return folder


def _path(folder: Path, span: Span) -> Path:
    return folder / f"{span[0]:06}-{span[1]:06}.npz"


def _stored(folder: Path, spans: Sequence[Span]) -> dict[Span, Arrays]:
    return {span: _loaded(_path(folder, span)) for span in spans if _path(folder, span).exists()}


def _loaded(path: Path) -> Arrays:
    with np.load(path, allow_pickle=False) as batch:
        return dict(batch)


def _store(path: Path, batch: Arrays) -> None:
    """Write under another name first: an interruption must not leave half a file."""
    unfinished = path.with_suffix(".unfinished")
    with unfinished.open("wb") as file:
        np.savez(file, allow_pickle=False, **batch)
    unfinished.replace(path)
