/* An Avro schema as the Connect schema that it stands for, in the JSON form of a record's schema
 * block: so a column is the same column, whichever way its record was written.
 *
 * Confluent's AvroData is what writes them, and Apicurio's converter does the same: connect.type
 * (int8, int16), connect.name, connect.version and connect.parameters say what Avro has no word
 * for. Where there is no connect.name, a logical type has a name of its own (decimal is
 * org.apache.kafka.connect.data.Decimal), a record its full one. A union of null and one other
 * type is that type, optional; any other union is of type "union", which no column is read by.
 *
 * Thread: plain functions. */
#ifndef WEIR_SCHEMA_AVRO_CONNECT_H
#define WEIR_SCHEMA_AVRO_CONNECT_H

#include "base/buf.h"
#include "schema/avro_schema.h"

enum { WEIR_CONNECT_BYTES = 1 << 20 };

/* Appends it. False: it is larger than WEIR_CONNECT_BYTES, since Connect's form has no references;
 * a record within itself becomes a "union", too. */
bool weir_avro_connect_put(weir_buf *to, const weir_avro_type *t);

#endif
