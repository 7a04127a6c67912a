/* Transactions in the test kit: what handled records have come to, and their offsets, in memory.
 * See <weir/test.h>. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "test_kit_inside.h"
#include "value/value.h"

static weir_status begin(void *self, weir_error *err)
{
    (void)self, (void)err;
    return WEIR_OK;
}

/* ---- What is written ----------------------------------------------------------------------------
 */

static weir_view header(const weir_outgoing *o, const char *name)
{
    weir_view found = {NULL, 0};
    for (size_t i = 0; i < o->n_headers; i++) {
        found = weir_view_is(o->headers[i].name, name) ? o->headers[i].value : found;
    }
    return found;
}

static void take_letter(weir_test_transactions *x, const weir_outgoing *o)
{
    weir_raw_record r = {.topic = header(o, "weir.dead.topic"), .key = o->key, .offset = -1};
    weir_error why = {.status = WEIR_REJECT};
    (void)weir_text_to_int64(header(o, "weir.dead.offset"), &r.offset);
    snprintf(why.code, sizeof why.code, "%.*s", WEIR_ARG(header(o, "weir.dead.code")));
    snprintf(why.where, sizeof why.where, "%.*s", WEIR_ARG(header(o, "weir.dead.where")));
    snprintf(why.text, sizeof why.text, "%.*s", WEIR_ARG(header(o, "weir.dead.text")));
    weir_test_take_letter(x->test, &r, &why);
}

static void done(weir_sending *s, const weir_error *err)
{
    s->error = *err;
}

static bool is_letter(const weir_outgoing *o)
{
    return header(o, "weir.dead.code").ptr;
}

static size_t count_emits(const weir_transaction *t)
{
    size_t n = 0;
    for (size_t i = 0; i < t->n_lists; i++) {
        for (const weir_outgoing *o = t->lists[i]; o; o = o->next) {
            n += !is_letter(o);
        }
    }
    return n;
}

static bool has_letter(const weir_transaction *t)
{
    bool has = false;
    for (size_t i = 0; i < t->n_lists; i++) {
        for (const weir_outgoing *o = t->lists[i]; o; o = o->next) {
            has |= is_letter(o);
        }
    }
    return has;
}

/* As one sending: all of them or none. */
static weir_status write_emits(
    weir_test_transactions *x, const weir_transaction *t, weir_error *err)
{
    size_t all = count_emits(t), n = 0;
    weir_outgoing *copies = weir_alloc((all + 1) * sizeof *copies);
    weir_sending s = {.first = all ? copies : NULL, .done = done};
    if (!copies) {
        return weir_fail_oom(err);
    }
    for (size_t i = 0; i < t->n_lists; i++) {
        for (const weir_outgoing *o = t->lists[i]; o; o = o->next) {
            if (!is_letter(o)) {
                copies[n] = *o;
                copies[n].next = n + 1 < all ? &copies[n + 1] : NULL;
                n++;
            }
        }
    }
    if (all) {
        x->emitter.send(x->emitter.self, &s);
        *err = s.error;
    }
    weir_free(copies);
    return s.error.status;
}

static void find_fault(
    const weir_test_transactions *x, const weir_transaction *t, weir_fault *fault)
{
    for (size_t i = 0; i < t->n_lists; i++) {
        for (const weir_outgoing *o = t->lists[i]; o; o = o->next) {
            if (weir_memory_emitter_refuses(x->emits, o)) {
                *fault = (weir_fault){(ptrdiff_t)i, o};
            }
        }
    }
}

static weir_status commit(void *self, const weir_transaction *t, weir_fault *fault, weir_error *err)
{
    weir_test_transactions *x = self;
    *fault = (weir_fault){.list = WEIR_NO_FAULT};
    if (x->fail) {
        x->fail--;
        return weir_fail(err, WEIR_E_KAFKA_PRODUCE, "the test lets transactions fail");
    }
    if (x->test->letters_fail && has_letter(t)) {
        x->test->letters_fail--;
        return weir_fail(err, WEIR_E_KAFKA_PRODUCE, "the test lets dead letters fail");
    }
    weir_status s = write_emits(x, t, err);
    if (s == WEIR_REJECT) {
        find_fault(x, t, fault);
    }
    for (size_t i = 0; i < t->n_lists && !s; i++) {
        for (const weir_outgoing *o = t->lists[i]; o; o = o->next) {
            if (is_letter(o)) {
                take_letter(x, o);
            }
        }
    }
    return s ? s : weir_memory_source_commit(x->source, t->offsets, t->n_offsets, err);
}

static void cancel(void *self)
{
    (void)self;
}

weir_transaction_port weir_test_transactions_of(weir_test_transactions *x)
{
    return (weir_transaction_port){begin, commit, cancel, x};
}
