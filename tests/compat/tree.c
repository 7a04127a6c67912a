/* JSON that can be changed. See tree.h. */
#include "compat/tree.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *taken(void *p)
{
    if (!p) {
        abort();
    }
    return p;
}

tree *tree_new(weir_arena *a, char kind)
{
    tree *t = taken(weir_arena_alloc(a, sizeof *t));
    *t = (tree){.kind = kind};
    if (kind != 's') {
        t->items = taken(weir_arena_alloc(a, TREE_MOST * sizeof *t->items));
        t->names = taken(weir_arena_alloc(a, TREE_MOST * sizeof *t->names));
    }
    return t;
}

tree *tree_scalar(weir_arena *a, const char *fmt, ...)
{
    char text[128];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    tree *t = tree_new(a, 's');
    t->text = taken((void *)(uintptr_t)weir_arena_copy(a, weir_view_of(text)).ptr);
    return t;
}

tree *tree_copy(weir_arena *a, const tree *t)
{
    tree *copy = tree_new(a, t->kind);
    copy->text = t->text;
    copy->n = t->n;
    for (size_t i = 0; i < t->n; i++) {
        copy->names[i] = t->names[i];
        copy->items[i] = tree_copy(a, t->items[i]);
    }
    return copy;
}

void tree_set(tree *t, const char *name, tree *value)
{
    size_t i = 0;
    while (i < t->n && strcmp(t->names[i], name) != 0) {
        i++;
    }
    if (i < TREE_MOST) {
        t->names[i] = name;
        t->items[i] = value;
        t->n = i < t->n ? t->n : i + 1;
    }
}

void tree_push(tree *t, tree *value)
{
    if (t->n < TREE_MOST) {
        t->names[t->n] = "";
        t->items[t->n++] = value;
    }
}

void tree_drop(tree *t, size_t i)
{
    for (; i + 1 < t->n; i++) {
        t->names[i] = t->names[i + 1];
        t->items[i] = t->items[i + 1];
    }
    t->n--;
}

tree *tree_get(const tree *t, const char *name)
{
    for (size_t i = 0; t && t->kind == '{' && i < t->n; i++) {
        if (strcmp(t->names[i], name) == 0) {
            return t->items[i];
        }
    }
    return NULL;
}

bool tree_is(const tree *t, const char *text)
{
    return t && t->kind == 's' && strcmp(t->text, text) == 0;
}

void tree_put(weir_buf *to, const tree *t)
{
    if (t->kind == 's') {
        weir_buf_puts(to, t->text);
        return;
    }
    weir_buf_putc(to, t->kind);
    for (size_t i = 0; i < t->n; i++) {
        weir_buf_puts(to, i ? "," : "");
        if (t->kind == '{') {
            weir_buf_printf(to, "\"%s\":", t->names[i]);
        }
        tree_put(to, t->items[i]);
    }
    weir_buf_putc(to, t->kind == '{' ? '}' : ']');
}
