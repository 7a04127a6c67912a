/* Partitions that librdkafka has stopped reading: it says that an offset is gone, which need not be
 * so. See kafka_source.h. */
#include "kafka/kafka_source_inside.h"

/* From 2.1 on librdkafka compares leader epochs. A log that was cut and has grown again since may
 * well have the offset: what it had before is another record than what it has now. */
bool weir_kafka_tells_truncation(const char *reason)
{
    return reason && strstr(reason, "truncation");
}

void weir_kafka_doubt(weir_kafka_served *sp)
{
    sp->doubt_ms = weir_monotonic_ms() + WEIR_KAFKA_ASK_AGAIN_MS;
}

/* The one to ask for now, or NULL: that in doubt for longest, so that one of which nobody can tell
 * does not keep back the others. */
static weir_kafka_served *in_doubt(weir_kafka_live_source *s)
{
    weir_kafka_served *oldest = NULL;
    for (size_t i = 0; i < s->n_served; i++) {
        weir_kafka_served *sp = &s->served[i];
        if (sp->doubt_ms && (!oldest || sp->doubt_ms < oldest->doubt_ms)) {
            oldest = sp;
        }
    }
    return oldest && weir_monotonic_ms() >= oldest->doubt_ms ? oldest : NULL;
}

/* Reads all that are served from where they are: to take out a single one and put it in again is
 * not allowed in a group with eager rebalances. */
static void read_again(weir_kafka_live_source *s)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)s->n_served);
    for (size_t i = 0; i < s->n_served; i++) {
        weir_kafka_served *sp = &s->served[i];
        rd_kafka_topic_partition_list_add(list, sp->partition->topic, sp->partition->number)
            ->offset = sp->next < 0 ? RD_KAFKA_OFFSET_BEGINNING : sp->next;
        sp->doubt_ms = 0; /* of others in doubt it will be said again */
    }
    rd_kafka_resp_err_t code = rd_kafka_assign(s->rk, list);
    rd_kafka_topic_partition_list_destroy(list);
    if (code) {
        weir_kafka_fail(&s->failure, code, "assigning partitions");
    }
}

/* One at a time, since the answer is waited for. */
void weir_kafka_settle_doubt(weir_kafka_live_source *s)
{
    weir_kafka_served *sp = in_doubt(s);
    if (!sp) {
        return;
    }
    const weir_partition *p = sp->partition;
    weir_error err;
    if (weir_kafka_ask_range(s->rk, p->topic, p->number, sp->next, &err)) {
        weir_kafka_doubt(sp);
    } else {
        weir_fail(&err, WEIR_E_KAFKA_UNREACHABLE,
            "the broker did not give an offset that is there; it is read again");
        weir_kafka_at(&err, p->topic, p->number, sp->next);
        read_again(s);
    }
    s->events->error(s->engine, &err);
}
