"""Where the columns of a row group lie in a Parquet file.

Not asked of Arrow: it ends the whole process when the description of a column is damaged in some ways (Arrow 26: an
exception of its C++ that nobody catches). Reading flows is not concerned; only this question is.
"""

from __future__ import annotations

import re
from pathlib import Path

Places = dict[str, tuple[int, int]]
"""Column to first and last byte."""

_PATTERN = re.compile(r"[*?[]")
"""Characters with a meaning in the names that DuckDB takes."""
_ASK = """SELECT path_in_schema, least(coalesce(dictionary_page_offset, data_page_offset), data_page_offset) AS first,
first + total_compressed_size - 1 FROM parquet_metadata($1) WHERE row_group_id = $2 ORDER BY column_id"""


def column_places(path: Path, group: int) -> Places:
    """The columns of a row group in the order of the file; none if its description is damaged."""
    import duckdb

    try:
        with duckdb.connect() as connection:
            found = connection.execute(_ASK, [_PATTERN.sub(r"[\g<0>]", str(path)), group]).fetchall()
        return {str(name): (int(first), int(last)) for name, first, last in found}
    except (duckdb.Error, TypeError, ValueError):
        return {}
