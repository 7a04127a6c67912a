/* Findings of compatibility. See compat.h, compat_report.h. */
#include "schema/compat_report.h"

#include <stdarg.h>
#include <stdio.h>

static const struct rule {
    const char *name, *meaning, *advice;
} rules[] = {
#define X(rule, meaning, advice) {#rule, meaning, advice},
#include "schema/compat_rules.def"
#undef X
};

const char *weir_compat_rule_name(weir_compat_rule rule)
{
    return rules[rule].name;
}

const char *weir_compat_meaning(weir_compat_rule rule)
{
    return rules[rule].meaning;
}

const char *weir_compat_advice(weir_compat_rule rule)
{
    return rules[rule].advice;
}

void weir_compat_report_init(weir_compat_report *r)
{
    *r = (weir_compat_report){.count = 0};
    weir_arena_init(&r->arena, 0);
}

void weir_compat_report_fini(weir_compat_report *r)
{
    weir_arena_fini(&r->arena);
    *r = (weir_compat_report){.count = 0};
}

size_t weir_compat_enter(weir_buf *path, const char *step)
{
    size_t len = path->len;
    weir_buf_puts(path, step);
    return len;
}

size_t weir_compat_enter_index(weir_buf *path, size_t index)
{
    size_t len = path->len;
    weir_buf_putc(path, '/');
    weir_buf_uint(path, index);
    return len;
}

size_t weir_compat_enter_name(weir_buf *path, weir_view name)
{
    size_t len = path->len;
    weir_buf_putc(path, '/');
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        if (c == '~' || c == '/') {
            weir_buf_puts(path, c == '~' ? "~0" : "~1");
        } else {
            weir_buf_putc(path, c);
        }
    }
    return len;
}

void weir_compat_add(
    weir_compat_report *to, weir_compat_rule rule, const weir_buf *path, const char *fmt, ...)
{
    char text[256];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    weir_compat_finding *f = weir_arena_alloc(&to->arena, sizeof *f);
    if (!f) {
        return;
    }
    *f = (weir_compat_finding){.rule = rule,
        .path = weir_arena_copy(&to->arena, weir_buf_view(path)),
        .text = weir_arena_copy(&to->arena, weir_view_of(text))};
    to->arena.failed |= path->failed;
    if (to->last) {
        to->last->next = f;
    } else {
        to->first = f;
    }
    to->last = f;
    to->count++;
}
