/* How the checkers of compatibility note what they find, and where they are. */
#ifndef WEIR_SCHEMA_COMPAT_REPORT_H
#define WEIR_SCHEMA_COMPAT_REPORT_H

#include "base/buf.h"
#include "schema/compat.h"

/* Goes one step down: returns what weir_compat_leave needs to come back. */
size_t weir_compat_enter(weir_buf *path, const char *step);
size_t weir_compat_enter_name(weir_buf *path, weir_view name); /* escaped */
size_t weir_compat_enter_index(weir_buf *path, size_t index);
static inline void weir_compat_leave(weir_buf *path, size_t len)
{
    path->len = len;
}

/* Out of memory is the report's arena's sticky failure. */
void weir_compat_add(weir_compat_report *to, weir_compat_rule rule, const weir_buf *path,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));

#endif
