/* The names that weir explain uses. See explanation.h. */
#include "explanation.h"

const char *weir_cli_event_name(weir_event_kind kind)
{
    static const char *const names[] = {
        [WEIR_EVENT_CHANGE] = "change",
        [WEIR_EVENT_HEARTBEAT] = "heartbeat",
        [WEIR_EVENT_TRANSACTION] = "transaction metadata",
        [WEIR_EVENT_SCHEMA_CHANGE] = "schema change",
        [WEIR_EVENT_MESSAGE] = "logical message",
        [WEIR_EVENT_NOTIFICATION] = "notification",
        [WEIR_EVENT_OUTBOX] = "outbox event",
        [WEIR_EVENT_OTHER] = "no event of Debezium's",
    };
    return names[kind];
}

const char *weir_cli_change_name(const weir_change *c)
{
    if (c->kind == WEIR_TOMBSTONE) {
        return "tombstone";
    }
    if (c->kind != WEIR_STREAMED) {
        return c->kind == WEIR_INCREMENTAL ? "row of an incremental snapshot" : "row of a snapshot";
    }
    switch (c->op) {
    case 'c':
        return "insert";
    case 'u':
        return "update";
    case 'd':
        return "delete";
    case 't':
        return "truncate";
    default:
        return "change";
    }
}

const char *weir_cli_verdict(const weir_explained_cache *x)
{
    const char *name, *help;
    if (x->count.older || x->count.older_reads) {
        return "refused";
    }
    return weir_cli_counted(&x->count, 0, &name, &help) ? "applied" : "ignored";
}

const char *weir_cli_alarm_name(weir_merge_alarm alarm)
{
    return alarm == WEIR_ALARM_POSITION_REGRESS ? "POSITION_REGRESS"
           : alarm == WEIR_ALARM_NEW_SNAPSHOT   ? "NEW_SNAPSHOT"
                                                : "";
}

bool weir_cli_counted(const weir_merge_counters *c, size_t i, const char **name, const char **help)
{
    const struct {
        uint64_t count;
        const char *name, *help;
    } all[] = {
#define X(counter, text) {c->counter, #counter, text},
#include "cdc/merge_counters.def"
#undef X
    };
    for (size_t k = 1; k < sizeof all / sizeof *all; k++) { /* the first is `changes`: always 1 */
        if (all[k].count && i-- == 0) {
            *name = all[k].name;
            *help = all[k].help;
            return true;
        }
    }
    return false;
}
