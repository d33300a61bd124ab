"""Bodies of ``application/vnd.apache.arrow.stream``, as pyarrow writes them."""

import io

import pyarrow as pa


def stream(*batches, schema=None, **options):
    """Batches, or tables, as one stream."""
    out = io.BytesIO()
    schema = schema or batches[0].schema
    with pa.ipc.new_stream(out, schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
        for batch in batches:
            writer.write(batch)
    return out.getvalue()
