/* SPDX-License-Identifier: Apache-2.0
 * <weir/view.h>: borrowed bytes. A view owns nothing and is not NUL-terminated; it lives as long as
 * what it was taken from (for a message's views: until the handler returns or settles). */
#ifndef WEIR_VIEW_H
#define WEIR_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ptr is NULL for "there is none" (a Kafka null); an empty value has a non-NULL ptr and len 0. */
typedef struct weir_view {
    const char *ptr;
    size_t len;
} weir_view;

/* printf("%.*s", WEIR_ARG(view)) */
#define WEIR_ARG(v) (int)(v).len, (v).ptr

static inline weir_view weir_view_of(const char *text)
{
    weir_view v = {text, text ? strlen(text) : 0};
    return v;
}

static inline weir_view weir_view_make(const char *ptr, size_t len)
{
    weir_view v = {ptr, len};
    return v;
}

static inline bool weir_view_eq(weir_view a, weir_view b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static inline bool weir_view_is(weir_view a, const char *text)
{
    return weir_view_eq(a, weir_view_of(text));
}

#ifdef __cplusplus
}
#endif
#endif
