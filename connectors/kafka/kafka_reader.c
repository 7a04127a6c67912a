/* Plain reading of partitions. See kafka_reader.h. */
#include "kafka/kafka_reader.h"

#include "base/alloc.h"
#include "kafka/kafka_ask.h"
#include "kafka/kafka_handle.h"
#include "kafka/kafka_record.h"

struct weir_kafka_reader {
    weir_kafka_handle handle;              /* first: librdkafka has its address */
    rd_kafka_message_t *message;           /* that was given out last */
    rd_kafka_topic_partition_list_t *next; /* where each partition is read on */
};

static void let_go(weir_kafka_reader *r)
{
    if (r->message) {
        rd_kafka_message_destroy(r->message);
        r->message = NULL;
    }
}

static const char *const reading[][2] = {
    {"group.id", "weir-reader"}, /* librdkafka wants a name; nothing is joined or committed */
    {"enable.auto.commit", "false"},
    {"enable.auto.offset.store", "false"},
    {"enable.partition.eof", "true"},
    {"auto.offset.reset", "error"},
    {NULL, NULL},
};

static void begin_at(weir_kafka_reader *r, const weir_kafka_place *places, size_t n)
{
    r->next = rd_kafka_topic_partition_list_new((int)n);
    for (size_t i = 0; i < n; i++) {
        rd_kafka_topic_partition_list_add(r->next, places[i].topic, places[i].partition)->offset =
            places[i].offset;
    }
}

/* Reads all of them on from where they are. */
static weir_status assign(weir_kafka_reader *r, weir_error *err)
{
    rd_kafka_resp_err_t code = rd_kafka_assign(r->handle.rk, r->next);
    return code ? weir_kafka_handle_fail(&r->handle, code, err, "assigning partitions") : WEIR_OK;
}

weir_status weir_kafka_reader_move(
    weir_kafka_reader *r, const weir_kafka_place *places, size_t n, weir_error *err)
{
    let_go(r);
    rd_kafka_topic_partition_list_destroy(r->next);
    begin_at(r, places, n);
    return assign(r, err);
}

weir_status weir_kafka_reader_open(
    const weir_kafka_reader_options *options, weir_kafka_reader **out, weir_error *err)
{
    *out = NULL;
    weir_kafka_reader *r = weir_calloc(1, sizeof *r);
    if (!r) {
        return weir_fail_oom(err);
    }
    weir_status s = weir_kafka_handle_open(&r->handle, RD_KAFKA_CONSUMER, options->properties,
        options->n_properties, reading, NULL, options->log, err);
    if (!s) {
        rd_kafka_poll_set_consumer(r->handle.rk);
        begin_at(r, options->places, options->n_places);
        s = assign(r, err);
    }
    if (s) {
        weir_kafka_reader_close(r);
        return s;
    }
    *out = r;
    return WEIR_OK;
}

void weir_kafka_reader_close(weir_kafka_reader *r)
{
    if (!r) {
        return;
    }
    let_go(r);
    if (r->handle.rk) {
        rd_kafka_consumer_close(r->handle.rk);
    }
    weir_kafka_handle_close(&r->handle);
    if (r->next) {
        rd_kafka_topic_partition_list_destroy(r->next);
    }
    weir_free(r);
}

/* Is this the end of reading? What librdkafka tries again by itself is not. */
static bool is_final(const weir_error *err)
{
    return err->status != WEIR_HOLD && err->status != WEIR_RETRY;
}

static void note_next(weir_kafka_reader *r, const rd_kafka_message_t *m)
{
    rd_kafka_topic_partition_t *tp =
        rd_kafka_topic_partition_list_find(r->next, rd_kafka_topic_name(m->rkt), m->partition);
    if (tp) {
        tp->offset = m->offset + 1;
    }
}

/* librdkafka says so of an offset that is gone, and of a question that has failed
 * (weir_kafka_ask_range): where it need not be gone, it is read again. */
static weir_status doubt(weir_kafka_reader *r, const rd_kafka_message_t *m, weir_error *err)
{
    const rd_kafka_topic_partition_t *tp =
        rd_kafka_topic_partition_list_find(r->next, rd_kafka_topic_name(m->rkt), m->partition);
    weir_error why;
    weir_status s = tp ? weir_kafka_ask_range(r->handle.rk, tp->topic, tp->partition,
                             tp->offset < 0 ? -1 : tp->offset, &why)
                       : WEIR_OK;
    if (s && is_final(&why)) {
        *err = why;
        return s;
    }
    return assign(r, err);
}

/* What has come in the place of a record, and is no end. */
static weir_status take_error(weir_kafka_reader *r, const rd_kafka_message_t *m, weir_error *err)
{
    weir_error why;
    if (m->rkt && (m->err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET ||
                      m->err == RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE)) {
        return doubt(r, m, err);
    }
    weir_kafka_handle_fail(&r->handle, m->err, &why, "reading %s/%d",
        m->rkt ? rd_kafka_topic_name(m->rkt) : "", (int)m->partition);
    if (m->rkt) {
        weir_kafka_at(&why, rd_kafka_topic_name(m->rkt), m->partition, m->offset);
    }
    if (!is_final(&why)) {
        return WEIR_OK;
    }
    *err = why;
    return why.status;
}

weir_status weir_kafka_reader_next(weir_kafka_reader *r, int wait_ms, weir_kafka_read *what,
    weir_raw_record *record, weir_error *err)
{
    let_go(r);
    *what = WEIR_KAFKA_NOTHING;
    rd_kafka_message_t *m = r->message = rd_kafka_consumer_poll(r->handle.rk, wait_ms);
    if (weir_kafka_handle_hopeless(&r->handle, err)) {
        return err->status;
    }
    if (!m) {
        return WEIR_OK;
    }
    if (m->err && m->err != RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        return take_error(r, m, err);
    }
    if (!m->err) {
        note_next(r, m);
    }
    *record = weir_kafka_record(m, weir_view_of(rd_kafka_topic_name(m->rkt)));
    *what = m->err ? WEIR_KAFKA_END : WEIR_KAFKA_RECORD;
    return WEIR_OK;
}

weir_status weir_kafka_reader_silent(weir_kafka_reader *r, weir_error *err)
{
    return weir_kafka_handle_fail(&r->handle, RD_KAFKA_RESP_ERR__TRANSPORT, err, "reading");
}
