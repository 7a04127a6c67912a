/* The members' ledger. See group_ledger.h. */
#include "group_ledger.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void ledger_init(ledger *l)
{
    memset(l, 0, sizeof *l);
}

void ledger_wrong(ledger *l, const char *fmt, ...)
{
    va_list ap;
    if (!l->wrong[0]) {
        va_start(ap, fmt);
        vsnprintf(l->wrong, sizeof l->wrong, fmt, ap);
        va_end(ap);
    }
}

static void assigned(holding *h)
{
    *h = (holding){.held = true};
    for (int k = 0; k < KEYS; k++) {
        h->last[k] = -1;
    }
}

/* Whoever still has the partition has lost it. */
static void overtake(ledger *l, const report *r)
{
    for (int m = 0; m < MOST_MEMBERS; m++) {
        holding *h = &l->holdings[m][r->partition];
        if (m != r->member && h->held && !h->overtaken) {
            h->overtaken = true;
            l->overtaken++;
        }
    }
}

/* In time, not in records: who had to catch up handles many in a moment. */
static void note_rewind(ledger *l, const ledger_partition *p, int64_t offset)
{
    while (!p->handled[offset]) {
        offset++; /* the frontier itself may be what was in flight */
    }
    int64_t ms = p->handled_ms[p->next - 1] - p->handled_ms[offset];
    l->longest_rewind_ms = ms > l->longest_rewind_ms ? ms : l->longest_rewind_ms;
}

static void begun(ledger *l, ledger_partition *p, const report *r)
{
    overtake(l, r);
    int64_t rewind = p->next - r->offset;
    if (r->offset > p->frontier) {
        ledger_wrong(l, "member %d begins %d at %lld, but %lld was not handled", r->member,
            r->partition, (long long)r->offset, (long long)p->frontier);
    }
    if (r->offset < p->confirmed) {
        ledger_wrong(l, "member %d begins %d at %lld, but %lld is committed", r->member,
            r->partition, (long long)r->offset, (long long)p->confirmed);
    }
    if (rewind > 0) {
        l->may_come_again += (uint64_t)rewind;
        note_rewind(l, p, r->offset);
    }
    l->assignments++;
}

/* In its key's turn, and by who has the partition? */
static void check_turn(ledger *l, holding *h, const report *r)
{
    if (!h->held && (h->drained || ++h->late > LANES)) {
        ledger_wrong(l, "member %d handles %d@%lld, which is not its own any more", r->member,
            r->partition, (long long)r->offset);
    }
    if (r->offset <= h->last[r->key]) {
        ledger_wrong(l, "member %d handles %d@%lld behind %lld of the same key", r->member,
            r->partition, (long long)r->offset, (long long)h->last[r->key]);
    }
    h->last[r->key] = r->offset;
}

static void handled(ledger *l, ledger_partition *p, holding *h, const report *r)
{
    if (r->offset < 0 || r->offset >= MOST_OFFSETS || r->key >= KEYS) {
        ledger_wrong(
            l, "a record that was never written: %d@%lld", r->partition, (long long)r->offset);
        return;
    }
    check_turn(l, h, r);
    l->handled++;
    if (!p->handled[r->offset]) {
        p->handled_ms[r->offset] = r->at_ms;
    }
    l->again += p->handled[r->offset]++ > 0;
    l->may_come_again += !h->held || h->overtaken; /* by this one or by its successor */
    p->rejected[r->offset] = r->rejected;
    p->next = r->offset >= p->next ? r->offset + 1 : p->next;
    while (p->frontier < MOST_OFFSETS && p->handled[p->frontier]) {
        p->frontier++;
    }
    if (l->again > l->may_come_again) {
        ledger_wrong(l, "%d@%lld is handled again by member %d without a reason", r->partition,
            (long long)r->offset, r->member);
    }
}

void ledger_committed(ledger *l, int partition, int64_t next)
{
    const ledger_partition *p = &l->partitions[partition];
    if (next > p->frontier) {
        ledger_wrong(l, "%lld of %d is committed, but %lld was not handled", (long long)next,
            partition, (long long)p->frontier);
    }
}

void ledger_take(ledger *l, const report *r)
{
    if (r->member >= MOST_MEMBERS || r->partition >= PARTITIONS) {
        ledger_wrong(l, "a report that nobody writes");
        return;
    }
    ledger_partition *p = &l->partitions[r->partition];
    holding *h = &l->holdings[r->member][r->partition];
    switch ((report_kind)r->kind) {
    case REPORT_ASSIGNED:
        assigned(h);
        break;
    case REPORT_BEGUN:
        begun(l, p, r);
        break;
    case REPORT_HANDLED:
        handled(l, p, h, r);
        break;
    case REPORT_COMMITTED:
        ledger_committed(l, r->partition, r->offset);
        p->confirmed = r->offset > p->confirmed ? r->offset : p->confirmed;
        break;
    case REPORT_REVOKED:
    case REPORT_LOST:
        h->held = false;
        h->drained = r->kind == REPORT_REVOKED;
        break;
    }
}

void ledger_letter(ledger *l, int partition, int64_t offset)
{
    if (partition < 0 || partition >= PARTITIONS || offset < 0 || offset >= MOST_OFFSETS) {
        ledger_wrong(l, "a dead letter of no record: %d@%lld", partition, (long long)offset);
        return;
    }
    l->letters += !l->partitions[partition].letter[offset];
    l->partitions[partition].letter[offset] = true;
}

void ledger_gone(ledger *l, int member, bool in_order)
{
    for (int i = 0; i < PARTITIONS; i++) {
        const ledger_partition *p = &l->partitions[i];
        holding *h = &l->holdings[member][i];
        if (in_order && h->held && p->confirmed < p->next) {
            ledger_wrong(l, "member %d has left, but of %d only %lld of %lld is committed", member,
                i, (long long)p->confirmed, (long long)p->next);
        }
        h->held = false;
    }
}

bool ledger_has_letters(const ledger *l, int partition, int64_t next)
{
    const ledger_partition *p = &l->partitions[partition];
    for (int64_t o = 0; o < next && o < MOST_OFFSETS; o++) {
        if (p->rejected[o] && !p->letter[o]) {
            return false;
        }
    }
    return true;
}

bool ledger_is_handled(const ledger *l, int partition, int64_t end)
{
    return l->partitions[partition].frontier >= end;
}
