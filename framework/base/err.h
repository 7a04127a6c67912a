/* Errors: the codes of errors.def and how a weir_error is filled.
 * Thread: any. */
#ifndef WEIR_BASE_ERR_H
#define WEIR_BASE_ERR_H

#include <stddef.h>
#include <weir/status.h>
#include <weir/view.h>

typedef enum weir_code {
    WEIR_E_NONE = 0,
#define X(code, status, meaning, advice) WEIR_E_##code,
#include "base/errors.def"
#undef X
    WEIR_E_COUNT
} weir_code;

typedef struct weir_code_info {
    const char *name;
    weir_status status;
    const char *meaning, *advice;
} weir_code_info;

const weir_code_info *weir_code_get(weir_code code);

/* Fills *err (NULL is allowed) and returns the code's class: `return weir_fail(err, WEIR_E_X, …)`.
 * `where` is left empty; see weir_at. Long texts are cut at a UTF-8 boundary. */
weir_status weir_fail(weir_error *err, weir_code code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* Out of memory, the same everywhere. */
weir_status weir_fail_oom(weir_error *err);
/* Sets err->where, unless a more precise place is there already. Returns err->status. */
weir_status weir_at(weir_error *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#ifdef __clang_analyzer__
/* The static analyzer looks at one file at a time: it is told here that a failure is never WEIR_OK,
 * else it follows each one into the success that cannot be. */
#define weir_fail(...) (weir_fail(__VA_ARGS__) ?: WEIR_FATAL)
#define weir_fail_oom(err) (weir_fail_oom(err) ?: WEIR_FATAL)
#endif

#endif
