/* Files of what is expected that belong to nothing: a name that is misspelt would be compared with
 * nothing, and the case pass. See case.h. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "case.h"
#include "config_table.h"

static int is_shown(const struct dirent *e)
{
    return e->d_name[0] != '.';
}

static bool is_folder(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static weir_status stray(const weir_config_nearest *n, const char *path, const char *whose,
    const char *folder, weir_error *err)
{
    const char *meant = weir_config_meant(n);
    weir_fail(err, WEIR_E_CASE_STRAY, "%s belongs to no %s%s%s%s%s", n->word, whose,
        meant ? "; is " : "", meant ? folder : "", meant ? meant : "", meant ? " meant?" : "");
    return weir_at(err, "%s", path);
}

/* Of expected/rows/: NAME.jsonl of a cache or table. */
static weir_status look_at_rows(
    const weir_config *config, const char *name, const char *path, weir_error *err)
{
    weir_config_nearest n = {.word = name};
    char names[2][200]; /* the nearest, and the one at hand */
    size_t at = 0;
    for (size_t i = 0; i < config->followed.count; i++) {
        snprintf(names[at], sizeof names[at], "%.190s.jsonl", config->followed.items[i]->name);
        if (strcmp(names[at], name) == 0 && !is_folder(path)) {
            return WEIR_OK;
        }
        weir_config_offer(&n, names[at]);
        at = n.best == names[at] ? !at : at;
    }
    return stray(&n, path, "cache or table of the config", "", err);
}

/* Of expected/ itself. */
static weir_status look_at_name(const char *name, const char *path, weir_error *err)
{
    static const char *const known[] = {"dead.jsonl", "emits.jsonl", "parked.jsonl", "rows"};
    weir_config_nearest n = {.word = name};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (strcmp(known[i], name) == 0 && is_folder(path) == (i == 3)) {
            return WEIR_OK;
        }
        weir_config_offer(&n, known[i]);
    }
    return stray(&n, path,
        "kind of what is expected (rows/, dead.jsonl, emits.jsonl, parked.jsonl)", "expected/",
        err);
}

/* config: of the rows; NULL: the folder that holds them. No such folder: nothing is expected. */
static weir_status look_into(const weir_config *config, const char *folder, weir_error *err)
{
    struct dirent **found = NULL;
    weir_status s = WEIR_OK;
    char path[1300];
    int n = scandir(folder, &found, is_shown, alphasort);
    if (n < 0) {
        return errno == ENOENT
                   ? WEIR_OK
                   : weir_fail(err, WEIR_E_FILE_UNREADABLE, "%.200s: %s", folder, strerror(errno));
    }
    for (int i = 0; i < n; i++) {
        snprintf(path, sizeof path, "%.1000s/%.255s", folder, found[i]->d_name);
        s = s        ? s
            : config ? look_at_rows(config, found[i]->d_name, path, err)
                     : look_at_name(found[i]->d_name, path, err);
        free(found[i]);
    }
    free(found);
    return s;
}

weir_status weir_case_find_strays(const weir_config *config, const char *dir, weir_error *err)
{
    char folder[1000];
    snprintf(folder, sizeof folder, "%.900s/expected", dir);
    weir_status s = look_into(NULL, folder, err);
    snprintf(folder, sizeof folder, "%.900s/expected/rows", dir);
    return s ? s : look_into(config, folder, err);
}
