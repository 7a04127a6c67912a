/* Keywords for strings and numbers. */
#include "base/alloc.h"
#include "schema/compiler.h"

static weir_status invalid(weir_making *m, weir_keyword k, const char *takes)
{
    return weir_compiler_refuse(m->c, weir_making_node(m, m->keywords[k]), WEIR_E_SCHEMA_INVALID,
        "%s takes %s", weir_keywords[k].name, takes);
}

static bool is_number(const weir_value *v)
{
    return v->type == WEIR_INT || v->type == WEIR_NUMBER;
}

/* ---- strings -------------------------------------------------------------------------------- */

static weir_status compile_length(weir_making *m)
{
    if (!m->keywords[WEIR_KW_MIN_LENGTH] && !m->keywords[WEIR_KW_MAX_LENGTH]) {
        return WEIR_OK;
    }
    weir_length_rule *rule = weir_making_alloc(m, sizeof *rule);
    if (!rule) {
        return weir_compiler_oom(m->c);
    }
    weir_status s = weir_making_count(m, WEIR_KW_MIN_LENGTH, 0, &rule->least);
    s = s ? s : weir_making_count(m, WEIR_KW_MAX_LENGTH, UINT32_MAX, &rule->most);
    weir_making_put(m, WEIR_KIND_STRING,
        (weir_schema_op){.code = WEIR_OP_LENGTH, .keyword = "minLength", .rule = rule});
    return s;
}

static weir_status keep_regex(weir_compiler *c, weir_regex *regex)
{
    weir_schema *s = c->s;
    if ((s->n_regexes & (s->n_regexes - 1)) == 0) {
        size_t count = s->n_regexes ? 2 * (size_t)s->n_regexes : 1;
        weir_regex **all = weir_realloc(s->regexes, count * sizeof *all);
        if (!all) {
            weir_regex_free(regex);
            return weir_compiler_oom(c);
        }
        s->regexes = all;
    }
    s->regexes[s->n_regexes++] = regex;
    return WEIR_OK;
}

weir_status weir_compile_regex(weir_making *m, weir_node at, weir_view text, weir_pattern_rule *out)
{
    weir_regex *regex;
    weir_status s = weir_regex_compile(text, &regex, m->c->err);
    if (s) {
        return weir_compiler_place(m->c, at, s);
    }
    out->regex = regex;
    out->source = text;
    return keep_regex(m->c, regex);
}

static weir_status compile_pattern(weir_making *m)
{
    const weir_value *pattern = m->keywords[WEIR_KW_PATTERN];
    if (!pattern) {
        return WEIR_OK;
    }
    if (pattern->type != WEIR_STRING) {
        return invalid(m, WEIR_KW_PATTERN, "a regular expression");
    }
    weir_pattern_rule *rule = weir_making_alloc(m, sizeof *rule);
    weir_view text = weir_string(pattern, &m->c->s->arena);
    if (!rule || !text.ptr) {
        return weir_compiler_oom(m->c);
    }
    weir_making_put(m, WEIR_KIND_STRING,
        (weir_schema_op){.code = WEIR_OP_PATTERN, .keyword = "pattern", .rule = rule});
    return weir_compile_regex(m, weir_making_node(m, pattern), text, rule);
}

static weir_status compile_format(weir_making *m)
{
    const weir_value *name = m->keywords[WEIR_KW_FORMAT];
    weir_formats choice = m->c->options->formats;
    bool said = m->resource->dialect.vocabularies >> WEIR_VOCABULARY_FORMAT_ASSERTION & 1;
    if (!name || choice == WEIR_FORMATS_ANNOTATED || !(said || choice == WEIR_FORMATS_ASSERTED)) {
        return WEIR_OK;
    }
    if (name->type != WEIR_STRING) {
        return invalid(m, WEIR_KW_FORMAT, "a format's name");
    }
    weir_view text = weir_string(name, &m->c->s->arena);
    const weir_format *format =
        text.ptr ? weir_format_find(text, m->resource->dialect.draft) : NULL;
    if (!format) {
        return text.ptr ? WEIR_OK : weir_compiler_oom(m->c);
    }
    if (format->needs_idn && !m->c->s->idn) {
        weir_status s = weir_idn_new(&m->c->s->idn, m->c->err);
        if (s) {
            return s;
        }
    }
    weir_making_put(m, WEIR_KIND_STRING,
        (weir_schema_op){.code = WEIR_OP_FORMAT, .keyword = "format", .rule = format});
    return WEIR_OK;
}

static weir_status compile_content(weir_making *m)
{
    const weir_value *encoding = m->keywords[WEIR_KW_CONTENT_ENCODING],
                     *type = m->keywords[WEIR_KW_CONTENT_MEDIA_TYPE],
                     *schema = m->keywords[WEIR_KW_CONTENT_SCHEMA];
    if (!m->c->options->content) {
        return WEIR_OK;
    }
    bool base64 = weir_string_is(encoding, weir_view_of("base64"));
    bool json = weir_string_is(type, weir_view_of("application/json"));
    if (!base64 && (!json || encoding)) {
        return WEIR_OK;
    }
    weir_content_rule *rule = weir_making_alloc(m, sizeof *rule);
    if (!rule) {
        return weir_compiler_oom(m->c);
    }
    *rule = (weir_content_rule){base64, json, WEIR_NO_BLOCK};
    weir_making_put(m, WEIR_KIND_STRING,
        (weir_schema_op){.code = WEIR_OP_CONTENT,
            .keyword = base64 ? "contentEncoding" : "contentMediaType",
            .rule = rule});
    return json && schema ? weir_making_block(m, schema, &rule->block) : WEIR_OK;
}

/* ---- numbers -------------------------------------------------------------------------------- */

static void set_bound(weir_bound *b, const weir_value *v, bool exclusive, const char *keyword)
{
    b->there = true;
    b->exclusive = exclusive;
    b->text = weir_raw(v);
    b->exact = weir_decimal_of(b->text);
    b->fits = v->type == WEIR_INT && v->len <= 18 && weir_to_int64(v, &b->integer);
    b->keyword = keyword;
}

static weir_status compile_bound(
    weir_making *m, weir_keyword plain, weir_keyword exclusive, int sign, weir_bound *out)
{
    const weir_value *v = m->keywords[plain], *x = m->keywords[exclusive];
    if (v && !is_number(v)) {
        return invalid(m, plain, "a number");
    }
    if (m->resource->dialect.draft == WEIR_DRAFT_4) {
        if (x && x->type != WEIR_BOOL) {
            return invalid(m, exclusive, "true or false in draft 4");
        }
        if (v) {
            bool excludes = x && (x->flags & WEIR_TRUE);
            set_bound(out, v, excludes, weir_keywords[excludes ? exclusive : plain].name);
        }
        return WEIR_OK;
    }
    if (x && !is_number(x)) {
        return invalid(m, exclusive, "a number");
    }
    if (v) {
        set_bound(out, v, false, weir_keywords[plain].name);
    }
    if (x) { /* the narrower of the two counts */
        weir_decimal d = weir_decimal_of(weir_raw(x));
        if (!v || sign * weir_decimal_compare(&d, &out->exact) >= 0) {
            set_bound(out, x, true, weir_keywords[exclusive].name);
        }
    }
    return WEIR_OK;
}

static weir_status compile_bounds(weir_making *m)
{
    weir_bounds_rule *rule = weir_making_alloc(m, sizeof *rule);
    if (!rule) {
        return weir_compiler_oom(m->c);
    }
    weir_status s = compile_bound(m, WEIR_KW_MINIMUM, WEIR_KW_EXCLUSIVE_MINIMUM, 1, &rule->least);
    s = s ? s : compile_bound(m, WEIR_KW_MAXIMUM, WEIR_KW_EXCLUSIVE_MAXIMUM, -1, &rule->most);
    if (!s && (rule->least.there || rule->most.there)) {
        weir_making_put(m, WEIR_KIND_NUMBER,
            (weir_schema_op){.code = WEIR_OP_BOUNDS, .keyword = "minimum", .rule = rule});
    }
    return s;
}

static weir_status compile_multiple(weir_making *m)
{
    const weir_value *v = m->keywords[WEIR_KW_MULTIPLE_OF];
    if (!v) {
        return WEIR_OK;
    }
    weir_multiple_rule *rule = weir_making_alloc(m, sizeof *rule);
    if (!rule) {
        return weir_compiler_oom(m->c);
    }
    if (is_number(v)) {
        rule->text = weir_raw(v);
        rule->exact = weir_decimal_of(rule->text);
        bool fits = v->type == WEIR_INT && v->len <= 18 && weir_to_int64(v, &rule->integer);
        rule->integer = fits ? rule->integer : 0;
    }
    if (!rule->exact.count || rule->exact.negative || rule->exact.count > WEIR_DIVISOR_DIGITS) {
        return invalid(m, WEIR_KW_MULTIPLE_OF, "a number above 0 of at most 1,000 digits");
    }
    weir_making_put(m, WEIR_KIND_NUMBER,
        (weir_schema_op){.code = WEIR_OP_MULTIPLE_OF, .keyword = "multipleOf", .rule = rule});
    return WEIR_OK;
}

weir_status weir_compile_scalars(weir_making *m)
{
    weir_status s = compile_length(m);
    s = s ? s : compile_pattern(m);
    s = s ? s : compile_format(m);
    s = s ? s : compile_content(m);
    bool bounds = m->keywords[WEIR_KW_MINIMUM] || m->keywords[WEIR_KW_MAXIMUM] ||
                  m->keywords[WEIR_KW_EXCLUSIVE_MINIMUM] || m->keywords[WEIR_KW_EXCLUSIVE_MAXIMUM];
    if (!s && bounds) {
        s = compile_bounds(m);
    }
    return s ? s : compile_multiple(m);
}
