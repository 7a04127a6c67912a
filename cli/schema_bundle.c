/* Bundling. See schema_bundle.h.
 *
 * References are left as they are: each document gets the $id by which they find it. That is its
 * URI, or, where it lies beside the schema or below, its path from there, so that a bundle of local
 * files does not carry this machine's folders. In the end the bundle must compile on its own. */
#include "schema_bundle.h"

#include <string.h>

#include "schema/program.h"

/* How the schema's resources are named in a bundle. */
static weir_view name_of(const weir_schema *schema, weir_view uri)
{
    weir_view root = schema->documents[0].uri;
    const char *slash = root.len ? memrchr(root.ptr, '/', root.len) : NULL;
    size_t folder = slash ? (size_t)(slash + 1 - root.ptr) : 0;
    bool below = folder && uri.len > folder && memcmp(uri.ptr, root.ptr, folder) == 0;
    bool own_id = !weir_view_eq(schema->resources[0].uri, root);
    return below && !own_id ? weir_view_make(uri.ptr + folder, uri.len - folder) : uri;
}

static const char *id_keyword(const weir_schema *schema, uint32_t document)
{
    return schema->documents[document].dialect.draft == WEIR_DRAFT_4 ? "id" : "$id";
}

/* Its own text, with the $id that references find it by. */
static void put_document(weir_buf *out, const weir_schema *schema, uint32_t i)
{
    const weir_schema_document *d = &schema->documents[i];
    const char *id = id_keyword(schema, i);
    weir_view source = weir_source(d->root), name = name_of(schema, d->uri);
    const weir_value *own = weir_gets(d->root, id);
    if (own && weir_string_is(own, name)) {
        weir_buf_putv(out, source);
        return;
    }
    weir_buf_printf(out, "{\"%s\":", id);
    weir_json_put_string(out, name);
    if (own || d->root->type != WEIR_OBJECT) { /* another name, or none can be given to it */
        weir_buf_puts(out, ",\"allOf\":[");
        weir_buf_putv(out, source);
        weir_buf_puts(out, "]}");
    } else {
        weir_buf_puts(out, d->root->len ? "," : "");
        weir_buf_put(out, source.ptr + 1, source.len - 1);
    }
}

static bool is_bundled(const weir_schema *schema, uint32_t i)
{
    return i > 0 && !weir_meta_schema(schema->documents[i].uri).ptr;
}

static void put_all(weir_buf *out, const weir_schema *schema, bool comma)
{
    for (uint32_t i = 0; i < schema->n_documents; i++) {
        if (is_bundled(schema, i)) {
            weir_buf_puts(out, comma ? ",\n" : "\n");
            weir_json_put_string(out, name_of(schema, schema->documents[i].uri));
            weir_buf_putc(out, ':');
            put_document(out, schema, i);
            comma = true;
        }
    }
}

/* The root with the others behind the first brace of its $defs, or of its own. */
static void put_root(weir_buf *out, const weir_schema *schema)
{
    const weir_schema_document *d = &schema->documents[0];
    const char *word = d->dialect.draft <= WEIR_DRAFT_7 ? "definitions" : "$defs";
    const weir_value *defs = weir_gets(d->root, word);
    weir_view source = weir_source(d->root);
    const char *at = weir_is(defs, WEIR_OBJECT) ? defs->at + 1 : source.ptr + 1;
    weir_buf_put(out, source.ptr, (size_t)(at - source.ptr));
    if (defs) {
        put_all(out, schema, false);
        weir_buf_puts(out, defs->len ? "," : "");
    } else {
        weir_buf_printf(out, "\"%s\":{", word);
        put_all(out, schema, false);
        weir_buf_puts(out, d->root->len ? "}," : "}");
    }
    weir_buf_put(out, at, source.len - (size_t)(at - source.ptr));
    weir_buf_putc(out, '\n');
}

/* Compiled on its own, as its user will. */
static weir_status prove(const weir_schema_file *file, const weir_schema_options *options,
    const weir_buf *out, weir_error *err)
{
    weir_schema *alone;
    weir_schema_options o = *options;
    o.base_uri = file->uri;
    o.resolve = NULL;
    weir_error why;
    weir_status s = weir_schema_compile(weir_buf_view(out), &o, &alone, &why);
    if (!s) {
        weir_schema_free(alone);
        return WEIR_OK;
    }
    return weir_fail(
        err, WEIR_E_SCHEMA_UNRESOLVED, "the bundle would not stand alone: %.200s", why.text);
}

weir_status weir_schema_bundle(const weir_schema_file *file, const weir_schema_options *options,
    weir_buf *out, weir_error *err)
{
    weir_schema *schema;
    weir_schema_options o = *options;
    o.base_uri = file->uri;
    weir_status s = weir_schema_compile(weir_buf_view(&file->text), &o, &schema, err);
    if (s) {
        return s;
    }
    uint32_t others = 0;
    for (uint32_t i = 0; i < schema->n_documents; i++) {
        others += is_bundled(schema, i);
    }
    if (others && schema->documents[0].root->type == WEIR_OBJECT) {
        put_root(out, schema);
    } else {
        weir_buf_putv(out, weir_source(schema->documents[0].root));
        weir_buf_putc(out, '\n');
    }
    weir_schema_free(schema);
    return out->failed ? weir_fail_oom(err) : prove(file, options, out, err);
}
