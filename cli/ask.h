/* Asking a running daemon for its status, for `weir status`, `weir lag` and `weir stuck`.
 * Thread: the main thread. */
#ifndef WEIR_CLI_ASK_H
#define WEIR_CLI_ASK_H

#include "cli.h"
#include "value/value.h"

typedef struct weir_answer {
    weir_buf text;
    weir_arena arena;
    const weir_value *root; /* the document of /status (docs/http.md) */
} weir_answer;

/* Shows an answer on stdout; returns the exit code. */
typedef int weir_answer_fn(weir_cli *cli, weir_answer *a, void *ctx);

/* Takes [CONFIG|URL] out of the arguments, asks that daemon and shows what it answers; with `watch`
 * every two seconds until the process is ended, also while nobody answers. */
int weir_ask(weir_cli *cli, bool watch, weir_answer_fn *show, void *ctx);

/* A member's text, decoded; "-" when it is null or not there. */
weir_view weir_answer_text(weir_answer *a, const weir_value *object, const char *name);
/* A member that is a whole number; -1 when it is null or not there. */
int64_t weir_answer_number(const weir_value *object, const char *name);
bool weir_answer_flag(const weir_value *object, const char *name);
/* "STORE_FULL: the store has no room left", in the arena: an error object's code and text. */
weir_view weir_answer_error(weir_answer *a, const weir_value *error);

/* Loops over the elements of a member that is an array. */
#define WEIR_EACH_OF(object, name, item)                                                    \
    for (const weir_value *item##_all = weir_gets((object), (name)),                        \
                          *item = item##_all ? item##_all + 1 : NULL,                       \
                          *item##_last = item##_all ? item##_all + item##_all->skip : NULL; \
         item < item##_last; item += item->skip)

#endif
