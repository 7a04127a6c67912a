/* Fuzzes the compiler of JSON Schema, both passes, and regular expressions. The input is a schema
 * and, behind the first line, a value; its first byte chooses the draft and how formats are taken.
 * For any bytes:
 *   - a schema is compiled, or refused with an error of the schema's or the JSON reader's;
 *   - the verdict and its explanation agree, and a second run says the same;
 *   - a value that the schema's own meta-schema refuses is never worth a crash.
 * Time is bounded by the steps that a validation may take, memory by the schema's bound: the
 * fuzzer's own limits see to it. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "schema/validate.h"
#include "value/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check(bool holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "does not hold: %s\n", what);
        abort();
    }
}

static bool is_expected(const weir_error *err)
{
    return strncmp(err->code, "SCHEMA_", 7) == 0 || strncmp(err->code, "JSON_", 5) == 0 ||
           strcmp(err->code, "TOO_LARGE") == 0;
}

static void check_units(const weir_schema_unit *u, size_t *failures)
{
    for (; u; u = u->next) {
        check(u->failures || u->children, "a unit has a failure, or one below it");
        for (const weir_schema_failure *f = u->failures; f; f = f->next) {
            check(f->text.len > 0 && f->keyword, "a failure says something");
            (*failures)++;
        }
        check_units(u->children, failures);
    }
}

static void judge(const weir_schema *schema, weir_view json)
{
    weir_validator *v;
    weir_schema_explanation why;
    weir_error err;
    bool valid, again;
    check(weir_validator_new(schema, &v, &err) == WEIR_OK, "a validator");
    weir_status s = weir_validator_check(v, json, &valid, &err);
    check(!s || is_expected(&err), "an error of the value or of a bound");
    check(weir_validator_check(v, json, &again, &err) == s && again == valid, "the same again");
    if (!s && weir_validator_explain(v, json, 50, &why, &err) == WEIR_OK) {
        size_t failures = 0;
        check(valid == (why.root == NULL), "the explanation agrees");
        if (why.root && !why.cut_off) {
            check_units(why.root, &failures);
            check(failures == why.failures, "as many failures as counted");
        }
    }
    weir_validator_free(v);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const weir_draft drafts[] = {
        WEIR_DRAFT_2020_12, WEIR_DRAFT_4, WEIR_DRAFT_6, WEIR_DRAFT_7, WEIR_DRAFT_2019_09};
    if (len < 2) {
        return 0;
    }
    const char *text = (const char *)data + 1, *end = (const char *)data + len;
    const char *newline = memchr(text, '\n', (size_t)(end - text));
    weir_view schema_text = {text, (size_t)((newline ? newline : end) - text)};
    weir_view json = {newline ? newline + 1 : "0", newline ? (size_t)(end - newline - 1) : 1};
    weir_schema_options o = {.base_uri = "http://example.com/a/b.json",
        .draft = drafts[data[0] % 5],
        .formats = data[0] & 0x40 ? WEIR_FORMATS_ANNOTATED : WEIR_FORMATS_ASSERTED,
        .content = true,
        .everything = data[0] & 0x80,
        .most_steps = 100000,
        .max_bytes = 64 << 20};
    weir_schema *schema;
    weir_error err;
    if (weir_schema_compile(schema_text, &o, &schema, &err)) {
        check(is_expected(&err) && err.text[0], "an error of the schema");
        return 0;
    }
    judge(schema, json);
    weir_schema_free(schema);
    return 0;
}
