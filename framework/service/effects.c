/* What a record has come to, where it leaves in a transaction (service/transactor.h): its emits or
 * its dead letter, in the arena of a message that is the record's own. */
#include <string.h>

#include "base/alloc.h"
#include "service/handler_lane.h"

/* ---- On the lane --------------------------------------------------------------------------------
 */

void weir_keep_effects(weir_handler_lane *l, weir_record *r, weir_message *m)
{
    l->message = l->message == m ? NULL : l->message;
    r->effects = m;
}

/* Handlers go no further ahead of the broker than a transaction may have; but what the frontier
 * waits for does, or nothing would ever be written. */
bool weir_may_go_on(weir_handlers *h, const weir_record *r)
{
    const weir_transactor *t = h->options.transactor;
    return !t || !weir_transactor_is_full(t) || weir_engine_is_first(h->engine, r);
}

/* ---- Dead letters -------------------------------------------------------------------------------
 */

typedef struct letter_making {
    weir_message *message;
    weir_outgoing *letter;
    weir_outgoing_header *headers;
    size_t n, capacity;
} letter_making;

static void add_header(void *ctx, weir_view name, weir_view value)
{
    letter_making *k = ctx;
    weir_arena *arena = &k->message->arena;
    if (k->n < k->capacity) {
        k->headers[k->n++] = (weir_outgoing_header){
            weir_arena_copy(arena, name), value.ptr ? weir_arena_copy(arena, value) : value};
    }
}

static void count_header(void *ctx, weir_view name, weir_view value)
{
    (void)name, (void)value;
    ++*(size_t *)ctx;
}

bool weir_make_letter(weir_handlers *h, const weir_record *r, const weir_error *why,
    const char *topic, bool bare, weir_message *m)
{
    weir_raw_record original;
    uint32_t number;
    bool replayed =
        h->options.topics[r->partition->tag].replays && weir_replayed(h, r, &original, &number);
    const weir_dead_letter of = {
        replayed ? &original : &r->raw, *why, r->attempt, topic, bare, r->lacks};
    int64_t time_ms = h->options.wall_ms ? h->options.wall_ms() : 0;
    letter_making k = {.message = m};
    weir_dead_letter_headers(&of, h->options.letter_group, time_ms, count_header, &k.capacity);
    k.headers = weir_arena_alloc(&m->arena, k.capacity * sizeof *k.headers);
    k.letter = weir_arena_alloc(&m->arena, sizeof *k.letter);
    if (!k.headers || !k.letter) {
        return false;
    }
    weir_dead_letter_headers(&of, h->options.letter_group, time_ms, add_header, &k);
    *k.letter = (weir_outgoing){.topic = topic ? topic : h->options.letter_topic,
        .key = weir_dead_letter_key(&of),
        .value = weir_dead_letter_value(&of),
        .headers = k.headers,
        .n_headers = k.n};
    m->emits = (weir_emits){k.letter, k.letter, 1, k.letter->key.len + k.letter->value.len};
    m->is_letter = true;
    m->letter = k.letter;
    m->is_bare = bare;
    m->error = of.error;
    return !m->arena.failed;
}

/* ---- For the transactor -------------------------------------------------------------------------
 */

const weir_outgoing *weir_handlers_list(const weir_record *r)
{
    const weir_message *m = r->effects;
    return m ? m->emits.first : NULL;
}

size_t weir_handlers_bytes(const weir_record *r)
{
    const weir_message *m = r->effects;
    return m ? m->emits.bytes : 0;
}

void weir_handlers_free_effects(void *ctx, weir_record *r)
{
    (void)ctx;
    weir_message_free(r->effects);
    r->effects = NULL;
}

static bool is_note(const weir_handlers *h, const weir_outgoing *o)
{
    return h->options.parking && strcmp(o->topic, weir_parking_topic(h->options.parking)) == 0;
}

void weir_handlers_fit_effects(void *ctx, weir_record *r)
{
    weir_handlers *h = ctx;
    weir_message *m = r->effects;
    for (weir_outgoing *o = m && atomic_load(&h->refused_note) ? m->emits.first : NULL; o;
         o = o->next) {
        if (is_note(h, o)) {
            weir_fit_note(h, r, o, &m->arena, &m->emits.bytes);
        }
    }
}

static weir_status refused(const weir_handlers *h, weir_error *why)
{
    weir_error text = *why;
    weir_fail(why, WEIR_E_DEAD_LETTER_REFUSED, "%s", text.text);
    return why->status = h->options.letters_hold ? WEIR_HOLD : why->status;
}

/* A letter that is too large goes without the most of its record; what is noted behind it stays.
 * There is no other place for it: if that is refused, too, nothing can be done. */
static weir_status make_letter_bare(
    weir_handlers *h, const weir_record *r, weir_message *m, weir_error *why)
{
    weir_error reason = m->error;
    weir_emits before = m->emits;
    if (m->is_bare) {
        return refused(h, why);
    }
    weir_log_error(h->options.log, WEIR_LOG_WARN, h->options.name, why,
        "the dead letter of %.*s/%d@%lld is written without its value", WEIR_ARG(r->raw.topic),
        (int)r->raw.partition, (long long)r->raw.offset);
    if (!weir_make_letter(h, r, &reason, before.first->topic, true, m)) {
        return weir_fail_oom(why);
    }
    m->letter->next = before.first->next;
    m->emits.last = before.count > 1 ? before.last : m->letter;
    m->emits.count = before.count;
    for (const weir_outgoing *o = m->letter->next; o; o = o->next) {
        m->emits.bytes += o->key.len + o->value.len;
    }
    return WEIR_OK;
}

/* The note of the list that the broker has refused; NULL: it was no note. */
static weir_outgoing *refused_note(
    const weir_handlers *h, const weir_message *m, const weir_outgoing *refused)
{
    weir_outgoing *o = m->emits.first;
    while (o && o != (refused ? refused : m->letter ? m->letter : m->emits.last)) {
        o = o->next;
    }
    return o && is_note(h, o) ? o : NULL;
}

/* The letter leaves without the note behind it. */
static weir_status leave_note_out(
    weir_handlers *h, const weir_record *r, weir_message *m, const weir_error *why)
{
    m->emits.bytes -= m->letter->next->key.len + m->letter->next->value.len;
    m->letter->next = NULL;
    m->emits.last = m->letter;
    m->emits.count = 1;
    weir_give_up_parking(h, r, why);
    return WEIR_OK;
}

/* In the place of its copy. */
static weir_status make_letter_of_follower(
    weir_handlers *h, const weir_record *r, weir_message *m, weir_error *why)
{
    weir_error text = *why;
    weir_fail(why, WEIR_E_PARKED_KEY_TOO_LARGE, "%s", text.text);
    return weir_make_letter(h, r, why, NULL, false, m) ? WEIR_OK : weir_fail_oom(why);
}

static weir_status make_note_bare(
    weir_handlers *h, const weir_record *r, weir_message *m, weir_outgoing *note, weir_error *why)
{
    size_t before = note->value.len;
    if (weir_strip_note(h, r, note, &m->arena, why)) {
        m->emits.bytes -= before;
        return WEIR_OK;
    }
    if (weir_cannot_be_noted(r, why)) {
        return m->letter ? leave_note_out(h, r, m, why) : make_letter_of_follower(h, r, m, why);
    }
    return why->status = h->options.letters_hold ? WEIR_HOLD : why->status;
}

weir_status weir_handlers_reject_effects(
    void *ctx, weir_record *r, const weir_outgoing *refused, weir_error *why)
{
    weir_handlers *h = ctx;
    weir_message *m = r->effects;
    weir_outgoing *note = refused_note(h, m, refused);
    if (note) {
        return make_note_bare(h, r, m, note, why);
    }
    if (m->is_letter) {
        return make_letter_bare(h, r, m, why);
    }
    weir_log_error(h->options.log, WEIR_LOG_WARN, h->options.name, why,
        "rejected %.*s/%d@%lld for what it has emitted", WEIR_ARG(r->raw.topic),
        (int)r->raw.partition, (long long)r->raw.offset);
    if (h->options.on_reject == WEIR_ON_REJECT_STOP) {
        why->status = WEIR_FATAL;
        return WEIR_FATAL;
    }
    if (h->options.on_reject == WEIR_ON_REJECT_SKIP) {
        m->emits = (weir_emits){.first = NULL};
        return WEIR_OK;
    }
    const char *topic = m->route ? m->route->dead_letter_topic : NULL;
    bool made =
        weir_make_letter(h, r, why, topic, false, m) && (!r->recall || weir_append_done(h, r, m));
    return made ? WEIR_OK : weir_fail_oom(why);
}

bool weir_handlers_may_hold(void *ctx, const weir_record *r, weir_error *why)
{
    const weir_handlers *h = ctx;
    const weir_message *m = r->effects;
    if (!m || !m->is_letter || h->options.letters_hold) {
        return true;
    }
    weir_error refused = *why;
    weir_fail(why, WEIR_E_DEAD_LETTER_REFUSED, "%s", refused.text);
    return false;
}
