/* What becomes of a record: settled, dropped, parked, rejected. See handlers.h.
 * Thread: the lane's worker. */
#include "base/alloc.h"
#include "service/handler_lane.h"

/* ---- Settling -----------------------------------------------------------------------------------
 */

void weir_settle_flush(weir_handlers *h, weir_handler_lane *l)
{
    if (l->n_settled) {
        if (h->options.transactor) {
            weir_transactor_put(h->options.transactor, l->settled, l->n_settled);
        } else {
            weir_engine_settle(h->engine, l->settled, l->n_settled);
        }
        l->n_settled = 0;
        l->urgent = false;
    }
}

void weir_forget_why(weir_record *r)
{
    weir_free(r->why);
    r->why = NULL;
}

void weir_settle_record(weir_handlers *h, weir_handler_lane *l, weir_record *r)
{
    if (r->recall && !r->noted) {
        weir_note_done(h, l, r);
        return;
    }
    if (r->recall) {
        weir_parking_left(h->options.parking, r);
    }
    l->urgent |= weir_lane_finish(&l->lane, r, l->now_ms);
    weir_forget_why(r);
    l->settled[l->n_settled++] = r;
    if (l->n_settled == WEIR_SETTLE_BATCH) {
        weir_settle_flush(h, l);
    }
}

void weir_drop_record(weir_handlers *h, weir_handler_lane *l, weir_record *r)
{
    weir_lane_finish(&l->lane, r, l->now_ms);
    weir_forget_why(r);
    weir_batch_forget(l, r);
    if (r->recall) {
        weir_parking_left(h->options.parking, r);
    }
    weir_engine_drop(h->engine, &r, 1);
}

static void name_place(const weir_record *r, weir_error *err)
{
    (void)weir_at(err, "%.*s/%d@%lld", (int)(r->raw.topic.len > 60 ? 60 : r->raw.topic.len),
        r->raw.topic.ptr, (int)r->raw.partition, (long long)r->raw.offset);
}

void weir_fail_record(weir_handlers *h, weir_handler_lane *l, weir_record *r, weir_error *err)
{
    err->status = WEIR_FATAL;
    name_place(r, err);
    weir_engine_fail(h->engine, err);
    weir_drop_record(h, l, r);
}

void weir_fail_record_oom(weir_handlers *h, weir_handler_lane *l, weir_record *r)
{
    weir_error err;
    weir_fail_oom(&err);
    weir_fail_record(h, l, r, &err);
}

bool weir_record_is_over(const weir_handlers *h, const weir_record *r)
{
    return weir_engine_failed(h->engine) ||
           atomic_load_explicit(&r->partition->revoked, memory_order_relaxed);
}

void weir_park_record(weir_handlers *h, weir_handler_lane *l, weir_record *r, int64_t after_ms)
{
    if (weir_record_is_over(h, r)) {
        weir_drop_record(h, l, r);
    } else if (weir_lane_park(&l->lane, r, l->now_ms + after_ms)) {
        weir_fail_record_oom(h, l, r);
    }
}

/* A fifth of jitter, so that keys which failed together do not come back together. */
static int64_t backoff(
    const weir_handlers_options *o, const weir_route *of, weir_handler_lane *l, uint32_t times)
{
    int64_t ms = of && of->backoff_ms ? of->backoff_ms : o->backoff_ms;
    int64_t most_ms = of && of->max_backoff_ms ? of->max_backoff_ms : o->max_backoff_ms;
    for (uint32_t i = 1; i < times && ms < most_ms; i++) {
        ms *= 2;
    }
    ms = ms > most_ms ? most_ms : ms;
    l->random ^= l->random << 13;
    l->random ^= l->random >> 7;
    l->random ^= l->random << 17;
    int64_t spread = ms / 5;
    return spread ? ms - spread / 2 + (int64_t)(l->random % (uint64_t)spread) : ms;
}

/* ---- Verdicts -----------------------------------------------------------------------------------
 */

/* Why it failed, for its dead letter and for whoever looks. False: out of memory. */
static bool remember_why(weir_record *r, const weir_error *why, const weir_route *route)
{
    weir_why *w = r->why ? r->why : weir_alloc(sizeof *w);
    if (w) {
        *w = (weir_why){.error = *why, .letter_topic = route ? route->dead_letter_topic : NULL};
    }
    r->why = w;
    return w;
}

void weir_wait_for_letters(
    weir_handlers *h, weir_handler_lane *l, weir_record *r, const weir_error *why)
{
    if (!l->letters_wait) {
        weir_log_error(h->options.log, WEIR_LOG_WARN, h->options.name, why, "dead letters wait");
    }
    l->letters_wait = true;
    weir_park_record(h, l, r, backoff(&h->options, NULL, l, ++r->holds));
}

/* It leaves with its record's offset. */
static void hand_letter_over(weir_handlers *h, weir_handler_lane *l, weir_record *r)
{
    const weir_why *why = r->why;
    weir_message *m = weir_take_message(l);
    bool made = m && weir_make_letter(h, r, &why->error, why->letter_topic, false, m);
    made = made && (!why->parks || weir_append_parked(h, r, m)) &&
           (why->parks || !r->recall || weir_append_done(h, r, m));
    if (!made) {
        weir_fail_record_oom(h, l, r);
        return;
    }
    weir_bump(&l->count.dead_lettered);
    weir_keep_effects(l, r, m);
    weir_settle_record(h, l, r);
}

/* The key stays parked until its dead letter is safe. */
void weir_write_dead_letter(weir_handlers *h, weir_handler_lane *l, weir_record *r)
{
    if (h->options.transactor) {
        hand_letter_over(h, l, r);
        return;
    }
    const weir_dead_letters *to = &h->options.dead_letters;
    const weir_why *why = r->why;
    weir_raw_record original;
    uint32_t topic;
    bool replayed =
        h->options.topics[r->partition->tag].replays && weir_replayed(h, r, &original, &topic);
    weir_dead_letter letter = {
        replayed ? &original : &r->raw, why->error, r->attempt, why->letter_topic, false, r->lacks};
    weir_error err;
    weir_status s = to->write(to->self, &letter, 1, &err);
    l->now_ms = weir_handlers_now(h);
    if (s == WEIR_HOLD || s == WEIR_RETRY) {
        weir_wait_for_letters(h, l, r, &err);
    } else if (s) {
        weir_fail_record(h, l, r, &err);
    } else {
        l->letters_wait = false;
        weir_bump(&l->count.dead_lettered);
        r->lettered = true;
        (why->parks ? weir_note_parked : weir_settle_record)(h, l, r);
    }
}

static bool takes_letters(const weir_handlers *h)
{
    return h->options.transactor || h->options.dead_letters.write;
}

/* False: its key cannot be parked now, so it is held, and handled again. */
static bool park_followers(weir_handlers *h, weir_handler_lane *l, weir_record *r, weir_message *m)
{
    weir_why *w = r->why;
    w->parks = weir_record_parks(h, r, m->route);
    if (w->parks && weir_parking_park(h->options.parking, r, &m->error)) {
        weir_hold_longer(h, l, r, m);
        return false;
    }
    return true;
}

static void reject(weir_handlers *h, weir_handler_lane *l, weir_record *r, weir_message *m)
{
    weir_error *why = &m->error;
    weir_bump(&l->count.rejected);
    const char *note;
    weir_log_level level = weir_log_next(&l->rejections, why, &note);
    weir_log_error(h->options.log, level, h->options.name, why,
        "rejected %.*s/%d@%lld after %u attempt%s%s", WEIR_ARG(r->raw.topic), (int)r->raw.partition,
        (long long)r->raw.offset, r->attempt, r->attempt == 1 ? "" : "s", note);
    if (h->options.on_reject == WEIR_ON_REJECT_STOP) {
        weir_fail_record(h, l, r, why);
    } else if (h->options.on_reject == WEIR_ON_REJECT_SKIP || !takes_letters(h)) {
        weir_settle_record(h, l, r);
    } else if (!remember_why(r, why, m->route)) {
        weir_fail_record_oom(h, l, r);
    } else if (park_followers(h, l, r, m)) {
        r->rejected = true;
        weir_write_dead_letter(h, l, r);
    }
}

static void retry(weir_handlers *h, weir_handler_lane *l, weir_record *r, weir_message *m)
{
    uint32_t most =
        m->route && m->route->max_attempts ? m->route->max_attempts : h->options.max_attempts;
    if (m->route && m->route->inbox) {
        weir_unit_note_attempt(h, l, m);
    }
    if (r->attempt >= most) {
        reject(h, l, r, m);
        return;
    }
    weir_bump(&l->count.retried);
    weir_log_error(h->options.log, WEIR_LOG_DEBUG, h->options.name, &m->error,
        "attempt %u of %.*s/%d@%lld failed", r->attempt, WEIR_ARG(r->raw.topic),
        (int)r->raw.partition, (long long)r->raw.offset);
    (void)remember_why(r, &m->error, m->route);
    int64_t after_ms = m->after_ms ? m->after_ms : backoff(&h->options, m->route, l, r->attempt);
    if (!weir_engine_note_failure(h->engine, r, r->attempt) && !l->uncounted) {
        l->uncounted = true;
        weir_log_line(h->options.log, WEIR_LOG_WARN, h->options.name,
            "more records of a partition wait for another attempt than a commit can tell of: "
            "behind a crash the attempts of some begin again");
    }
    r->attempt++;
    weir_park_record(h, l, r, after_ms);
}

void weir_hold_record(
    weir_handlers *h, weir_handler_lane *l, weir_record *r, weir_message *m, int64_t after_ms)
{
    weir_bump(&l->count.held);
    (void)remember_why(r, &m->error, m->route);
    weir_park_record(h, l, r, after_ms);
}

void weir_hold_longer(weir_handlers *h, weir_handler_lane *l, weir_record *r, weir_message *m)
{
    weir_hold_record(h, l, r, m, backoff(&h->options, m->route, l, ++r->holds));
}

void weir_give_back(weir_message *m, weir_status s, int64_t now_ms)
{
    weir_breaker_outcome o = s == WEIR_OK || s == WEIR_REJECT ? WEIR_BREAKER_SUCCESS
                             : s == WEIR_RETRY                ? WEIR_BREAKER_FAILURE
                                                              : WEIR_BREAKER_NEITHER;
    if (m->called && m->route->breaker) {
        weir_breaker_report(m->route->breaker, m->probe, o, now_ms);
    }
    if (m->counted) {
        atomic_fetch_sub(m->route->in_flight, 1);
    }
    m->called = m->counted = false;
}

/* What a handler's answer comes to. A status without a reason gets the class's own; weir's own want
 * of memory is no fault of the record's, and is waited for. */
static weir_status verdict(weir_message *m, weir_status s)
{
    static const weir_code codes[] = {[WEIR_RETRY] = WEIR_E_HANDLER_RETRY,
        [WEIR_HOLD] = WEIR_E_HANDLER_HOLD,
        [WEIR_REJECT] = WEIR_E_HANDLER_REJECT,
        [WEIR_FATAL] = WEIR_E_HANDLER_FATAL};
    if (m->misses_tx) {
        return weir_fail(&m->error, WEIR_E_SQL_NO_TX,
            "its handler asks for the transaction of its record, and is registered without .tx");
    }
    if ((unsigned)s > WEIR_FATAL) {
        return weir_fail(&m->error, WEIR_E_HANDLER_STATUS, "a handler gave status %d", (int)s);
    }
    if (s && m->error.status != s) {
        weir_fail(&m->error, codes[s], "%s", weir_code_get(codes[s])->meaning);
    }
    return s == WEIR_RETRY && weir_wants_memory(&m->error) ? WEIR_HOLD : s;
}

/* True: the message is kept, since its emits are to leave. */
static bool done(weir_handlers *h, weir_handler_lane *l, weir_record *r, weir_message *m)
{
    if (h->options.transactor) {
        weir_bump(&l->count.handled);
        atomic_fetch_add_explicit(&l->count.emitted, m->emits.count, memory_order_relaxed);
        if (r->recall && !weir_append_done(h, r, m)) {
            weir_fail_record_oom(h, l, r);
            return false;
        }
        bool keeps = m->emits.count > 0;
        if (keeps) {
            weir_keep_effects(l, r, m);
        }
        weir_settle_record(h, l, r);
        return keeps;
    }
    if (m->emits.count && !m->sent && !weir_engine_failed(h->engine)) {
        weir_send_emits(h, l, r, m);
        return true;
    }
    if (m->emits.count && !m->sent) {
        weir_drop_record(h, l, r); /* behind a failure nothing leaves */
        return false;
    }
    weir_bump(m->duplicate ? &l->count.duplicates : &l->count.handled);
    atomic_fetch_add_explicit(&l->count.emitted, m->emits.count, memory_order_relaxed);
    if (l->recent.most && !m->route->inbox) {
        weir_recent_add(&l->recent, m->route, weir_id(m), l->now_ms);
    }
    weir_settle_record(h, l, r);
    return false;
}

bool weir_conclude(
    weir_handlers *h, weir_handler_lane *l, weir_record *r, weir_message *m, weir_status s)
{
    if (m->note) {
        return weir_note_answered(h, l, r, m, s);
    }
    s = verdict(m, s);
    if (s && m->batched) {
        weir_batch_spoil_followers(l, r);
    }
    weir_give_back(m, s, l->now_ms);
    switch (s) {
    case WEIR_OK:
        return done(h, l, r, m);
    case WEIR_RETRY:
        retry(h, l, r, m);
        break;
    case WEIR_HOLD:
        weir_hold_longer(h, l, r, m);
        break;
    case WEIR_REJECT:
        reject(h, l, r, m);
        break;
    default:
        weir_fail_record(h, l, r, &m->error);
        break;
    }
    return false;
}
