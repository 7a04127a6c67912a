/* Transactions into Kafka. See kafka_transactions.h.
 *
 *   no producer --make, init--> ready --begin, produce, offsets--> open --commit--> ready
 *                                 ^                                 | abortable, or too long
 *                                 '------------- abort -------------'
 *   ready --a record was too large, and was not alone in its batch--> no producer: the next one
 *           writes small batches, the one behind it a batch a record, until a transaction is
 *           committed
 *   any --fenced, or expired--> the end   any --fatal--> no producer; behind a commit: in doubt,
 * until the group's offsets have told
 */
#include "kafka/kafka_transactions.h"

#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

#include "base/alloc.h"
#include "engine/run.h"
#include "kafka/kafka_commit.h"
#include "kafka/kafka_membership.h"
#include "kafka/kafka_producer.h"

enum { TRANSACTION_MS = 60000, ASK_MS = 2000, FULL_MS = 5, DOUBT_MS = 200, FEW_BYTES = 4096 };

typedef struct port {
    weir_kafka_producer producer; /* first */
    weir_kafka_producer_options how;
    weir_kafka_transactions_options options;
    bool initialized; /* it may begin transactions */
    bool must_abort;  /* one is open that cannot be committed any more */
    bool renew;       /* the next transaction is another producer's */
    rd_kafka_consumer_group_metadata_t *membership;
    atomic_bool cancelled;
    int64_t open_ms; /* since when one is, monotonic; 0: none is */
    /* Of the transaction that is open: */
    rd_kafka_resp_err_t refused; /* a record's … */
    const weir_outgoing *record; /* … this one */
    bool by_broker;              /* … and not by librdkafka itself */
} port;

static void alive(const port *p)
{
    if (p->options.alive) {
        p->options.alive();
    }
}

/* ---- Errors -------------------------------------------------------------------------------------
 */

static bool is_fenced(rd_kafka_resp_err_t code)
{
    return code == RD_KAFKA_RESP_ERR__FENCED || code == RD_KAFKA_RESP_ERR_PRODUCER_FENCED ||
           code == RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH;
}

static bool is_refused(rd_kafka_resp_err_t code)
{
    return code == RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED ||
           code == RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED ||
           code == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED ||
           code == RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED;
}

/* Who stood still while a transaction was open has been fenced by the broker itself, once the time
 * of transactions was over. It might go on with a new producer, but that would fence whoever has
 * been started in its place meanwhile: who starts last is to win, so it is for a supervisor to
 * start it. */
static weir_status fenced(const port *p, const char *text, weir_error *err)
{
    int64_t open_ms = p->open_ms ? weir_monotonic_ms() - p->open_ms : 0;
    if (open_ms >= p->options.transaction_ms) {
        return weir_fail(err, WEIR_E_KAFKA_EXPIRED,
            "transactional.id %.80s: a transaction stood open for %lld ms, of %d: %.150s",
            p->options.transactional_id, (long long)open_ms, p->options.transaction_ms, text);
    }
    return weir_fail(err, WEIR_E_KAFKA_FENCED, "transactional.id %.80s: %.150s",
        p->options.transactional_id, text);
}

static void end_producer(port *p)
{
    weir_kafka_producer_end(&p->producer);
    p->initialized = p->must_abort = false;
    p->open_ms = 0;
}

static void replace_producer(port *p, const char *why)
{
    weir_log_line(
        p->options.log, WEIR_LOG_WARN, "kafka", "the transactions' producer is replaced: %s", why);
    end_producer(p);
}

/* Has it turned fatal? Then it is of no more use: WEIR_OK, there is none any more; FATAL: nor will
 * there be. */
static weir_status look_for_fatal(port *p, weir_error *err)
{
    char text[256];
    rd_kafka_resp_err_t code =
        p->producer.rk ? rd_kafka_fatal_error(p->producer.rk, text, sizeof text) : 0;
    if (is_fenced(code)) {
        return fenced(p, text, err);
    }
    if (is_refused(code)) {
        return weir_fail(err, WEIR_E_KAFKA_REFUSED, "%.200s", text);
    }
    if (code) {
        replace_producer(p, text);
    }
    return WEIR_OK;
}

/* What an error comes to; frees it. A fatal one leaves no producer. */
static weir_status explain(port *p, rd_kafka_error_t *error, const char *what, weir_error *err)
{
    rd_kafka_resp_err_t code = rd_kafka_error_code(error);
    char text[256];
    bool fatal = rd_kafka_error_is_fatal(error);
    p->must_abort |= rd_kafka_error_txn_requires_abort(error);
    snprintf(text, sizeof text, "%s", rd_kafka_error_string(error));
    rd_kafka_error_destroy(error);
    if (fatal && code == RD_KAFKA_RESP_ERR__FATAL) {
        code = rd_kafka_fatal_error(p->producer.rk, text, sizeof text);
    }
    if (is_fenced(code)) {
        return fenced(p, text, err);
    }
    if (is_refused(code)) {
        return weir_fail(err, WEIR_E_KAFKA_REFUSED, "%s: %.200s", what, text);
    }
    if (fatal) {
        replace_producer(p, text);
    }
    return weir_fail(err, WEIR_E_KAFKA_PRODUCE, "%s: %.200s", what, text);
}

/* ---- The producer -------------------------------------------------------------------------------
 */

/* In commit, flush and abort, on the port's thread. */
static void on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *m, void *opaque)
{
    port *p = opaque;
    (void)rk;
    bool purged =
        m->err == RD_KAFKA_RESP_ERR__PURGE_QUEUE || m->err == RD_KAFKA_RESP_ERR__PURGE_INFLIGHT;
    if (m->err && !purged && !p->refused) {
        p->refused = m->err;
        p->record = m->_private;
        p->by_broker = true;
    }
}

/* Ends what an earlier producer of this id has left open, and fences it. */
static weir_status initialize(port *p, weir_error *err)
{
    if (p->initialized) {
        return WEIR_OK;
    }
    weir_status s = p->producer.rk ? WEIR_OK : weir_kafka_producer_make(&p->producer, &p->how, err);
    if (s) {
        return s;
    }
    alive(p);
    rd_kafka_error_t *error = rd_kafka_init_transactions(p->producer.rk, ASK_MS);
    if (error) {
        return explain(p, error, "beginning with transactions", err);
    }
    p->initialized = true;
    return WEIR_OK;
}

/* ---- The end of a transaction -------------------------------------------------------------------
 */

typedef rd_kafka_error_t *ending_fn(rd_kafka_t *rk, int timeout_ms);

/* A question about the transaction's end, until it is answered. */
static rd_kafka_error_t *until_answered(port *p, ending_fn *ask)
{
    rd_kafka_error_t *error = NULL;
    do {
        if (error) {
            rd_kafka_error_destroy(error);
        }
        alive(p);
        error = ask(p->producer.rk, ASK_MS);
    } while (error && rd_kafka_error_is_retriable(error) && !atomic_load(&p->cancelled));
    return error;
}

static weir_status abort_open(port *p, weir_error *err)
{
    if (!p->producer.rk) {
        return WEIR_OK; /* it went with its producer */
    }
    rd_kafka_error_t *error = until_answered(p, rd_kafka_abort_transaction);
    p->must_abort = error != NULL;
    p->open_ms = error ? p->open_ms : 0;
    return error ? explain(p, error, "aborting a transaction", err) : WEIR_OK;
}

/* Nothing of it is to come to pass, for the reason in err, which stays. */
static weir_status give_up(port *p, weir_status s, weir_error *err)
{
    weir_error second;
    weir_status a = abort_open(p, &second);
    if (a == WEIR_FATAL && s != WEIR_FATAL) {
        *err = second;
        return a;
    }
    return s;
}

/* Its producer is gone, and maybe with a commit that came to pass: the next one makes an end of the
 * transaction, one way or the other, and then the group's offsets tell which.
 *
 * They tell as long as nobody else commits, that is, while this member has the partitions: then all
 * of them are as the transaction would have them, or none is. Where another member has moved one on
 * by now, the answer is no, whatever came to pass, and nothing is written twice for that: a group
 * with eager rebalances takes all partitions from a member at once, so that what the transaction is
 * made of is dropped (test_what_is_in_doubt_goes_with_its_assignment), or, if this member has not
 * heard of it yet, its generation is refused (test_a_stale_member_is_refused). */
static weir_status resolve(port *p, const weir_transaction *t, weir_error *err)
{
    bool has = false;
    weir_status s = WEIR_HOLD;
    while (s && s != WEIR_FATAL && !atomic_load(&p->cancelled)) {
        s = initialize(p, err);
        s = s ? s
              : weir_kafka_source_has_committed(
                    &p->options.source, t->offsets, t->n_offsets, &has, err);
        if (s) {
            nanosleep(&(struct timespec){0, DOUBT_MS * 1000000L}, NULL);
        }
    }
    if (s || has) {
        return s;
    }
    return weir_fail(err, WEIR_E_KAFKA_PRODUCE, "a transaction ended with its producer");
}

static weir_status commit_open(port *p, const weir_transaction *t, weir_error *err)
{
    rd_kafka_error_t *error = until_answered(p, rd_kafka_commit_transaction);
    if (!error) {
        p->open_ms = 0;
        return WEIR_OK;
    }
    weir_status s = explain(p, error, "committing a transaction", err);
    weir_error fatal;
    if (s != WEIR_FATAL && look_for_fatal(p, &fatal)) {
        *err = fatal;
        s = fatal.status;
    }
    if (s != WEIR_FATAL && !p->producer.rk) {
        return resolve(p, t, err);
    }
    return s == WEIR_FATAL ? s : give_up(p, s, err);
}

/* ---- A transaction ------------------------------------------------------------------------------
 */

static bool is_over(const port *p, int64_t until_ms)
{
    return weir_monotonic_ms() >= until_ms || atomic_load(&p->cancelled);
}

static rd_kafka_resp_err_t produce(port *p, const weir_outgoing *o, int64_t until_ms)
{
    rd_kafka_resp_err_t code;
    do {
        code = weir_kafka_produce(p->producer.rk, o, (void *)(uintptr_t)o);
        if (code == RD_KAFKA_RESP_ERR__QUEUE_FULL) {
            alive(p);
            rd_kafka_poll(p->producer.rk, FULL_MS);
        }
    } while (code == RD_KAFKA_RESP_ERR__QUEUE_FULL && !is_over(p, until_ms));
    return code;
}

static rd_kafka_resp_err_t produce_all(port *p, const weir_transaction *t, int64_t until_ms)
{
    for (size_t i = 0; i < t->n_lists; i++) {
        for (const weir_outgoing *o = t->lists[i]; o; o = o->next) {
            rd_kafka_resp_err_t code = produce(p, o, until_ms);
            if (code) {
                p->refused = code;
                p->record = o;
                return code;
            }
        }
    }
    while (rd_kafka_outq_len(p->producer.rk) && !p->refused && !is_over(p, until_ms)) {
        alive(p);
        (void)rd_kafka_flush(p->producer.rk, ASK_MS);
    }
    return rd_kafka_outq_len(p->producer.rk) && !p->refused ? RD_KAFKA_RESP_ERR__TIMED_OUT
                                                            : p->refused;
}

static weir_fault find(const weir_transaction *t, const weir_outgoing *record)
{
    for (size_t i = 0; i < t->n_lists && record; i++) {
        for (const weir_outgoing *o = t->lists[i]; o; o = o->next) {
            if (o == record) {
                return (weir_fault){(ptrdiff_t)i, o};
            }
        }
    }
    return (weir_fault){.list = WEIR_NO_FAULT};
}

/* Did it have a batch of its own? */
static bool was_alone(const port *p, const weir_outgoing *o)
{
    return o && (p->how.batch_bytes == 1 ||
                    (p->how.batch_bytes && weir_outgoing_bytes(o) > (size_t)p->how.batch_bytes));
}

/* A record was not written: for good, or for now. */
static weir_status not_written(port *p, const weir_transaction *t, rd_kafka_resp_err_t code,
    weir_fault *fault, weir_error *err)
{
    char text[200];
    weir_fault is = find(t, p->record);
    bool known = is.record != NULL;
    const char *topic = known ? is.record->topic : "?";
    rd_kafka_resp_err_t fatal = rd_kafka_fatal_error(p->producer.rk, text, sizeof text);
    if (is_fenced(fatal) || is_fenced(code)) {
        return fenced(p, fatal ? text : rd_kafka_err2str(code), err);
    }
    if (weir_kafka_is_too_large(code) && p->by_broker && !was_alone(p, is.record)) {
        p->how.batch_bytes = p->how.batch_bytes ? 1 : FEW_BYTES;
        p->renew = true;
        return weir_fail(err, WEIR_E_KAFKA_PRODUCE,
            "emit to topic %s: %s; the transaction is written again in smaller batches, to see "
            "which record it is",
            topic, rd_kafka_err2str(code));
    }
    if (weir_kafka_is_too_large(code) && known) {
        *fault = is;
        return weir_fail(
            err, WEIR_E_EMIT_TOO_LARGE, "emit to topic %s: %s", topic, rd_kafka_err2str(code));
    }
    if (is_refused(code) || code == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC ||
        code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART) {
        *fault = is;
    }
    return known ? weir_fail(err, WEIR_E_KAFKA_PRODUCE, "emit to topic %s: %s", topic,
                       rd_kafka_err2str(code))
                 : weir_fail(err, WEIR_E_KAFKA_PRODUCE,
                       "the records of a transaction are not acknowledged: %s",
                       rd_kafka_err2str(code));
}

static weir_status send_offsets(
    port *p, const weir_transaction *t, int64_t until_ms, weir_error *err)
{
    rd_kafka_topic_partition_list_t *list = weir_kafka_offsets(t->offsets, t->n_offsets, true);
    if (!list) {
        return weir_fail_oom(err);
    }
    rd_kafka_error_t *error = NULL;
    do {
        if (error) {
            rd_kafka_error_destroy(error);
        }
        alive(p);
        error = rd_kafka_send_offsets_to_transaction(p->producer.rk, list, p->membership, ASK_MS);
    } while (error && rd_kafka_error_is_retriable(error) && !is_over(p, until_ms));
    rd_kafka_topic_partition_list_destroy(list);
    return error ? explain(p, error, "offsets of a transaction", err) : WEIR_OK;
}

static weir_status transactions_commit(
    void *self, const weir_transaction *t, weir_fault *fault, weir_error *err)
{
    port *p = self;
    int64_t until_ms = weir_monotonic_ms() + p->options.transaction_ms / 2;
    p->refused = RD_KAFKA_RESP_ERR_NO_ERROR;
    p->record = NULL;
    p->by_broker = false;
    *fault = (weir_fault){.list = WEIR_NO_FAULT};
    if (!p->membership) {
        return weir_fail(err, WEIR_E_KAFKA_PRODUCE, "the group has given no partitions");
    }
    rd_kafka_error_t *error = rd_kafka_begin_transaction(p->producer.rk);
    if (error) {
        return explain(p, error, "beginning a transaction", err);
    }
    p->open_ms = weir_monotonic_ms();
    rd_kafka_resp_err_t code = produce_all(p, t, until_ms);
    weir_status s = code ? not_written(p, t, code, fault, err) : WEIR_OK;
    s = s || !t->n_offsets ? s : send_offsets(p, t, until_ms, err);
    s = s == WEIR_FATAL ? s : s ? give_up(p, s, err) : commit_open(p, t, err);
    if (!s && p->how.batch_bytes) {
        p->how.batch_bytes = 0;
        p->renew = true;
    }
    return s;
}

static weir_status transactions_begin(void *self, weir_error *err)
{
    port *p = self;
    weir_status s = look_for_fatal(p, err);
    s = s || !p->must_abort ? s : abort_open(p, err);
    if (!s && p->renew) {
        end_producer(p);
        p->renew = false;
    }
    s = s ? s : initialize(p, err);
    if (p->membership) {
        rd_kafka_consumer_group_metadata_destroy(p->membership);
    }
    p->membership = s ? NULL : weir_kafka_source_membership(&p->options.source);
    return s;
}

static void transactions_cancel(void *self)
{
    port *p = self;
    atomic_store(&p->cancelled, true);
}

/* ---- Life ---------------------------------------------------------------------------------------
 */

weir_status weir_kafka_transactions_open(
    const weir_kafka_transactions_options *options, weir_transaction_port *out, weir_error *err)
{
    port *p = weir_calloc(1, sizeof *p);
    if (!p) {
        return weir_fail_oom(err);
    }
    p->options = *options;
    p->options.transaction_ms = options->transaction_ms ? options->transaction_ms : TRANSACTION_MS;
    p->producer.log = options->log;
    p->how = (weir_kafka_producer_options){.properties = options->properties,
        .n_properties = options->n_properties,
        .delivery_ms = p->options.transaction_ms,
        .transactional_id = options->transactional_id,
        .delivered = on_delivery};
    weir_status s =
        weir_kafka_producer_try(&p->how, err); /* what is refused is told at the start */
    if (s) {
        weir_free(p);
        return s;
    }
    *out = (weir_transaction_port){transactions_begin, transactions_commit, transactions_cancel, p};
    return WEIR_OK;
}

void weir_kafka_transactions_close(weir_transaction_port *t)
{
    port *p = t->self;
    if (!p) {
        return;
    }
    if (p->membership) {
        rd_kafka_consumer_group_metadata_destroy(p->membership);
    }
    end_producer(p);
    weir_free(p);
    *t = (weir_transaction_port){NULL, NULL, NULL, NULL};
}

void weir_kafka_transactions_break(weir_transaction_port *t)
{
    port *p = t->self;
    if (p->producer.rk) {
        rd_kafka_test_fatal_error(
            p->producer.rk, RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER, "a test");
    }
}
