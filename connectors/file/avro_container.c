/* The values of Avro files. See avro_container.h. */
#include "file/avro_container.h"

#include <stdio.h>

#include "file/avro_codec.h"
#include "schema/avro_read.h"

weir_status weir_avro_container_open(weir_avro_container *c, weir_view bytes, weir_error *err)
{
    *c = (weir_avro_container){.schema = NULL};
    weir_arena_init(&c->words, 0);
    weir_status s = weir_avro_file_open(bytes, &c->words, &c->file, err);
    if (!s && !weir_avro_codec_known(c->file.codec)) {
        s = weir_avro_unpack(c->file.codec, (weir_view){"", 0}, &c->block, err); /* says so */
    }
    s = s ? s : weir_avro_schema_parse(&c->file.schema, 1, &c->schema, err);
    if (s && c->file.schema.len && err) { /* its line and column are of the schema in the header */
        char place[sizeof err->where];
        memcpy(place, err->where, sizeof place);
        snprintf(
            err->where, sizeof err->where, "%s%.70s", *place ? "the file's schema, " : "", place);
    }
    return s;
}

void weir_avro_container_close(weir_avro_container *c)
{
    weir_avro_schema_free(c->schema);
    weir_buf_fini(&c->block);
    weir_arena_fini(&c->words);
}

/* Unpacks blocks until one has a value. */
static weir_status find_value(weir_avro_container *c, bool *more, weir_error *err)
{
    weir_avro_block b;
    weir_status s = WEIR_OK;
    *more = true;
    while (!s && *more && !c->left) {
        if (c->at != c->block.len) {
            s = weir_fail(
                err, WEIR_E_AVRO_DATA, "%zu bytes are left over in a block", c->block.len - c->at);
            break;
        }
        s = weir_avro_file_next(&c->file, &b, more, err);
        if (s || !*more) {
            break;
        }
        weir_buf_clear(&c->block);
        c->at = 0;
        s = weir_avro_unpack(c->file.codec, b.bytes, &c->block, err);
        c->left = b.count;
    }
    *more = *more && !s;
    return s;
}

weir_status weir_avro_container_next(weir_avro_container *c, weir_arena *arena, weir_view *bytes,
    const weir_value **value, bool *more, weir_error *err)
{
    weir_status s = find_value(c, more, err);
    if (s || !*more) {
        return s;
    }
    size_t used = 0;
    weir_view rest = {c->block.ptr ? c->block.ptr + c->at : "", c->block.len - c->at};
    c->number++;
    s = weir_avro_read(weir_avro_root(c->schema), rest, arena, value, &used, err);
    c->empty += !s && !used;
    if (!s && c->empty > WEIR_AVRO_EMPTY_ITEMS) {
        s = weir_fail(err, WEIR_E_AVRO_LIMIT, "more than %d values of a file take no bytes",
            WEIR_AVRO_EMPTY_ITEMS);
    }
    if (s) { /* where the next one begins is not known */
        c->at = c->block.len;
        c->left = 0;
        return s;
    }
    *bytes = weir_view_make(rest.ptr, used);
    c->at += used;
    c->left--;
    return WEIR_OK;
}
