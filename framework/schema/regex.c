/* Regular expressions: by hand where that is enough, else by PCRE2. See regex.h. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "schema/regex.h"

#include <pcre2.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "schema/regex_simple.h"

enum {
    MATCH_LIMIT = 1000000,
    DEPTH_LIMIT = 10000,
    HEAP_LIMIT_KB = 16384,
    JIT_STACK_FIRST = 32768,
    JIT_STACK_MOST = 1 << 20,
};

struct weir_regex {
    pcre2_code *code;   /* NULL: simple */
    weir_simple simple; /* meaningless with code */
};

struct weir_regex_scratch {
    pcre2_general_context *memory;
    pcre2_match_context *limits;
    pcre2_match_data *found;
    pcre2_jit_stack *stack;
};

static void *take_memory(PCRE2_SIZE bytes, void *self)
{
    (void)self;
    return weir_alloc(bytes);
}

static void give_memory(void *block, void *self)
{
    (void)self;
    weir_free(block);
}

static weir_status compile_code(const char *text, size_t len, weir_regex *r, weir_error *err)
{
    const uint32_t options = PCRE2_UTF | PCRE2_NO_UTF_CHECK | PCRE2_DOLLAR_ENDONLY |
                             PCRE2_MATCH_UNSET_BACKREF | PCRE2_NEVER_BACKSLASH_C;
    pcre2_general_context *memory = pcre2_general_context_create(take_memory, give_memory, NULL);
    pcre2_compile_context *context = memory ? pcre2_compile_context_create(memory) : NULL;
    int code = PCRE2_ERROR_NOMEMORY;
    PCRE2_SIZE at;
    if (context) {
        r->code = pcre2_compile((PCRE2_SPTR)text, len, options, &code, &at, context);
    }
    pcre2_compile_context_free(context);
    pcre2_general_context_free(memory);
    if (r->code) {
        (void)pcre2_jit_compile(r->code, PCRE2_JIT_COMPLETE); /* without it, it is interpreted */
        return WEIR_OK;
    }
    if (code == PCRE2_ERROR_NOMEMORY || code == PCRE2_ERROR_HEAP_FAILED) {
        return weir_fail_oom(err);
    }
    char why[160] = "";
    pcre2_get_error_message(code, (PCRE2_UCHAR *)why, sizeof why);
    return weir_fail(err, WEIR_E_SCHEMA_REGEX, "%s", why);
}

static weir_status compile_ecma(weir_view pattern, weir_regex *r, weir_error *err)
{
    weir_buf text = {0};
    const char *why = NULL;
    weir_status s = WEIR_OK;
    if (!weir_regex_translate(pattern, &text, &why)) {
        s = weir_fail(err, WEIR_E_SCHEMA_REGEX, "%s", why);
    } else if (text.failed) {
        s = weir_fail_oom(err);
    } else {
        s = compile_code(weir_buf_str(&text), text.len, r, err);
    }
    weir_buf_fini(&text);
    return s;
}

static weir_status compile(weir_view pattern, bool own, weir_regex **out, weir_error *err)
{
    weir_regex *r = weir_calloc(1, sizeof *r);
    if (!r) {
        return weir_fail_oom(err);
    }
    weir_status s = WEIR_OK;
    if (own) {
        s = compile_code(pattern.ptr, pattern.len, r, err);
    } else if (!weir_simple_of(pattern, &r->simple)) {
        s = compile_ecma(pattern, r, err);
    }
    if (s) {
        weir_free(r);
        return s;
    }
    *out = r;
    return WEIR_OK;
}

weir_status weir_regex_compile(weir_view pattern, weir_regex **out, weir_error *err)
{
    return compile(pattern, false, out, err);
}

weir_status weir_regex_compile_own(const char *pattern, weir_regex **out, weir_error *err)
{
    return compile(weir_view_of(pattern), true, out, err);
}

void weir_regex_free(weir_regex *r)
{
    if (r) {
        pcre2_code_free(r->code);
        weir_free(r);
    }
}

void weir_regex_scratch_free(weir_regex_scratch *s)
{
    if (s) {
        pcre2_jit_stack_free(s->stack);
        pcre2_match_data_free(s->found);
        pcre2_match_context_free(s->limits);
        pcre2_general_context_free(s->memory);
        weir_free(s);
    }
}

weir_regex_scratch *weir_regex_scratch_new(void)
{
    weir_regex_scratch *s = weir_calloc(1, sizeof *s);
    if (!s) {
        return NULL;
    }
    s->memory = pcre2_general_context_create(take_memory, give_memory, NULL);
    s->limits = s->memory ? pcre2_match_context_create(s->memory) : NULL;
    s->found = s->limits ? pcre2_match_data_create(1, s->memory) : NULL;
    if (!s->found) {
        weir_regex_scratch_free(s);
        return NULL;
    }
    pcre2_set_match_limit(s->limits, MATCH_LIMIT);
    pcre2_set_depth_limit(s->limits, DEPTH_LIMIT);
    pcre2_set_heap_limit(s->limits, HEAP_LIMIT_KB);
    s->stack = pcre2_jit_stack_create(JIT_STACK_FIRST, JIT_STACK_MOST, s->memory);
    pcre2_jit_stack_assign(s->limits, NULL, s->stack); /* none: the 32 KiB that PCRE2 has */
    return s;
}

weir_regex_verdict weir_regex_match(
    const weir_regex *r, weir_regex_scratch *scratch, weir_view text)
{
    if (!r->code) {
        return weir_simple_match(&r->simple, text) ? WEIR_REGEX_YES : WEIR_REGEX_NO;
    }
    PCRE2_SPTR start = (PCRE2_SPTR)(text.len ? text.ptr : "");
    int rc = pcre2_match(
        r->code, start, text.len, 0, PCRE2_NO_UTF_CHECK, scratch->found, scratch->limits);
    return rc >= 0                     ? WEIR_REGEX_YES
           : rc == PCRE2_ERROR_NOMATCH ? WEIR_REGEX_NO
                                       : WEIR_REGEX_GAVE_UP;
}
