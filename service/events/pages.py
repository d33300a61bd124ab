"""The text of a Parquet column, page by page, as it lies there.

Arrow copies each value out of its page, where it is only to be hashed; that was most of the time of a training. Here
a page is decompressed (by Arrow's codecs), its values are hashed where they are, those of a dictionary once for all
the pages that use it, and their places are kept for whoever wants one of them.

Only what writers write as a rule is read here. Of everything else, and of whatever is wrong with a file, ``Unusual`` is
raised, and Arrow reads it or says what is wrong.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import pyarrow as pa
import pyarrow.parquet as pq

from service.core.bucketer import field_seed
from service.core.texts import CodedText, Parts, Text
from service.events.values import is_text
from service.kernels import parquet
from service.pipeline import Aside

_CODECS = {"SNAPPY": "snappy", "GZIP": "gzip", "ZSTD": "zstd", "BROTLI": "brotli", "UNCOMPRESSED": None}
_ENCODINGS = {"PLAIN", "RLE", "RLE_DICTIONARY", "PLAIN_DICTIONARY", "BIT_PACKED"}
"""The last is that of levels which no column has here, though writers name it."""

MAX_PAGE_ROWS = 2**22
"""A page of more is Arrow's, which need not have all of it in memory. Writers make pages of some 20,000."""


class Unusual(Exception):
    """What is not read here."""


def usual_texts(file: pq.ParquetFile, names: Sequence[str]) -> dict[str, int]:
    """Those of the columns that, by what the file says of them, can be read here, and the place of each in it."""
    paths = [file.metadata.schema.column(index).path for index in range(file.metadata.num_columns)]
    alone = [name for name in names if paths.count(name) == 1]  # what is nested may have the name of what is not
    places = {name: paths.index(name) for name in alone if _is_text(file.schema_arrow.field(name).type)}
    return {name: place for name, place in places.items() if _is_usual(file.metadata, place)}


def _is_text(kind: pa.DataType) -> bool:
    return is_text(kind.value_type if pa.types.is_dictionary(kind) else kind)


def _is_usual(metadata: pq.FileMetaData, place: int) -> bool:
    column = metadata.schema.column(place)
    if column.physical_type != "BYTE_ARRAY" or column.max_repetition_level or column.max_definition_level > 1:
        return False
    for group in map(metadata.row_group, range(metadata.num_row_groups)):
        chunk = group.column(place)
        if chunk.num_values != group.num_rows or chunk.file_path or chunk.compression not in _CODECS:
            return False
        if not _ENCODINGS.issuperset(chunk.encodings):
            return False
    return True


class Texts:
    """Columns of text of a file, some rows at a time; a context manager.

    Half of them are read in another thread: this is what takes longest of all that is done with a file.

    Args:
        source: the file, in memory.
        usual: as of ``usual_texts``.
    """

    def __init__(self, source: pa.NativeFile, metadata: pq.FileMetaData, usual: Mapping[str, int]) -> None:
        source.seek(0)
        whole = source.read_buffer()
        groups = [metadata.row_group(group) for group in range(metadata.num_row_groups)]
        sizes = {name: sum(group.column(at).total_compressed_size for group in groups) for name, at in usual.items()}
        by_size = sorted(usual, key=lambda name: sizes[name])
        self._readers = {name: _Reader(_Pages(whole, metadata, usual[name], name)) for name in by_size}
        self._aside = Aside()

    def __enter__(self) -> Texts:
        self._aside.__enter__()
        return self

    def __exit__(self, *raised: object) -> None:
        self._aside.__exit__(*raised)

    def take(self, n_rows: int) -> dict[str, Text | CodedText | Parts]:
        """The next rows of each column; there are so many.

        Raises:
            Unusual: there is something in them, or in what comes before them, that is not read here.
        """
        names = list(self._readers)
        self._aside.submit(self._take, names[1::2], n_rows)
        taken = self._take(names[::2], n_rows)
        taken.update(self._aside.result())
        return taken

    def _take(self, names: Sequence[str], n_rows: int) -> dict[str, Text | CodedText | Parts]:
        return {name: self._readers[name].take(n_rows) for name in names}


class _Reader:
    """Gives out the rows of pages, which do not end where batches do."""

    def __init__(self, pages: _Pages) -> None:
        self._pages = iter(pages)
        self._rest: Text | CodedText | None = None

    def take(self, n_rows: int) -> Text | CodedText | Parts:
        parts = []
        while n_rows:
            page = self._rest
            if page is None:
                try:
                    page = next(self._pages)
                except (ValueError, OSError, pa.ArrowException, StopIteration) as error:
                    raise Unusual(str(error)) from error
            taken = min(n_rows, len(page))
            self._rest = page.rows(taken, len(page)) if taken < len(page) else None
            parts.append(page if taken == len(page) else page.rows(0, taken))
            n_rows -= taken
        return parts[0] if len(parts) == 1 else Parts(parts)


class _Pages:
    """The pages of a column, in their order. Whoever goes through them is not known here: no cycle keeps the file."""

    def __init__(self, file: pa.Buffer, metadata: pq.FileMetaData, index: int, name: str) -> None:
        self._file = file
        self._metadata = metadata
        self._index = index
        self._optional = metadata.schema.column(index).max_definition_level == 1
        self._seed = field_seed(name)

    def __iter__(self) -> Iterator[Text | CodedText]:
        for group in range(self._metadata.num_row_groups):
            chunk = self._metadata.row_group(group).column(self._index)
            begin = chunk.data_page_offset
            if chunk.has_dictionary_page and 0 < chunk.dictionary_page_offset < begin:
                begin = chunk.dictionary_page_offset
            if not 0 <= begin <= begin + chunk.total_compressed_size <= self._file.size:
                raise ValueError("a column that is not within the file")
            codec = _CODECS[chunk.compression]
            pages = self._file.slice(begin, chunk.total_compressed_size)
            yield from self._pages_of(pages, chunk.num_values, None if codec is None else pa.Codec(codec))

    def _pages_of(self, data: pa.Buffer, n_rows: int, codec: pa.Codec | None) -> Iterator[Text | CodedText]:
        dictionary: Text | None = None
        while n_rows:
            header = parquet.read_header(data)
            page, data = data.slice(header.end, header.compressed), data.slice(header.end + header.compressed)
            if header.kind == parquet.INDEX:
                continue
            if not 0 <= header.n_rows <= MAX_PAGE_ROWS:
                raise ValueError("a page of more rows than are read at once")
            if header.kind == parquet.DICTIONARY:
                if header.encoding not in (parquet.PLAIN, parquet.OLD_CODES):
                    raise ValueError("a dictionary of a kind that is not read")
                page = _decompressed(page, header.uncompressed, codec)
                dictionary = self._text(parquet.read_text(page, header.n_rows, seed=self._seed))
            elif header.n_rows:
                yield self._values(header, page, codec, dictionary)
                n_rows -= header.n_rows

    def _values(
        self, header: parquet.Header, page: pa.Buffer, codec: pa.Codec | None, dictionary: Text | None
    ) -> Text | CodedText:
        if header.encoding == parquet.PLAIN:
            dictionary = None
        elif header.encoding not in (parquet.CODES, parquet.OLD_CODES) or dictionary is None:
            raise ValueError("values of a kind that is not read")
        levels = None
        if header.kind == parquet.DATA:
            if self._optional and header.levels != parquet.RUNS:
                raise ValueError("levels of a kind that is not read")
            page = _decompressed(page, header.uncompressed, codec)
        else:
            room = min(page.size, header.uncompressed)
            if header.kind != parquet.DATA_2 or header.repetition > 0 or not 0 <= header.levels <= room:
                raise ValueError("a page of a kind that is not read")
            levels, page = page.slice(0, header.levels), page.slice(header.levels)
            page = _decompressed(page, header.uncompressed - header.levels, codec if header.packed else None)
        n_codes = None if dictionary is None else len(dictionary)
        found = parquet.read_text(
            page, header.n_rows, seed=self._seed, levels=levels, optional=self._optional, n_codes=n_codes
        )
        if dictionary is None:
            return self._text(found)
        return CodedText(codes=found.begins, values=dictionary, valid=found.valid)

    def _text(self, page: parquet.Page) -> Text:
        hashed = (self._seed, page.hashes)
        return Text(begins=page.begins, ends=page.ends, data=page.data, valid=page.valid, hashed=hashed)


def _decompressed(page: pa.Buffer, size: int, codec: pa.Codec | None) -> pa.Buffer:
    if codec is not None:
        page = codec.decompress(page, size)
    if page.size != size:
        raise ValueError("a page of another length than its header says")
    return page
