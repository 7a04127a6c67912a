/* Findings of weir check. See findings.h. */
#include "findings.h"

#include <stdarg.h>

#include "value/json.h"

void weir_findings_init(weir_findings *f)
{
    *f = (weir_findings){.first = NULL};
    f->last = &f->first;
    weir_arena_init(&f->arena, 0);
}

void weir_findings_fini(weir_findings *f)
{
    weir_arena_fini(&f->arena);
}

void weir_find(weir_findings *f, weir_finding_kind kind, const char *what, const char *fmt, ...)
{
    char text[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    weir_finding *n = weir_arena_alloc(&f->arena, sizeof *n);
    weir_view about = weir_arena_copy(&f->arena, weir_view_of(what));
    weir_view copy = weir_arena_copy(&f->arena, weir_view_of(text));
    f->wrong += kind == WEIR_FOUND_WRONG;
    f->risks += kind == WEIR_FOUND_RISK;
    if (n && about.ptr && copy.ptr) {
        *n = (weir_finding){kind, about.ptr, copy.ptr, NULL};
        *f->last = n;
        f->last = &n->next;
    }
}

static const char *word_of(weir_finding_kind kind)
{
    static const char *const words[] = {
        [WEIR_FOUND_GOOD] = "good",
        [WEIR_FOUND_UNCHECKED] = "not checked",
        [WEIR_FOUND_RISK] = "risk",
        [WEIR_FOUND_WRONG] = "WRONG",
    };
    return words[kind];
}

void weir_findings_text(const weir_findings *f, weir_buf *to)
{
    for (const weir_finding *n = f->first; n; n = n->next) {
        weir_buf_printf(to, "%-11s  %s: %s\n", word_of(n->kind), n->what, n->text);
    }
}

void weir_findings_json(const weir_findings *f, weir_buf *to)
{
    static const char *const kinds[] = {
        [WEIR_FOUND_GOOD] = "good",
        [WEIR_FOUND_UNCHECKED] = "unchecked",
        [WEIR_FOUND_RISK] = "risk",
        [WEIR_FOUND_WRONG] = "wrong",
    };
    weir_buf_putc(to, '[');
    for (const weir_finding *n = f->first; n; n = n->next) {
        weir_buf_printf(
            to, "%s{\"result\":\"%s\",\"what\":", n == f->first ? "" : ",", kinds[n->kind]);
        weir_json_put_string(to, weir_view_of(n->what));
        weir_buf_puts(to, ",\"text\":");
        weir_json_put_string(to, weir_view_of(n->text));
        weir_buf_putc(to, '}');
    }
    weir_buf_putc(to, ']');
}
