"""The text of a Parquet column, page by page, as it lies there.

Arrow copies each value out of its page, where it is only to be hashed; that was most of the time of a training. Here
a page is decompressed (by Arrow's codecs), its values are hashed where they are, those of a dictionary once for all
the pages that use it, and their places are kept for whoever wants one of them.

Only what writers write as a rule is read here. Of everything else, and of whatever is wrong with a file, ``Unusual`` is
raised, and Arrow reads it or says what is wrong.
"""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.parquet as pq

from service.core.bucketer import field_seed
from service.core.columns import CodedText, Parts, Text
from service.kernels import parquet

_CODECS = {"SNAPPY": "snappy", "GZIP": "gzip", "ZSTD": "zstd", "BROTLI": "brotli", "UNCOMPRESSED": None}
_ENCODINGS = {"PLAIN", "RLE", "RLE_DICTIONARY", "PLAIN_DICTIONARY", "BIT_PACKED"}
"""The last is that of levels which no column has here, though writers name it."""

MAX_PAGE_ROWS = 2**22
"""A page of more is Arrow's, which need not have all of it in memory. Writers make pages of some 20,000."""


class Unusual(Exception):
    """What is not read here."""


def is_usual(metadata: pq.FileMetaData, index: int) -> bool:
    """Whether a column of text can, by what the file says of it, be read here."""
    column = metadata.schema.column(index)
    if column.physical_type != "BYTE_ARRAY" or column.max_repetition_level or column.max_definition_level > 1:
        return False
    for group in map(metadata.row_group, range(metadata.num_row_groups)):
        chunk = group.column(index)
        if chunk.num_values != group.num_rows or chunk.file_path or chunk.compression not in _CODECS:
            return False
        if not _ENCODINGS.issuperset(chunk.encodings):
            return False
    return True


class TextReader:
    """Reads a column of text of a file, some rows at a time.

    Args:
        file: all of its bytes.
        index: which column, one that ``is_usual``.
        name: of the field, from whose seed the text is hashed.
    """

    def __init__(self, file: pa.Buffer, metadata: pq.FileMetaData, index: int, *, name: str) -> None:
        self.name = name
        self._pages = iter(_Pages(file, metadata, index, name))  # which knows nothing of us: the file is let go in time
        self._rest: Text | CodedText | None = None

    def take(self, n_rows: int) -> Text | CodedText | Parts:
        """The next rows; there are so many.

        Raises:
            Unusual: there is something in them, or in what comes before them, that is not read here.
        """
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
    """The pages of a column, in their order."""

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
            if header.kind != parquet.DATA_2 or header.repetition > 0 or not 0 <= header.levels <= page.size:
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
