"""Stratified sampling: so many traces, of each domain and difficulty in proportion.

    drawn(strata(frame, ["domain", "difficulty"]), digests(frame), np.arange(frame.height), 1000, seed=0)

Each stratum gets its share of ``n`` by the largest remainders (Hamilton's method): whole numbers that add up to ``n``
and differ from the exact shares by less than one; of equal remainders the first stratum's counts. A trace without the
field is in a stratum of its own kind: unknown is not a difficulty.

Within a stratum, traces stand in an order that follows from the seed, the stratum and their own text. A trace that is
added or taken away elsewhere therefore changes at most how many are drawn, and a larger share only adds some.
"""

import json
from collections.abc import Iterable, Sequence
from hashlib import blake2b

import numpy as np
import polars as pl

from understudy import tables
from understudy.errors import InputError, did_you_mean
from understudy.style.buffer import Flags, Places

OWN = ("model", "variant")
"""What a trace says of itself in a column of its own."""


def strata(traces: pl.DataFrame, by: Sequence[str]) -> pl.Series:
    """The stratum of each trace as JSON: its model or variant, or its values of these fields of ``metadata``.

    Null where it has none.
    """
    found = [pl.col(name) if name in OWN else pl.col("metadata").str.json_path_match(f'$["{name}"]') for name in by]
    columns = [column.alias(f"by {name}") for column, name in zip(found, by, strict=True)]
    rows = traces.with_columns(columns).select("trace_id", pl.selectors.starts_with("by ")).iter_rows()
    return pl.Series("stratum", [tables.to_json(row[1:]) for row in rows], dtype=pl.String)


def check(stratum: pl.Series, by: Sequence[str], fields: Iterable[str]) -> None:
    """Raise ``InputError`` if no trace has one of the fields ``by``; ``fields`` are some that they have."""
    values = [json.loads(name) for name in stratum.unique()]
    for place, name in enumerate(by):
        if values and all(value[place] is None for value in values):
            raise InputError(f"no trace has '{name}' in its metadata", did_you_mean(name, [*OWN, *fields]))


def allocate(sizes: Sequence[int], n: int) -> list[int]:
    """How many of each stratum are drawn; no more than there are. ``n`` in all, or all there are."""
    total = sum(sizes)
    if n >= total:
        return list(sizes)
    quotas = [divmod(size * n, total) for size in sizes]
    left = n - sum(whole for whole, _ in quotas)
    first = sorted(range(len(sizes)), key=lambda place: (-quotas[place][1], place))[:left]
    return [whole + (place in first) for place, (whole, _) in enumerate(quotas)]


def drawn(stratum: pl.Series, digest: pl.Series, order: Places, n: int, seed: int) -> Flags:
    """Whether each trace is drawn, among those of ``order``; of the same text, the first in it comes first."""
    rows = pl.DataFrame({"row": order, "stratum": stratum.gather(order), "digest": digest.gather(order)})
    keys = [_key(seed, name, text) for name, text in rows.select("stratum", "digest").iter_rows()]
    rows = rows.with_columns(key=pl.Series(keys, dtype=pl.Binary)).sort("stratum", "key", maintain_order=True)
    sizes = rows.group_by("stratum", maintain_order=True).len()
    quotas = pl.DataFrame({"stratum": sizes["stratum"], "quota": allocate(sizes["len"].to_list(), n)})
    place = pl.int_range(pl.len()).over("stratum")
    chosen = rows.join(quotas, "stratum", "left", maintain_order="left").filter(place < pl.col("quota"))["row"]
    result = np.zeros(len(stratum), np.bool_)
    result[chosen.to_numpy()] = True
    return result


def _key(seed: int, stratum: str, digest: bytes) -> bytes:
    return blake2b(f"{seed}/{stratum}/".encode() + digest, digest_size=16).digest()
