/* Errors. See err.h. */
#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>

/* The functions themselves, not as the analyzer is to see them. */
#undef weir_fail
#undef weir_fail_oom

static const weir_code_info codes[WEIR_E_COUNT] = {
    [WEIR_E_NONE] = {"NONE", WEIR_OK, "no error", ""},
#define X(code, status, meaning, advice) [WEIR_E_##code] = {#code, status, meaning, advice},
#include "base/errors.def"
#undef X
};

const weir_code_info *weir_code_get(weir_code code)
{
    return &codes[code > WEIR_E_NONE && code < WEIR_E_COUNT ? code : WEIR_E_NONE];
}

const char *weir_status_name(weir_status status)
{
    static const char *const names[] = {
        [WEIR_OK] = "ok",
        [WEIR_RETRY] = "retry",
        [WEIR_HOLD] = "hold",
        [WEIR_REJECT] = "reject",
        [WEIR_FATAL] = "fatal",
        [WEIR_DEFERRED] = "deferred",
    };
    return (unsigned)status < sizeof names / sizeof *names ? names[status] : "unknown";
}

/* vsnprintf that never leaves half a UTF-8 character at the end. */
__attribute__((format(printf, 3, 0))) static void format(
    char *to, size_t size, const char *fmt, va_list ap)
{
    int n = vsnprintf(to, size, fmt, ap);
    if (n < 0) {
        to[0] = '\0';
    } else if ((size_t)n >= size) {
        size_t end = size - 1, start = end;
        while (start > 0 && ((unsigned char)to[start - 1] & 0xC0) == 0x80) {
            start--;
        }
        if (start > 0 && (unsigned char)to[start - 1] >= 0xC0) {
            unsigned char lead = (unsigned char)to[start - 1];
            size_t need = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
            if (end - (start - 1) < need) {
                to[start - 1] = '\0';
            }
        }
    }
}

weir_status weir_fail(weir_error *err, weir_code code, const char *fmt, ...)
{
    const weir_code_info *info = weir_code_get(code);
    if (err) {
        err->status = info->status;
        snprintf(err->code, sizeof err->code, "%s", info->name);
        err->where[0] = '\0';
        va_list ap;
        va_start(ap, fmt);
        format(err->text, sizeof err->text, fmt, ap);
        va_end(ap);
    }
    return info->status;
}

weir_status weir_fail_oom(weir_error *err)
{
    return weir_fail(err, WEIR_E_OUT_OF_MEMORY, "out of memory");
}

weir_status weir_at(weir_error *err, const char *fmt, ...)
{
    if (!err) {
        return WEIR_OK;
    }
    if (!err->where[0]) {
        va_list ap;
        va_start(ap, fmt);
        format(err->where, sizeof err->where, fmt, ap);
        va_end(ap);
    }
    return err->status;
}
