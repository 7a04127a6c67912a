/* Fuzzes the reading of a config. For any bytes:
 *   - there is a config, or there are errors, each with a place and a text;
 *   - a config, printed, reads as a config that prints the same, unless it holds secrets.
 * No file is read, and the environment is made up. A finding is an abort; AddressSanitizer watches
 * the reads. */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check(bool holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "does not hold: %s\n", what);
        abort();
    }
}

static const char *environment(void *ctx, const char *name)
{
    (void)ctx;
    return strcmp(name, "U") == 0 ? NULL : "v$\n\x7f\"\xc3\xa4";
}

static int read_file(void *ctx, const char *path, size_t most, weir_buf *to)
{
    (void)ctx;
    (void)most;
    if (path[0] != '/') {
        return EPERM;
    }
    weir_buf_puts(to, path + 1); /* any text can be a secret */
    return 0;
}

static weir_config *parse(weir_view text, weir_config_problems *problems)
{
    static const weir_config_options options = {
        .environment = environment, .read_file = read_file, .host_name = "fuzz"};
    weir_config *config;
    weir_error err = {0};
    weir_status status = weir_config_parse(text, "fuzz.yaml", &options, &config, problems, &err);
    check((status == WEIR_OK) == (config != NULL), "a config, or an error");
    check((status == WEIR_OK) == (problems->errors == 0), "errors are problems");
    check(status == WEIR_OK || (err.where[0] && err.text[0]), "a placed error");
    return config;
}

static void check_problems(const weir_config_problems *problems)
{
    check(problems->count <= problems->errors + problems->warnings, "no problem is made up");
    for (size_t i = 0; i < problems->count; i++) {
        const weir_config_problem *p = &problems->items[i];
        check(p->text[0] && p->code != WEIR_E_INTERNAL, "a problem says what it is");
        check(p->place.line > 0 && p->place.column > 0, "a problem has a place");
    }
}

static void round_trip(const weir_config *config)
{
    weir_buf once = {0}, again = {0};
    weir_config_problems problems = {0};
    weir_config_print(config, &once);
    if (config->secrets.count == 0) {
        weir_config *copy = parse(weir_buf_view(&once), &problems);
        check(copy != NULL, "a printed config is a config");
        weir_config_print(copy, &again);
        check(weir_view_eq(weir_buf_view(&once), weir_buf_view(&again)), "printed the same");
        weir_config_free(copy);
    }
    weir_buf_fini(&once);
    weir_buf_fini(&again);
    weir_config_problems_fini(&problems);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    weir_view text = {len ? (const char *)data : "", len};
    weir_config_problems problems = {0};
    weir_config *config = parse(text, &problems);
    check_problems(&problems);
    if (config) {
        round_trip(config);
    }
    weir_config_free(config);
    weir_config_problems_fini(&problems);
    return 0;
}
