/* Rows against schemas. See row_check.h. */
#include "cdc/row_check.h"

#include "schema/judge.h"

weir_status weir_row_checker_init(weir_row_checker *c, const weir_row_rule *rule,
    const weir_log *log, const char *who, weir_error *err)
{
    *c = (weir_row_checker){.rule = rule, .log = log, .who = who};
    return rule ? weir_validator_new(rule->schema, &c->validator, err) : WEIR_OK;
}

void weir_row_checker_fini(weir_row_checker *c)
{
    weir_validator_free(c->validator);
    c->validator = NULL;
}

static weir_status explain(const weir_row_checker *c, weir_view row, weir_error *err)
{
    weir_schema_explanation why;
    weir_status s = weir_validator_explain(c->validator, row, 1, &why, err);
    if (s) {
        return s;
    }
    const weir_schema_unit *u = weir_first_failure(why.root);
    s = u ? weir_fail(err, WEIR_E_ROW_INVALID, "the row does not fit %s: %s: %.*s", c->rule->name,
                u->failures->keyword, WEIR_ARG(u->failures->text))
          : weir_fail(err, WEIR_E_ROW_INVALID, "the row does not fit %s", c->rule->name);
    if (u) {
        (void)weir_at(err, "%.*s", WEIR_ARG(u->instance));
    }
    return s;
}

static bool has_row(const weir_event *ev)
{
    return ev->kind == WEIR_EVENT_CHANGE && ev->change.kind != WEIR_TOMBSTONE &&
           ev->change.op != 'd' && ev->change.op != 't';
}

weir_status weir_row_check(const weir_row_checker *c, weir_decoder *d,
    const weir_raw_record *record, const weir_event *event, weir_arena *arena, weir_error *err)
{
    if (!c->rule || !has_row(event)) {
        return WEIR_OK;
    }
    weir_change row = event->change;
    weir_status s = weir_decoder_row(d, event, NULL, false, arena, &row, err);
    if (s) {
        return s;
    }
    if (row.missing.len) {
        atomic_fetch_add(&c->rule->counts->unjudged, 1);
        return WEIR_OK;
    }
    bool valid;
    s = weir_validator_check(c->validator, row.row, &valid, err);
    if (!s && valid) {
        return WEIR_OK;
    }
    unsigned long long count = atomic_fetch_add(&c->rule->counts->invalid, 1) + 1;
    s = s ? s : explain(c, row.row, err);
    weir_invalid_policy p = {c->rule->on_fail, "row", c->log, c->who};
    return weir_heed_invalid(&p, record, count, s, err);
}
