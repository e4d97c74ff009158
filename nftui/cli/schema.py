"""`nftui schema`: what a flow has, for people and for other systems."""

from __future__ import annotations

import json

import click

from nftui.errors import UsageError

EPILOG = """\b
Examples:
  nftui schema                                 every field: name, type, unit, elements, meaning
  nftui schema --json                          the same for programs
  nftui schema clickhouse | clickhouse-client --multiquery
  nftui schema clickhouse --days 90 --kafka kafka1:9092 --topic flows
"""


@click.command(epilog=EPILOG)
@click.option("--json", "as_json", is_flag=True, help="The fields as JSON.")
@click.option("--table", default="flows", metavar="NAME", help="Name of the table. [flows]")
@click.option("--days", type=click.IntRange(0, 36_500), default=0, help="Let ClickHouse remove older flows. [never]")
@click.option("--kafka", "brokers", multiple=True, metavar="HOST:PORT", help="Fill the table from Kafka; repeatable.")
@click.option("--topic", default="flows", metavar="NAME", help="Topic in Kafka. [flows]")
@click.argument("system", type=click.Choice(["", "clickhouse"]), default="", metavar="[clickhouse]")
def schema(as_json: bool, table: str, days: int, brokers: tuple[str, ...], topic: str, system: str) -> int:
    """Fields of a flow, or the statements that make a table for them."""
    if system == "clickhouse":
        from nftui.engine.clickhouse import kafka_ddl, table_ddl

        click.echo(table_ddl(table, days), nl=False)
        if brokers:
            click.echo("\n" + kafka_ddl(table, brokers, topic), nl=False)
        return 0
    if brokers or days:
        raise UsageError("--days and --kafka are for `nftui schema clickhouse`")
    fields = _fields()
    if as_json:
        click.echo(json.dumps(fields, indent=2))
        return 0
    width = max(len(str(field["name"])) for field in fields)
    for field in fields:
        unit = f" [{field['unit']}]" if field["unit"] else ""
        click.echo(f"{field['name']:<{width}}  {field['type']:<7}  {field['doc']}{unit}")
    return 0


def _fields() -> list[dict[str, object]]:
    from nftui.engine.schema import CORE, FIELDS

    names = {"i8": "int64", "u4": "uint32", "u2": "uint16", "u1": "uint8"}
    return [
        {
            "name": field.name, "type": "address" if len(field.physical) == 2 else names.get(field.dtype, "text"),
            "columns": list(field.physical), "always": field.name in CORE, "unit": field.unit, "title": field.title,
            "elements": [list(item) if isinstance(item, tuple) else item for item in field.elements], "doc": field.doc,
        }
        for field in FIELDS.values()
    ]  # fmt: skip
