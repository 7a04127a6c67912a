/* What the tests of the config share: a small environment, and files that are ours. */
#ifndef WEIR_TESTS_CONFIG_SUPPORT_H
#define WEIR_TESTS_CONFIG_SUPPORT_H

/* cmocka.h wants these before it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "config.h"
#include "config_file.h"

static inline const char *test_environment(void *ctx, const char *name)
{
    static const char *const variables[][2] = {
        {"KAFKA_BROKERS", "broker1:9092,broker2:9092"},
        {"EMPTY", ""},
        {"NUMBER", "42"},
        {"SECRET", "swordfish"},
        {"DOLLAR", "${HOME}$$"},
        {"LATIN1", "caf\xe9"},
    };
    (void)ctx;
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++) {
        if (strcmp(variables[i][0], name) == 0) {
            return variables[i][1];
        }
    }
    return NULL;
}

static const weir_config_options test_options = {
    .environment = test_environment, .host_name = "test-host"};

/* One load of a config, everything that comes of it. */
typedef struct loaded {
    weir_status status;
    weir_config *config;
    weir_config_problems problems;
    weir_error err;
} loaded;

static inline loaded parse(const char *text)
{
    loaded l = {0};
    l.status = weir_config_parse(
        weir_view_of(text), "test.yaml", &test_options, &l.config, &l.problems, &l.err);
    return l;
}

static inline loaded load(const char *path)
{
    loaded l = {0};
    l.status = weir_config_load(path, &test_options, &l.config, &l.problems, &l.err);
    return l;
}

static inline void unload(loaded *l)
{
    weir_config_free(l->config);
    weir_config_problems_fini(&l->problems);
}

/* Appends the problems as the user sees them. */
static inline void put_problems(const weir_config_problems *problems, weir_buf *to)
{
    for (size_t i = 0; i < problems->count; i++) {
        weir_config_problem_put("test.yaml", &problems->items[i], to);
    }
}

/* The whole file; "" when there is none. To be freed by weir_buf_fini. */
static inline weir_buf file_text(const char *path)
{
    weir_buf text = {0};
    int error = weir_config_read_file(path, 1 << 20, &text);
    assert_true(error == 0 || error == ENOENT);
    return text;
}

#endif
