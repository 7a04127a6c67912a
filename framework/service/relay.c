/* The relay. See relay.h.
 *
 *   idle --rows--> sending --all answered--> forgets what is sent --> idle
 *   any failure of the database: the lead is asked for again, after a while
 */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "service/relay_inside.h"
#include "value/value.h"

enum {
    BACKOFF_MS = 100,
    MOST_BACKOFF_MS = 5000,
    LEAD_MS = 500, /* how often others ask for the lead */
    TEND_MS = 1000,
    PURGE_MS = 10000,
    MOST_COUNTED = 100000,
};

/* ---- What can be seen ---------------------------------------------------------------------------
 */

weir_relay_status weir_relay_look(weir_relay *r)
{
    pthread_mutex_lock(&r->lock);
    weir_relay_status s = r->status;
    pthread_mutex_unlock(&r->lock);
    return s;
}

bool weir_relay_busy(const weir_relay *r)
{
    return atomic_load(&r->unanswered) > 0;
}

bool weir_relay_idle(const weir_relay *r)
{
    return !weir_relay_busy(r) && !r->sending && (r->asked_others || (r->loaded && !r->n_batch));
}

static void set_trouble(weir_relay *r, const weir_error *err)
{
    static const weir_error none = {.status = WEIR_OK};
    pthread_mutex_lock(&r->lock);
    bool is_new = err && strcmp(err->code, r->status.trouble.code) != 0;
    r->status.trouble = err ? *err : none;
    r->status.leads = r->leads;
    pthread_mutex_unlock(&r->lock);
    if (is_new) {
        weir_log_error(r->options.log, WEIR_LOG_WARN, r->options.inbox->options.store, err,
            "the outbox waits");
    }
}

int64_t weir_relay_now(const weir_relay *r)
{
    return r->options.now_ms(r->options.ctx);
}

static int64_t backoff(unsigned failures)
{
    int64_t ms = BACKOFF_MS;
    for (unsigned i = 1; i < failures && ms < MOST_BACKOFF_MS; i++) {
        ms *= 2;
    }
    return ms < MOST_BACKOFF_MS ? ms : MOST_BACKOFF_MS;
}

/* ---- Sending ------------------------------------------------------------------------------------
 */

/* Thread: any. */
static void on_answer(weir_sending *s, const weir_error *err)
{
    weir_relay_sending *t = (weir_relay_sending *)s;
    weir_relay *r = t->relay;
    const weir_relay_options o = r->options; /* behind the count the relay may be gone */
    t->error = *err;
    if (atomic_fetch_sub(&r->unanswered, 1) == 1 && o.wake) {
        o.wake(o.ctx);
    }
}

static weir_relay_sending *sending_of(weir_relay *r, int topic)
{
    for (int i = 0; i < r->n_sendings; i++) {
        if (r->sendings[i].topic == topic) {
            return &r->sendings[i];
        }
    }
    weir_relay_sending *t = &r->sendings[r->n_sendings++];
    *t = (weir_relay_sending){.sending = {.done = on_answer}, .relay = r, .topic = topic};
    return t;
}

/* As long as no topic refuses, all rows leave as one sending, in their order. */
static bool is_well(const weir_relay *r)
{
    bool well = true;
    for (size_t i = 0; i < r->n_batch; i++) {
        well = well && !r->topics[r->batch[i].topic].failures;
    }
    return well;
}

/* Of a key of a topic one event is under way: a broker that refuses it for good would take the next
 * one before it. *first: it may go; its key is not free any more in either case. False: out of
 * memory, and nobody knows of its key. */
static bool take_key(weir_map *busy, weir_relay_row *b, weir_buf *name, bool *first)
{
    const weir_outgoing *o = &b->row.out;
    *first = true;
    if (!o->key.ptr) {
        return true; /* those without a key are in no order */
    }
    weir_buf_clear(name);
    weir_buf_put(name, &b->topic, sizeof b->topic);
    weir_buf_putv(name, o->key);
    weir_map_entry *e = name->failed ? NULL : weir_map_add(busy, weir_buf_view(name));
    *first = e && !e->value;
    if (*first) {
        e->value = b;
    }
    return e;
}

/* What of the batch is not over and may go now; its first part, or a further one. */
static void send_batch(weir_relay *r)
{
    bool together = is_well(r), going = true;
    weir_map busy;
    weir_buf name = {0};
    weir_map_init(&busy);
    r->n_sendings = 0;
    for (size_t i = 0; i < r->n_batch; i++) {
        weir_outgoing *o = &r->batch[i].row.out;
        bool first = false;
        r->batch[i].sent = false;
        going = going && (r->batch[i].over || take_key(&busy, &r->batch[i], &name, &first));
        if (!going || !first) {
            continue; /* out of memory: all of the rest the next time, or one could overtake it */
        }
        weir_relay_sending *t = sending_of(r, together ? WEIR_RELAY_ALL_TOPICS : r->batch[i].topic);
        if (t->n && !together && r->topics[t->topic].failures) {
            continue; /* one row finds out, lest the others are sent over and over */
        }
        r->batch[i].sent = true;
        o->next = NULL;
        if (t->last) {
            t->last->next = o;
        } else {
            t->sending.first = o;
        }
        t->last = o;
        t->n++;
        t->sending.bytes += o->key.len + o->value.len + 64;
    }
    weir_map_fini(&busy, NULL);
    weir_buf_fini(&name);
    r->sending = r->n_sendings > 0;
    atomic_store(&r->unanswered, r->n_sendings + 1);
    for (int i = 0; i < r->n_sendings; i++) {
        r->options.emitter.send(r->options.emitter.self, &r->sendings[i].sending);
    }
    atomic_fetch_sub(&r->unanswered, 1); /* the hand-over itself counts as one */
}

/* Who refuses is found out topic by topic. */
static void note_refusal(weir_relay *r, const weir_relay_sending *t)
{
    int64_t now_ms = weir_relay_now(r);
    for (size_t i = 0; i < r->n_batch; i++) {
        weir_relay_topic *topic = &r->topics[r->batch[i].topic];
        bool is_of = t->topic == WEIR_RELAY_ALL_TOPICS || t->topic == r->batch[i].topic;
        if (is_of && topic->until_ms <= now_ms) { /* once for each topic */
            topic->until_ms = now_ms + backoff(++topic->failures);
        }
    }
    weir_error why = t->error;
    why.status = WEIR_HOLD;
    set_trouble(r, &why);
}

static void close_sending(weir_relay *r, const weir_relay_sending *t)
{
    if (t->error.status) {
        note_refusal(r, t);
        return;
    }
    for (size_t i = 0; i < r->n_batch; i++) {
        if ((t->topic == WEIR_RELAY_ALL_TOPICS || t->topic == r->batch[i].topic) &&
            r->batch[i].sent) {
            r->topics[r->batch[i].topic].failures = 0;
            r->batch[i].over = true;
            weir_open_remove(&r->open, weir_open_find(&r->open, r->batch[i].row.seq));
        }
    }
    pthread_mutex_lock(&r->lock);
    r->status.relayed += t->n;
    pthread_mutex_unlock(&r->lock);
}

static void close_batch(weir_relay *r)
{
    bool all_well = true;
    for (int i = 0; i < r->n_sendings; i++) {
        close_sending(r, &r->sendings[i]);
        all_well = all_well && !r->sendings[i].error.status;
    }
    if (all_well) {
        set_trouble(r, NULL);
    }
    r->sending = false;
}

/* Further events of keys that are free again. After a refusal the rows are read anew. */
static bool send_the_rest(weir_relay *r)
{
    bool any = false;
    for (size_t i = 0; i < r->n_batch; i++) {
        any = any || !r->batch[i].over;
    }
    if (any && r->leads && r->loaded && is_well(r)) {
        send_batch(r);
    }
    return r->sending;
}

/* ---- Upkeep -------------------------------------------------------------------------------------
 */

static weir_status forget(weir_relay *r, weir_error *err)
{
    weir_inbox *i = r->options.inbox;
    int64_t seq = weir_open_sent_up_to(&r->open);
    if (seq <= r->forgotten) {
        return WEIR_OK;
    }
    weir_status s = i->database.ops->forget(i->database.self, &r->session, seq, err);
    r->forgotten = s ? r->forgotten : seq;
    return s;
}

static bool take_count(void *ctx, const weir_field *cells, size_t n)
{
    weir_relay *r = ctx;
    int64_t count = 0, oldest = 0;
    (void)(n == 2 && weir_text_to_int64(cells[0].text, &count) && cells[1].text.ptr &&
           weir_text_to_int64(cells[1].text, &oldest));
    pthread_mutex_lock(&r->lock);
    r->status.pending = (uint64_t)count;
    r->status.oldest_ms = oldest;
    pthread_mutex_unlock(&r->lock);
    return false;
}

static weir_status count(weir_relay *r, weir_error *err)
{
    weir_sql_answer answer = {.row = take_count, .ctx = r};
    weir_buf_clear(&r->sql);
    weir_buf_printf(&r->sql,
        "select count(*), min(at_ms) from (select at_ms from %s where seq > %lld order by seq "
        "limit "
        "%d) t",
        weir_relay_outbox(r), (long long)r->forgotten, MOST_COUNTED);
    return weir_relay_ask(r, &answer, err);
}

/* As long as there is more to be purged than one statement takes, half of the time goes into that:
 * handlers need the database, too. */
static weir_status tend(weir_relay *r, int64_t now_ms, weir_error *err)
{
    weir_inbox *i = r->options.inbox;
    weir_status s = WEIR_OK;
    if (now_ms >= r->tend_ms) {
        s = i->database.ops->tend(i->database.self, &r->session, err);
        s = s ? s : count(r, err);
        r->tend_ms = now_ms + TEND_MS;
    }
    if (!s && now_ms >= r->purge_ms) {
        uint64_t n;
        s = weir_inbox_purge(i, &r->session, &n, err);
        int64_t end_ms = weir_relay_now(r), took_ms = end_ms - now_ms;
        r->purge_ms = end_ms + (n == WEIR_INBOX_PURGED ? took_ms : n ? TEND_MS : PURGE_MS);
    }
    return s;
}

/* ---- Steps --------------------------------------------------------------------------------------
 */

/* Asked for each time: a session that was lost has lost it. */
static weir_status lead(weir_relay *r, weir_error *err)
{
    weir_inbox *i = r->options.inbox;
    const weir_sql_database_ops *ops = i->database.ops;
    uint64_t term = 0;
    weir_status s = weir_inbox_ready(i, &r->session, err);
    s = s ? s : ops->lead(i->database.self, &r->session, &term, err);
    r->loaded = r->loaded && term && term == r->term;
    r->asked_others = !s && !term;
    r->leads = term && !s;
    r->term = s ? 0 : term;
    if (s || !term || r->loaded) {
        return s;
    }
    s = ops->sent_up_to(i->database.self, &r->session, &r->forgotten, err);
    weir_open_reset(&r->open, r->forgotten);
    r->n_topics = 0;
    r->loaded = !s;
    return s;
}

static weir_status work(weir_relay *r, weir_error *err)
{
    if (r->sending) { /* first: what is led anew knows nothing of it */
        close_batch(r);
        if (send_the_rest(r)) {
            return WEIR_OK;
        }
    }
    weir_status s = lead(r, err);
    if (s || !r->leads) {
        return s;
    }
    weir_relay_forget_idle_topics(r);
    s = s ? s : weir_relay_look_at_gaps(r, err);
    s = s ? s : forget(r, err);
    s = s ? s : tend(r, weir_relay_now(r), err);
    s = s ? s : weir_relay_read(r, err);
    if (!s) {
        send_batch(r);
    }
    return s;
}

static int64_t after_failure(weir_relay *r, weir_error *err)
{
    r->loaded = err->status == WEIR_HOLD && r->loaded &&
                strcmp(err->code, weir_code_get(WEIR_E_OUTBOX_BLOCKED)->name) == 0;
    set_trouble(r, err);
    return r->again_ms = weir_relay_now(r) + backoff(++r->failures);
}

/* When a topic that refused is tried again, or what is old is purged further. */
static int64_t next_due(const weir_relay *r, int64_t now_ms)
{
    int64_t due = now_ms + r->options.poll_ms;
    due = r->purge_ms < due ? r->purge_ms : due;
    for (int i = 0; i < r->n_topics; i++) {
        int64_t until_ms = r->topics[i].until_ms;
        due = until_ms > now_ms && until_ms < due ? until_ms : due;
    }
    return due;
}

/* While Kafka has not answered. Who writes meanwhile needs room: a failure is found out behind the
 * answer. */
static int64_t wait_for_answers(weir_relay *r, int64_t now_ms)
{
    weir_error err;
    if (!r->leads || !r->loaded) {
        return INT64_MAX;
    }
    if (tend(r, now_ms, &err)) {
        r->tend_ms = r->purge_ms = now_ms + TEND_MS;
    }
    return r->tend_ms < r->purge_ms ? r->tend_ms : r->purge_ms;
}

int64_t weir_relay_step(weir_relay *r)
{
    weir_error err;
    int64_t now_ms = weir_relay_now(r);
    if (weir_relay_busy(r)) {
        return wait_for_answers(r, now_ms);
    }
    if (now_ms < r->again_ms) {
        return r->again_ms;
    }
    if (work(r, &err)) {
        r->sending = false;
        return after_failure(r, &err);
    }
    r->failures = 0;
    if (!r->leads) {
        set_trouble(r, NULL);
        return now_ms + LEAD_MS;
    }
    if (r->sending) {
        return weir_relay_busy(r) ? INT64_MAX : now_ms;
    }
    bool quiet = true;
    for (int i = 0; i < r->n_topics; i++) {
        quiet = quiet && !r->topics[i].failures;
    }
    if (quiet) {
        set_trouble(r, NULL);
    }
    return next_due(r, now_ms);
}

/* ---- Life ---------------------------------------------------------------------------------------
 */

weir_status weir_relay_new(const weir_relay_options *options, weir_relay **out, weir_error *err)
{
    weir_sql_database db = options->inbox->database;
    weir_relay *r = *out = weir_calloc(1, sizeof *r);
    if (!r) {
        return weir_fail_oom(err);
    }
    r->options = *options;
    weir_arena_init(&r->arena, 0);
    pthread_mutex_init(&r->lock, NULL);
    weir_status s = db.ops->session(db.self, &r->session, err);
    if (s) {
        weir_relay_free(r);
        *out = NULL;
    }
    return s;
}

void weir_relay_free(weir_relay *r)
{
    if (!r) {
        return;
    }
    if (r->session.ops) {
        r->session.ops->close(r->session.self);
    }
    weir_buf_fini(&r->sql);
    weir_arena_fini(&r->arena);
    pthread_mutex_destroy(&r->lock);
    weir_free(r);
}
