/* What weir check has found, one after the other, to be shown as text or as JSON.
 * Thread: the main thread. */
#ifndef WEIR_CLI_FINDINGS_H
#define WEIR_CLI_FINDINGS_H

#include "base/arena.h"
#include "cli.h"

typedef enum weir_finding_kind {
    WEIR_FOUND_GOOD,
    WEIR_FOUND_UNCHECKED, /* could not be asked, or is not asked on purpose */
    WEIR_FOUND_RISK,
    WEIR_FOUND_WRONG,
} weir_finding_kind;

typedef struct weir_finding {
    weir_finding_kind kind;
    const char *what, *text;
    struct weir_finding *next;
} weir_finding;

typedef struct weir_findings {
    weir_arena arena;
    weir_finding *first, **last;
    size_t wrong, risks;
} weir_findings;

void weir_findings_init(weir_findings *f);
void weir_findings_fini(weir_findings *f);
/* what: whom it is about, such as "topic shop.public.orders". Out of memory is f->arena.failed. */
void weir_find(weir_findings *f, weir_finding_kind kind, const char *what, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

void weir_findings_text(const weir_findings *f, weir_buf *to);
/* A JSON array. */
void weir_findings_json(const weir_findings *f, weir_buf *to);

#endif
