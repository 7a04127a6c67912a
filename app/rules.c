/* From the config to sync's rules. See rules.h. */
#include "rules.h"

#include "registry.h"
#include "value/json.h"

/* ---- Sources ------------------------------------------------------------------------------------
 */

static weir_column_modes *modes_of(const weir_config_source *s, weir_arena *arena)
{
    weir_column_modes *m = weir_arena_alloc(arena, sizeof *m);
    if (m) {
        *m = weir_config_column_modes(s);
    }
    return m;
}

/* The columns' types, grouped by table in the order they stand in. */
static bool types_of(const weir_config_source *s, weir_arena *arena, weir_source_rules *out)
{
    size_t n = s->types.count, tables = 0;
    weir_typed_column *columns = weir_arena_alloc(arena, n * sizeof *columns);
    weir_table_types *types = weir_arena_alloc(arena, n * sizeof *types);
    if (!columns || !types) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        const weir_config_column_type *t = &s->types.items[i];
        weir_view table = weir_view_of(t->table);
        columns[i] = (weir_typed_column){weir_view_of(t->column), weir_view_of(t->type)};
        if (!tables || !weir_view_eq(types[tables - 1].table, table)) {
            types[tables++] = (weir_table_types){table, &columns[i], 0};
        }
        types[tables - 1].n_columns++;
    }
    out->types = types;
    out->n_types = tables;
    return true;
}

static bool appends(const weir_config_cache *c)
{
    return c->as_table && c->as_table->on_no_key == WEIR_CONFIG_NO_KEY_APPEND;
}

static bool by_transaction(const weir_config_cache *c)
{
    return c->as_table && c->as_table->apply == WEIR_CONFIG_APPLY_BY_TRANSACTION;
}

static bool unguarded(const weir_config_cache *c)
{
    return c->as_table && c->as_table->guard == WEIR_CONFIG_GUARD_OFF;
}

bool weir_takes_keyless(const weir_config *config, const weir_config_source *source)
{
    for (size_t i = 0; i < config->followed.count; i++) {
        const weir_config_cache *c = config->followed.items[i];
        if (c->source == source && appends(c)) {
            return true;
        }
    }
    return false;
}

const weir_source_rules *weir_source_rules_of(
    const weir_config_source *s, weir_avro_schemas *schemas, bool keyless, weir_arena *arena)
{
    static const weir_source_format formats[] = {
        [WEIR_CONFIG_FORMAT_AUTO] = WEIR_FORMAT_AUTO,
        [WEIR_CONFIG_FORMAT_JSON] = WEIR_FORMAT_JSON,
        [WEIR_CONFIG_FORMAT_AVRO] = WEIR_FORMAT_AVRO,
        [WEIR_CONFIG_FORMAT_CLOUDEVENTS] = WEIR_FORMAT_CLOUDEVENTS,
    };
    weir_source_rules *r = weir_arena_alloc(arena, sizeof *r);
    if (!r) {
        return NULL;
    }
    *r = (weir_source_rules){
        .topic_prefix = weir_view_of(s->topic_prefix),
        .heartbeat_topic = weir_view_of(s->heartbeat_topic),
        .placeholder = weir_view_of(s->placeholder),
        .format = formats[s->format],
        .schemas = schemas,
        .positions = s->connector == WEIR_CONFIG_CONNECTOR_POSTGRESQL,
        .unwrapped = s->unwrapped.node != NULL,
        .keyless = keyless,
        .added_prefix = weir_view_of(s->unwrapped.prefix),
        .header_prefix = weir_view_of(s->unwrapped.header_prefix),
        .modes = modes_of(s, arena),
    };
    return r->modes && types_of(s, arena, r) ? r : NULL;
}

/* ---- Caches -------------------------------------------------------------------------------------
 */

static weir_view *views_of(const weir_config_texts *t, size_t more, weir_arena *arena)
{
    weir_view *v = weir_arena_alloc(arena, (t->count + more) * sizeof *v);
    for (size_t i = 0; v && i < t->count; i++) {
        v[i] = weir_view_of(t->items[i].text);
    }
    return v;
}

static bool among(const weir_view *names, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++) {
        if (weir_view_is(names[i], name)) {
            return true;
        }
    }
    return false;
}

static weir_view json_text(const char *text, weir_arena *arena)
{
    weir_buf b = {0};
    weir_json_put_string(&b, weir_view_of(text));
    weir_view v = b.failed ? (weir_view){NULL, 0} : weir_arena_copy(arena, weir_buf_view(&b));
    weir_buf_fini(&b);
    return v;
}

weir_view weir_condition_json(const weir_config_condition *c, weir_arena *arena)
{
    switch (c->kind) {
    case WEIR_CONFIG_NULL:
        return weir_view_of("null");
    case WEIR_CONFIG_TRUE:
        return weir_view_of("true");
    case WEIR_CONFIG_FALSE:
        return weir_view_of("false");
    case WEIR_CONFIG_NUMBER:
        return weir_view_of(c->text);
    case WEIR_CONFIG_TEXT:
        break;
    }
    return json_text(c->text, arena);
}

/* Columns that only a condition needs are rendered too, and not shown. */
static bool add_conditions(const weir_config_cache *c, weir_row_view *v, weir_arena *arena)
{
    size_t n = c->where.count;
    weir_row_condition *where = weir_arena_alloc(arena, n * sizeof *where);
    weir_view *unshown = weir_arena_alloc(arena, n * sizeof *unshown);
    weir_view *keep = (weir_view *)(uintptr_t)v->projection.keep;
    weir_view *drop = (weir_view *)(uintptr_t)v->projection.drop;
    for (size_t i = 0; where && unshown && i < n; i++) {
        const char *column = c->where.items[i].column;
        where[i] =
            (weir_row_condition){json_text(weir_config_name_in_row(&c->columns, column), arena),
                weir_condition_json(&c->where.items[i], arena)};
        bool added = false;
        if (keep && !among(keep, v->projection.n_keep, column)) {
            keep[v->projection.n_keep++] = weir_view_of(column);
            added = true;
        }
        for (size_t k = 0; drop && k < v->projection.n_drop; k++) {
            if (weir_view_is(drop[k], column)) {
                drop[k] = drop[--v->projection.n_drop];
                added = true;
            }
        }
        if (added) {
            unshown[v->n_unshown++] = where[i].column;
        }
    }
    v->where = where;
    v->n_where = n;
    v->unshown = unshown;
    return !arena->failed;
}

static bool view_of(const weir_config_cache *c, weir_row_view *v, weir_arena *arena)
{
    const weir_config_columns *cols = &c->columns;
    weir_view(*rename)[2] = weir_arena_alloc(arena, cols->rename.count * sizeof *rename);
    for (size_t i = 0; rename && i < cols->rename.count; i++) {
        rename[i][0] = weir_view_of(cols->rename.items[i].name);
        rename[i][1] = weir_view_of(cols->rename.items[i].value);
    }
    *v = (weir_row_view){.hide_incomplete = c->on_incomplete == WEIR_CONFIG_INCOMPLETE_HIDE,
        .projection = {
            .keep = cols->keep.count ? views_of(&cols->keep, c->where.count, arena) : NULL,
            .n_keep = cols->keep.count,
            .drop = cols->drop.count ? views_of(&cols->drop, 0, arena) : NULL,
            .n_drop = cols->drop.count,
            .rename = cols->rename.count ? (const weir_view(*)[2])rename : NULL,
            .n_rename = cols->rename.count,
        }};
    return add_conditions(c, v, arena);
}

/* What rows a cache has, as text: a stored cache that was made by another rule is not the same
 * cache. */
static weir_view rule_text(const weir_config_cache *c, weir_arena *arena)
{
    weir_buf b = {0};
    weir_buf_printf(&b, "from %s topic %s", c->from, c->topic);
    for (size_t i = 0; i < c->columns.keep.count; i++) {
        weir_buf_printf(&b, " keep %s", c->columns.keep.items[i].text);
    }
    for (size_t i = 0; i < c->columns.drop.count; i++) {
        weir_buf_printf(&b, " drop %s", c->columns.drop.items[i].text);
    }
    for (size_t i = 0; i < c->columns.rename.count; i++) {
        weir_buf_printf(&b, " rename %s to %s", c->columns.rename.items[i].name,
            c->columns.rename.items[i].value);
    }
    for (size_t i = 0; i < c->where.count; i++) {
        weir_view value = weir_condition_json(&c->where.items[i], arena);
        weir_buf_printf(&b, " where %s is %.*s", c->where.items[i].column, WEIR_ARG(value));
    }
    weir_buf_puts(&b, c->on_incomplete == WEIR_CONFIG_INCOMPLETE_HIDE ? " hide incomplete" : "");
    weir_buf_puts(&b, weir_config_store_is_shared(c->store) ? " shared" : "");
    weir_buf_puts(&b, by_transaction(c) ? " by transaction" : "");
    weir_buf_puts(&b, unguarded(c) ? " unguarded" : "");
    weir_view v = b.failed ? (weir_view){NULL, 0} : weir_arena_copy(arena, weir_buf_view(&b));
    weir_buf_fini(&b);
    return v;
}

/* Does the column stand in rows, and no renamed one in its place? */
static bool stands(const weir_config_columns *c, const char *column, const char *name)
{
    bool replaced = false;
    for (size_t i = 0; name == column && i < c->rename.count; i++) {
        replaced |= strcmp(c->rename.items[i].value, name) == 0;
    }
    return !replaced && !weir_config_leaves_out(c, column);
}

/* By which types and modes the values of its rows are read (sync/reading.h). Records that name
 * their types go by those. */
static weir_view reading_of(const weir_config_cache *c, weir_arena *arena)
{
    const weir_config_source *s = c->source;
    weir_buf b = {0}, modes = {0};
    weir_buf_printf(&modes, "decimal %s, time %s, binary %s, placeholder %s",
        weir_config_word(decimal_mode, s->modes.decimal),
        weir_config_word(time_mode, s->modes.time), weir_config_word(binary_mode, s->modes.binary),
        s->placeholder);
    weir_buf_puts(&b, "{\"\":");
    weir_json_put_string(&b, weir_buf_view(&modes));
    for (size_t i = 0; i < s->types.count; i++) {
        const weir_config_column_type *t = &s->types.items[i];
        const char *name = weir_config_name_in_row(&c->columns, t->column);
        if (strcmp(t->table, c->table_name) == 0 && stands(&c->columns, t->column, name)) {
            weir_buf_putc(&b, ',');
            weir_json_put_string(&b, weir_view_of(name));
            weir_buf_putc(&b, ':');
            weir_json_put_string(&b, weir_view_of(t->type));
        }
    }
    weir_buf_putc(&b, '}');
    bool failed = b.failed || modes.failed;
    weir_view v = failed ? (weir_view){NULL, 0} : weir_arena_copy(arena, weir_buf_view(&b));
    weir_buf_fini(&modes);
    weir_buf_fini(&b);
    return v;
}

static bool build_cache(const weir_config_cache *c, weir_sync_cache *out, weir_arena *arena)
{
    *out = (weir_sync_cache){.name = c->name,
        .rule = rule_text(c, arena),
        .reading = reading_of(c, arena),
        .delete_marks_ms = c->delete_marks_ms,
        .full_images = weir_config_has_text(&c->source->full_images, c->table_name),
        .unguarded = unguarded(c),
        .append = appends(c)};
    return out->rule.ptr && out->reading.ptr && view_of(c, &out->view, arena);
}

/* ---- Topics -------------------------------------------------------------------------------------
 */

static weir_sync_topic *topic_of(weir_rules *r, const char *name)
{
    for (size_t i = 0; i < r->n_topics; i++) {
        if (strcmp(r->topics[i].topic, name) == 0) {
            return &r->topics[i];
        }
    }
    return NULL;
}

static const weir_source_rules *shared_rules(
    const weir_rules *r, const weir_config_source **sources, const weir_config_source *source)
{
    for (size_t i = 0; i < r->n_topics; i++) {
        if (sources[i] == source) {
            return r->topics[i].source;
        }
    }
    return NULL;
}

/* Adds the cache to its topic. sources: of each topic so far. */
static bool add_topic(weir_rules *r, const weir_config *config, const weir_config_cache *c,
    unsigned index, const weir_config_source **sources, size_t most)
{
    weir_sync_topic *t = topic_of(r, c->topic);
    if (!t) {
        const weir_source_rules *rules = shared_rules(r, sources, c->source);
        rules = rules ? rules
                      : weir_source_rules_of(c->source, r->schemas,
                            weir_takes_keyless(config, c->source), &r->arena);
        unsigned *caches = weir_arena_alloc(&r->arena, most * sizeof *caches);
        if (!rules || !caches) {
            return false;
        }
        sources[r->n_topics] = c->source;
        r->topic_names[r->n_topics] = c->topic;
        r->wait_for_topic[r->n_topics] =
            c->source->on_missing_topic == WEIR_CONFIG_MISSING_TOPIC_WAIT;
        t = &r->topics[r->n_topics++];
        *t = (weir_sync_topic){.topic = c->topic,
            .table = c->table_name,
            .source = rules,
            .caches = caches,
            .by_transaction = by_transaction(c),
            .check = weir_validations_find(&r->validations, c->source, c->table_name),
            .stop_on_regress = c->source->on_position_regress == WEIR_CONFIG_POSITION_REGRESS_STOP};
    }
    t->by_transaction |= by_transaction(c); /* all of a topic's tables, or none of them */
    ((unsigned *)(uintptr_t)t->caches)[t->n_caches++] = index;
    return true;
}

/* The topic of the source's transaction metadata, where one of its tables asks for it. */
static bool add_transactions(weir_rules *r, const weir_config_source **sources, size_t topic)
{
    const weir_config_source *source = sources[topic];
    weir_view name = weir_arena_printf(&r->arena, "%s.transaction", source->topic_prefix);
    if (!name.ptr) {
        return false;
    }
    if (topic_of(r, name.ptr)) {
        return true;
    }
    sources[r->n_topics] = source;
    r->topic_names[r->n_topics] = name.ptr;
    r->wait_for_topic[r->n_topics] = true; /* it is made with the first transaction */
    r->topics[r->n_topics++] = (weir_sync_topic){.topic = name.ptr,
        .source = r->topics[topic].source,
        .transactions = true,
        .stop_on_regress = true};
    return true;
}

weir_status weir_rules_build(
    const weir_config *config, const weir_config_store *store, weir_rules *out, weir_error *err)
{
    size_t most = config->followed.count, topics = 2 * most; /* one more of each source */
    *out = (weir_rules){.n_caches = 0};
    weir_arena_init(&out->arena, 0);
    weir_status s = weir_registry_of(config, &out->schemas, err);
    s = s ? s : weir_validations_open(config, NULL, &out->validations, NULL, err);
    if (s) {
        weir_avro_schemas_free(out->schemas);
        return s;
    }
    out->caches = weir_arena_alloc(&out->arena, most * sizeof *out->caches);
    out->topics = weir_arena_alloc(&out->arena, topics * sizeof *out->topics);
    out->topic_names = weir_arena_alloc(&out->arena, topics * sizeof(const char *));
    const weir_config_source **sources =
        weir_arena_alloc(&out->arena, topics * sizeof(const weir_config_source *));
    out->wait_for_topic = weir_arena_alloc(&out->arena, topics * sizeof(bool));
    bool ok = out->caches && out->topics && out->topic_names && out->wait_for_topic && sources;
    for (size_t i = 0; i < most && ok; i++) {
        const weir_config_cache *c = config->followed.items[i];
        if (c->store == store) {
            unsigned index = (unsigned)out->n_caches++;
            ok = build_cache(c, &out->caches[index], &out->arena) &&
                 add_topic(out, config, c, index, sources, most);
        }
    }
    for (size_t i = 0, n = out->n_topics; i < n && ok; i++) {
        ok = !out->topics[i].by_transaction || add_transactions(out, sources, i);
    }
    if (!ok) {
        weir_rules_fini(out);
        return weir_fail_oom(err);
    }
    return WEIR_OK;
}

void weir_rules_fini(weir_rules *r)
{
    weir_validations_close(&r->validations);
    weir_arena_fini(&r->arena);
    weir_avro_schemas_free(r->schemas);
    r->schemas = NULL;
}
