"""Batches of a data set's rows: shuffled by a seed, padded little, resumed exactly."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from minitransformer.data.dataset import TensorDataset, stack_rows

POOL = 50  # batches among which rows of similar length are gathered


class DataLoader:
    """The rows of a data set in batches; `iter(loader)` is one epoch, `len(loader)` its batches.

        for images, labels in DataLoader(TensorDataset(x, y), batch_size=32, shuffle=True): ...

    Batch i of epoch e is a pure function of the seed, e and i. Each `iter` begins the next epoch.

    Args:
        dataset: anything with `len` and `[i]`, a list for one.
        batch_size: rows in a batch; the last of an epoch may have fewer.
        shuffle: in another order each epoch.
        seed: of the order, and of the generators that `transform` draws from.
        drop_last: leave out the batch that is not full.
        collate: `collate(rows) -> batch`, of a list of rows; `stack_rows` without it.
        lengths: (N,) the length of each row: those of similar length share a batch, so that
            little is padded. Without `shuffle`, rows come in the order of their lengths.
        transform: `transform(batch, rng) -> batch`, to augment it.

    Raises ValueError where there is no row, no batch, or not one length a row.
    """

    def __init__(
        self,
        dataset: Any,
        batch_size: int,
        shuffle: bool = False,
        seed: int = 0,
        drop_last: bool = False,
        collate: Callable[[list], Any] | None = None,
        lengths: Any = None,
        transform: Callable[[Any, np.random.Generator], Any] | None = None,
    ) -> None:
        if batch_size < 1:
            raise ValueError(f"DataLoader: batch_size must be at least 1, got {batch_size}")
        if not 0 <= seed < 2**128:
            raise ValueError(f"DataLoader: seed must be from 0 to below 2**128, got {seed}")
        rows = len(dataset)
        if not rows or (drop_last and rows < batch_size):
            raise ValueError(
                f"DataLoader: {rows} rows make no batch"
                + (f" of {batch_size}, and drop_last leaves out smaller ones" if rows else "")
            )
        self.lengths = None if lengths is None else np.asarray(lengths)
        if self.lengths is not None and self.lengths.shape != (rows,):
            raise ValueError(
                f"DataLoader: expected a length for each of {rows} rows, got {self.lengths.shape}"
            )
        self.dataset = dataset
        self.batch_size = int(batch_size)
        self.shuffle = bool(shuffle)
        self.seed = int(seed)
        self.drop_last = bool(drop_last)
        self.collate = collate
        self.transform = transform
        self.epochs_begun = 0

    def __len__(self) -> int:
        full, rest = divmod(len(self.dataset), self.batch_size)
        return full if self.drop_last else full + (rest > 0)

    def __iter__(self) -> Iterator[Any]:
        epoch = self.epochs_begun
        self.epochs_begun += 1
        return (self.read(epoch, i, rows) for i, rows in enumerate(self.plan(epoch)))

    def plan(self, epoch: int) -> list[np.ndarray]:
        """Which rows are in each batch of an epoch, counted from 0."""
        order = np.arange(len(self.dataset))
        rng = self._generator(epoch, 0)
        if self.shuffle:
            rng.shuffle(order)
        if self.lengths is not None:
            order = self._by_length(order, self.lengths)
        size = self.batch_size
        batches = [order[begin : begin + size] for begin in range(0, len(order), size)]
        if self.drop_last:
            batches = batches[: len(self)]
        if self.shuffle and self.lengths is not None:
            batches = [batches[i] for i in rng.permutation(len(batches))]
        return batches

    def read(self, epoch: int, index: int, rows: np.ndarray) -> Any:
        """Batch `index` of an epoch, which has these rows."""
        if self.collate is None and isinstance(self.dataset, TensorDataset):
            batch = self.dataset[rows]
        else:
            batch = (self.collate or stack_rows)([self.dataset[i] for i in rows.tolist()])
        if self.transform is not None:
            batch = self.transform(batch, self._generator(epoch, index + 1))
        return batch

    def endless(self) -> "EndlessBatches":
        """The batches of epoch 0, 1, 2, … without end, for `training.Trainer`."""
        return EndlessBatches(self)

    def _by_length(self, order: np.ndarray, lengths: np.ndarray) -> np.ndarray:
        """Sorted by length: all rows, or in shuffled pools, that neighbours change by epoch."""
        pool = POOL * self.batch_size if self.shuffle else len(order)
        pools = [order[begin : begin + pool] for begin in range(0, len(order), pool)]
        return np.concatenate([p[np.argsort(lengths[p], kind="stable")] for p in pools])

    def _generator(self, epoch: int, stream: int) -> np.random.Generator:
        philox = np.random.Philox(key=self.seed, counter=[0, 0, stream, epoch])
        return np.random.Generator(philox)


class EndlessBatches:
    """A loader's batches, epoch after epoch; `state_dict` says where, to the very batch."""

    def __init__(self, loader: DataLoader) -> None:
        self.loader = loader
        self.seek(0, 0)

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        if self.index == len(self._plan):
            self.seek(self.epoch + 1, 0)
        batch = self.loader.read(self.epoch, self.index, self._plan[self.index])
        self.index += 1
        return batch

    def seek(self, epoch: int, index: int) -> None:
        """Go on with batch `index` of an epoch."""
        self.epoch, self.index = epoch, index
        self._plan = self.loader.plan(epoch)

    def state_dict(self) -> dict[str, int]:
        """Where it stands, and what the batches are made of; ready for JSON."""
        loader = self.loader
        return {
            "epoch": self.epoch,
            "index": self.index,
            "rows": len(loader.dataset),
            "batch_size": loader.batch_size,
            "seed": loader.seed,
            "shuffle": int(loader.shuffle),
            "drop_last": int(loader.drop_last),
            "by_length": int(loader.lengths is not None),
        }

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Go on where `state` was taken. ValueError where its batches are made otherwise."""
        for name, own in self.state_dict().items():
            if name not in ("epoch", "index") and state[name] != own:
                raise ValueError(
                    f"EndlessBatches.load_state_dict: {name} is {own}, but {state[name]} in the"
                    " saved state: the batches would not go on as before"
                )
        self.seek(state["epoch"], state["index"])
