"""The spool gives back every row once, mixed across its whole length, and leaves nothing behind."""

import numpy as np

from service.spool import BLOCK_ROWS, BUFFER_BLOCKS, Spool

N_SLOTS = 3
BUFFER_ROWS = BLOCK_ROWS * BUFFER_BLOCKS


def rows_of(n_rows):
    """Rows whose first slot is their number, and labels that follow from it."""
    numbers = np.arange(n_rows, dtype=np.uint32)
    return np.stack([numbers, numbers * 7, 2**30 - 1 - numbers], axis=1), (numbers % 3 == 0).astype(np.int8)


def filled(folder, n_rows, *, batch=1_000):
    spool = Spool(folder, n_slots=N_SLOTS)
    buckets, labels = rows_of(n_rows)
    for start in range(0, n_rows, batch):
        spool.append(buckets[start : start + batch], labels[start : start + batch])
    return spool


def test_every_row_comes_back_once_with_its_label(tmp_path, subtests):
    for n_rows in (0, 1, BLOCK_ROWS - 1, BLOCK_ROWS, BLOCK_ROWS + 1, 5_000, BUFFER_ROWS + 300):
        with subtests.test(n_rows=n_rows):
            buckets, labels = rows_of(n_rows)
            with filled(tmp_path, n_rows) as spool:
                given = list(spool.shuffled(np.random.default_rng(0)))
            found = np.concatenate([np.empty((0, N_SLOTS), np.uint32), *(some for some, _, _ in given)])
            found_labels = np.concatenate([np.empty(0, np.int8), *(some for _, some, _ in given)])
            order = np.argsort(found[:, 0])
            assert np.array_equal(found[order], buckets)
            assert np.array_equal(found_labels[order], labels)
            assert all(some.flags.c_contiguous and some.dtype == np.uint32 for some, _, _ in given)
            assert [done for _, _, done in given] == sorted(done for _, _, done in given)
            assert not given or given[-1][2] == 1.0


def test_no_batch_is_longer_than_the_buffer(tmp_path):
    with filled(tmp_path, 2 * BUFFER_ROWS + 10, batch=BUFFER_ROWS) as spool:
        lengths = [len(labels) for _, labels, _ in spool.shuffled(np.random.default_rng(0))]
    assert max(lengths) <= BUFFER_ROWS
    assert len(lengths) == 3


def test_each_batch_is_drawn_from_the_whole_length(tmp_path):
    n_rows = 4 * BUFFER_ROWS
    with filled(tmp_path, n_rows, batch=BUFFER_ROWS) as spool:
        for buckets, _, _ in spool.shuffled(np.random.default_rng(0)):
            quarters = np.bincount(buckets[:, 0] // BUFFER_ROWS, minlength=4) / len(buckets)
            assert quarters.min() > 0.15  # of 0.25; in time order, three would be 0
            assert abs(np.corrcoef(np.arange(len(buckets)), buckets[:, 0])[0, 1]) < 0.02


def test_the_same_seed_gives_the_same_order_and_another_seed_another(tmp_path):
    def order(seed):
        return np.concatenate([buckets[:, 0] for buckets, _, _ in spool.shuffled(np.random.default_rng(seed))])

    with filled(tmp_path, 10_000) as spool:
        first = order(1)
        assert np.array_equal(first, order(1))
        assert not np.array_equal(first, order(2))


def test_the_order_does_not_depend_on_how_the_rows_were_batched(tmp_path):
    orders = []
    for batch in (100, 999, 10_000):
        with filled(tmp_path, 10_000, batch=batch) as spool:
            orders.append(np.concatenate([buckets for buckets, _, _ in spool.shuffled(np.random.default_rng(1))]))
    assert np.array_equal(orders[0], orders[1])
    assert np.array_equal(orders[0], orders[2])


def test_its_file_has_no_name_even_while_it_is_open(tmp_path):
    with filled(tmp_path, 10_000):
        assert list(tmp_path.iterdir()) == []
    assert list(tmp_path.iterdir()) == []
