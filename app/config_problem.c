/* The list of problems. See config.h. */
#include "config_load.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/alloc.h"
#include "value/utf8.h"

void weir_config_problems_fini(weir_config_problems *p)
{
    weir_free(p->items);
    *p = (weir_config_problems){0};
}

/* Gives up the last warning, or the last error when all are errors, unless the new problem is less
 * worth keeping than that. */
static bool make_room(weir_config_problems *p, const weir_config_problem *problem)
{
    size_t victim = p->count;
    while (victim > 0 && !p->items[victim - 1].warning) {
        victim--;
    }
    victim = victim ? victim - 1 : p->count - 1;
    const weir_config_problem *v = &p->items[victim];
    if (problem->warning == v->warning ? !weir_config_is_before(problem->place, v->place)
                                       : problem->warning) {
        return false;
    }
    p->count--;
    memmove(&p->items[victim], &p->items[victim + 1], (p->count - victim) * sizeof *p->items);
    return true;
}

/* Keeps the list in the file's order. */
static void add(weir_config_problems *p, const weir_config_problem *problem)
{
    *(problem->warning ? &p->warnings : &p->errors) += 1;
    if (!p->items) {
        p->items = weir_calloc(WEIR_CONFIG_PROBLEMS_KEPT, sizeof *p->items);
    }
    if (!p->items) {
        p->failed = true;
        return;
    }
    if (p->count == WEIR_CONFIG_PROBLEMS_KEPT && !make_room(p, problem)) {
        return;
    }
    size_t at = p->count++;
    while (at > 0 && weir_config_is_before(problem->place, p->items[at - 1].place)) {
        p->items[at] = p->items[at - 1];
        at--;
    }
    p->items[at] = *problem;
}

/* Writes "a.b.c", as much of its inner end as fits. */
static void join(const weir_config_scope *scope, char *to, size_t size)
{
    size_t end = size - 1, at = end;
    to[end] = '\0';
    for (; scope && at > 0; scope = scope->up) {
        size_t len = strlen(scope->name);
        if (at < end) {
            to[--at] = '.';
        }
        size_t part = len < at ? len : at;
        at -= part;
        memcpy(to + at, scope->name + len - part, part);
    }
    while (at < end && weir_utf8_tail(to[at])) {
        at++;
    }
    memmove(to, to + at, size - at);
}

/* A message quotes the file, which may hold anything, and cuts what it quotes: control characters
 * must not reach a terminal, nor half a character. */
static void make_printable(char *text)
{
    char *end = text + strlen(text);
    while (text < end) {
        size_t length = weir_utf8_length(text, end);
        unsigned char lead = (unsigned char)*text;
        bool is_c1 = length == 2 && lead == 0xC2 && (unsigned char)text[1] < 0xA0;
        if (length == 0) {
            length = 1;
            *text = '?';
        } else if (lead < 0x20 || lead == 0x7F || is_c1) {
            memset(text, '?', length);
        }
        text += length;
    }
}

/* Copies as many whole characters as fit. */
static void copy_cut(char *to, size_t size, const char *from)
{
    size_t len = strlen(from);
    if (len >= size) {
        len = size - 1;
        while (len > 0 && weir_utf8_tail(from[len])) {
            len--;
        }
    }
    memcpy(to, from, len);
    to[len] = '\0';
}

__attribute__((format(printf, 4, 0))) static void report(const weir_config_loader *loader,
    const weir_config_scope *scope, weir_config_problem *problem, const char *fmt, va_list ap)
{
    char text[2048]; /* cut only after secrets are hidden, or half of one would be left */
    join(scope, problem->where, sizeof problem->where);
    make_printable(problem->where);
    vsnprintf(text, sizeof text, fmt, ap);
    weir_config_hide_secrets(loader->config, text);
    make_printable(text);
    copy_cut(problem->text, sizeof problem->text, text);
    add(loader->problems, problem);
}

bool weir_config_error(const weir_config_loader *loader, const weir_config_scope *scope,
    weir_config_place place, weir_code code, const char *fmt, ...)
{
    weir_config_problem problem = {.code = code, .place = place};
    va_list ap;
    va_start(ap, fmt);
    report(loader, scope, &problem, fmt, ap);
    va_end(ap);
    return false;
}

void weir_config_warn(const weir_config_loader *loader, const weir_config_scope *scope,
    weir_config_place place, weir_code code, const char *fmt, ...)
{
    weir_config_problem problem = {.warning = true, .code = code, .place = place};
    va_list ap;
    va_start(ap, fmt);
    report(loader, scope, &problem, fmt, ap);
    va_end(ap);
}

void weir_config_problem_put(const char *file, const weir_config_problem *problem, weir_buf *to)
{
    weir_buf_puts(to, file);
    if (problem->place.line) {
        weir_buf_printf(to, ":%u:%u", problem->place.line, problem->place.column);
    }
    weir_buf_puts(to, problem->warning ? ": warning: " : ": error: ");
    if (problem->where[0]) {
        weir_buf_printf(to, "%s: ", problem->where);
    }
    weir_buf_printf(to, "%s [%s]\n", problem->text, weir_code_get(problem->code)->name);
}
