"""All encodings of Debezium that weir reads, each a connector of its own over the same tables (types.sql).

An encoding is what the connector is told and what weir is told of it. The rows must come out the same; where an encoding loses
something, wire.tsv names the exception of docs/row-contract.md and the text that the row has instead.
"""
import dataclasses

from connect import connector

TABLES = ("inventory.every_type", "public.users", "public.orders", "public.line_items", "public.marker")
BESIDE = ("public.no_key", "public.debezium_signal")  # what no cache can hold, or nobody wants
JSON = "org.apache.kafka.connect.json.JsonConverter"
# What a schema does not say (docs/row-contract.md, "Not told by a schema").
REFINED = {"inventory.every_type": {"c_money": "money", "c_oid": "oid", "c_bit1": "bit(1)", "c_varbit": "bit varying(12)",
                                  "c_hstore": "hstore"}}
REFINED_TEXT = {"inventory.every_type": {**REFINED["inventory.every_type"], "c_num": "numeric(20,6)", "c_num_free": "numeric", "c_bytea": "bytea",
                                         "c_num_arr": "numeric(8,2)[]"},
                "public.users": {"balance": "numeric(12,2)"}, "public.orders": {"total": "numeric(12,2)"}}


@dataclasses.dataclass(frozen=True)
class Encoding:
    """One connector. `types`: "all" from the database's catalog, or a table of those that are to be given; `source`: further
    lines of YAML for weir; `cached`: weir keeps caches of it."""
    name: str
    what: str
    connect: dict
    source: str = ""
    types: object = "all"
    tables: tuple = TABLES
    cached: bool = True


def _modes(decimal="precise", time="adaptive", binary="bytes", interval="numeric", hstore="json"):
    return {"decimal.handling.mode": decimal, "time.precision.mode": time, "binary.handling.mode": binary,
            "interval.handling.mode": interval, "hstore.handling.mode": hstore}


def _schemas(enabled=True):
    return {f"{side}.converter{key}": value for side in ("key", "value")
            for key, value in (("", JSON), (".schemas.enable", str(enabled).lower()))}


def _unwrap(delete_mode):
    """ExtractNewRecordState with the positions that a guarded sync needs."""
    return {"transforms": "unwrap", "transforms.unwrap.type": "io.debezium.transforms.ExtractNewRecordState",
            "transforms.unwrap.delete.tombstone.handling.mode": delete_mode,
            "transforms.unwrap.add.fields": "op,source.sequence,source.txId,source.snapshot,source.ts_ms"}


ENCODINGS = (
    Encoding("plain", "JSON without schemas, every mode by default", {}),
    Encoding("schemas", "JSON with schemas, every mode by default", _schemas(), types=REFINED),
    Encoding("dec_string", "decimals, times and intervals as text, bytes in hexadecimal",
             _modes("string", "isostring", "hex", "string", "json"),
             "modes: { decimal: string, time: isostring, binary: hex, interval: string, hstore: json }"),
    Encoding("text_schemas", "the same with schemas", {**_schemas(), **_modes("string", "isostring", "hex", "string", "map")},
             "modes: { binary: hex }", REFINED_TEXT),
    Encoding("double", "decimals as floats, milliseconds, base64", _modes("double", "connect", "base64", "numeric", "map"),
             "modes: { decimal: double, time: connect, binary: base64, hstore: map }"),
    Encoding("micros", "microseconds, base64 for addresses", _modes("precise", "microseconds", "base64-url-safe", "string", "json"),
             "modes: { time: microseconds, binary: base64-url-safe, interval: string }"),
    Encoding("nanos", "nanoseconds, with schemas", {**_schemas(), **_modes(time="nanoseconds", hstore="map")}, types=REFINED),
    Encoding("mixed", "adaptive, but times in microseconds", _modes(time="adaptive_time_microseconds"),
             "modes: { time: adaptive_time_microseconds }"),
    Encoding("unwrap", "flattened rows, deletes as tombstones", _unwrap("tombstone"), "unwrapped: { delete_mode: tombstone }"),
    Encoding("rewrite", "flattened rows with schemas, deletes rewritten", {**_schemas(), **_unwrap("rewrite")},
             "unwrapped: { delete_mode: rewrite }", REFINED),
    Encoding("cloud", "CloudEvents around JSON",
             {"value.converter": "io.debezium.converters.CloudEventsConverter", "value.converter.serializer.type": "json",
              "value.converter.data.serializer.type": "json"}, "format: cloudevents", REFINED),
    # The router fails on logical messages and signals, so this connector gets none.
    Encoding("outboxed", "the outbox router's events",
             {"transforms": "outbox", "transforms.outbox.type": "io.debezium.transforms.outbox.EventRouter",
              "message.prefix.exclude.list": ".*", "signal.data.collection": None}, tables=("public.outbox",), cached=False),
)


NAMES = {"schema.name.adjustment.mode": "avro", "field.name.adjustment.mode": "avro"}


def _converter(registry):
    """Apicurio's converter in Confluent's wire format."""
    return {".apicurio.registry.url": f"{registry.url}/apis/registry/v2",
            ".apicurio.registry.auto-register": "true", ".apicurio.registry.find-latest": "true",
            ".apicurio.registry.as-confluent": "true", ".apicurio.registry.use-id": "contentId",
            ".apicurio.registry.headers.enabled": "false"}


def avro(registry):
    """Avro, its schemas in the registry."""
    converter = {"": "io.apicurio.registry.utils.converter.AvroConverter", **_converter(registry)}
    settings = {f"{side}.converter{key}": value for side in ("key", "value") for key, value in converter.items()}
    return Encoding("avro", "Avro through the registry", {**settings, **NAMES}, "format: avro", REFINED)


def _cloud(registry, name, what, envelope):
    """CloudEvents whose data is Avro."""
    settings = {"value.converter": "io.debezium.converters.CloudEventsConverter", "value.converter.serializer.type": envelope,
                "value.converter.data.serializer.type": "avro", "value.converter.schema.name.adjustment.mode": "avro"}
    settings.update({f"value.converter.avro{key}": value for key, value in _converter(registry).items()})
    return Encoding(name, what, {**settings, **NAMES}, "format: cloudevents", REFINED)


def of_registry(registry):
    """The encodings that need one."""
    return (avro(registry), _cloud(registry, "cloud_avro", "CloudEvents around Avro", "json"),
            _cloud(registry, "cloud_both", "CloudEvents in Avro, around Avro", "avro"))


def settings(postgres, encoding):
    """The connector's settings; None takes one away."""
    tables = encoding.tables + (BESIDE if encoding.tables == TABLES else ())
    told = {**connector(postgres, encoding.name, tables), **encoding.connect}
    return {name: value for name, value in told.items() if value is not None}


def catalog_types(postgres):
    """{schema.table: {column: type}} as the database itself names them."""
    text = postgres.run("""
        select n.nspname || '.' || c.relname, a.attname,
               case when t.typtype = 'e' then 'enum' when e.typtype = 'e' then 'enum[]' else format_type(a.atttypid, a.atttypmod) end
        from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
             join pg_type t on t.oid = a.atttypid left join pg_type e on e.oid = t.typelem and t.typcategory = 'A'
        where c.relkind = 'r' and n.nspname in ('public', 'inventory') and a.attnum > 0 and not a.attisdropped
        order by 1, a.attnum""")
    types = {}
    for line in text.splitlines():
        table, column, kind = line.split("|")
        types.setdefault(table, {})[column] = kind
    return types


def source_yaml(encoding, types):
    """The encoding's entry under `sources`."""
    given = {t: c for t, c in (types if encoding.types == "all" else encoding.types).items() if t in encoding.tables}
    lines = [f"  {encoding.name}:", "    connector: postgresql", "    on_missing_topic: wait"]
    lines += [f"    {encoding.source}"] if encoding.source else []
    lines += ["    types:"] if given else []
    for table, columns in given.items():
        described = ", ".join(f'{name}: "{kind}"' for name, kind in columns.items())
        lines.append(f"      {table}: {{ {described} }}")
    return "\n".join(lines) + "\n"


def cache_of(encoding, table):
    """The name of a table's cache."""
    return f"{encoding.name}_{table.partition('.')[2]}"


def caches_yaml(encoding):
    """The encoding's entries under `caches`."""
    return "".join(f"  {cache_of(encoding, t)}: {{ from: {encoding.name}.{t}, store: local, on_incomplete: serve }}\n"
                   for t in encoding.tables)
