"""The program's SQL for other engines than DuckDB: Spark and ClickHouse.

Only what asks another engine may import this: it loads sqlglot, which local use neither needs nor has.
"""

from nftui.engine.query.portable.dialect import SETTINGS, Dialect, NotPortable
from nftui.engine.query.portable.rows import plain_rows, plain_value
from nftui.engine.query.portable.translate import made_table, translate

__all__ = ["SETTINGS", "Dialect", "NotPortable", "made_table", "plain_rows", "plain_value", "translate"]
