/* The reference page docs/config.md, from config.def. See config_doc.h. */
#include "config_doc.h"
#include "base/ascii.h"

#include "config_table.h"
#include "config_value.h"

static const char introduction[] =
    "# The config\n"
    "\n"
    "<!-- Made from app/config.def and docs/config.example.yaml by `make docs-config`. -->\n"
    "\n"
    "One YAML file says what a weir application reads, keeps and serves. `weir check FILE` reads "
    "it\n"
    "without touching anything else and reports every problem with its line and column; the JSON\n"
    "Schema [schemas/weir/config.schema.json](../schemas/weir/config.schema.json) lets an editor\n"
    "complete it.\n"
    "\n"
    "- [A complete example](#a-complete-example)\n"
    "- [How values are written](#how-values-are-written)\n";

static void put_values(weir_buf *to)
{
    weir_buf_printf(to,
        "## How values are written\n"
        "\n"
        "**Units** are part of the value: a whole number with its unit behind it. A number alone "
        "is\n"
        "an error, since nobody can know what it was meant to be.\n"
        "\n"
        "| | units | |\n"
        "|---|---|---|\n"
        "| duration | `%s` | `20s` |\n"
        "| size | `%s` | `64MiB` |\n"
        "\n",
        weir_config_duration_units(), weir_config_size_units());
    weir_buf_puts(to,
        "**Interpolation** works on single values, after YAML was parsed, so no value can change "
        "the\n"
        "structure of the config:\n"
        "\n"
        "| written | becomes |\n"
        "|---|---|\n"
        "| `${NAME}` | the environment variable; an error when it is not set |\n"
        "| `${NAME:-default}` | the same, or `default` when it is not set or empty |\n"
        "| `${file:/path}` | the file's content without the line end at its end; a secret |\n"
        "| `$$` | `$` |\n"
        "\n"
        "**Secrets** are what comes from a file by `${file:…}`, and the values of the properties "
        "that\n"
        "are marked so below. They are shown as `***`. One that stands in the config itself is a\n"
        "warning.\n"
        "\n"
        "**YAML** is taken strictly: a key that is there twice is an error, and so is one that is "
        "not\n"
        "known; there are no tags and no merge keys (`<<`). Anchors and aliases work. A text that\n"
        "holds `: ` or begins with one of `@ % & * ! [ {` needs quotes.\n"
        "\n"
        "**Paths** that are relative are so to the directory that the program runs in, not to the\n"
        "config's own: a unit of systemd has `WorkingDirectory`. What a schema file refers to is "
        "beside\n"
        "that file.\n"
        "\n"
        "**Names** of sources, stores and caches are letters, digits, `_` and `-`, 63 at most.\n"
        "\n");
}

/* ---- a key's row ------------------------------------------------------------------------- */

static void put_number(const weir_config_key *key, uint64_t n, weir_buf *to)
{
    if (key->kind == WEIR_CONFIG_KIND_DURATION) {
        weir_config_put_duration(n, to);
    } else if (key->kind == WEIR_CONFIG_KIND_SIZE) {
        weir_config_put_size(n, to);
    } else {
        weir_buf_uint(to, n);
    }
}

static void put_bounds(const weir_config_key *key, weir_buf *to)
{
    bool is_text = key->kind <= WEIR_CONFIG_KIND_ROW_SOURCE;
    if (is_text && key->max) {
        weir_buf_printf(to, " of at most %u characters", (unsigned)key->max);
    } else if (key->min) {
        weir_buf_puts(to, key->min == key->max ? ": " : ", from ");
        put_number(key, key->min, to);
    } else if (key->max) {
        weir_buf_puts(to, ", at most ");
        put_number(key, key->max, to);
    }
    if (key->min && key->max > key->min) {
        weir_buf_puts(to, " to ");
        put_number(key, key->max, to);
    }
    if (key->zero) {
        weir_buf_printf(to, ", or `%s`", key->zero);
    }
}

static void put_taken(const weir_config_key *key, weir_buf *to)
{
    if (key->kind != WEIR_CONFIG_KIND_CHOICE) {
        weir_buf_puts(to, weir_config_kind_words(key->kind));
        put_bounds(key, to);
        return;
    }
    const char *between = "";
    for (size_t i = 0; i < key->choices.count; i++) {
        if (!key->choices.items[i].later) {
            weir_buf_printf(to, "%s`%s`", between, key->choices.items[i].spelling);
            between = ", ";
        }
    }
}

static void put_default(const weir_config_key *key, weir_buf *to)
{
    if (key->required) {
        weir_buf_puts(to, "**required**");
    } else if (key->fallback && *key->fallback) {
        weir_buf_printf(to, "`%s`", key->fallback);
    } else if (key->computed) {
        weir_buf_puts(to, key->computed);
    }
}

static const char *title_of(weir_config_section_id id)
{
    return id == WEIR_CONFIG_ROOT ? "Top level" : weir_config_sections[id].path;
}

/* GitHub's anchors: small letters, no dots, a dash for a space. */
static void put_anchor(const char *title, weir_buf *to)
{
    for (; *title; title++) {
        if (*title == ' ') {
            weir_buf_putc(to, '-');
        } else if (*title != '.') {
            weir_buf_putc(to, weir_ascii_lower(*title));
        }
    }
}

static void put_row(const weir_config_key *key, weir_buf *to)
{
    weir_buf_printf(to, "| `%s` | ", key->name);
    static const char *const words[] = {
        [WEIR_CONFIG_KIND_SUBSECTION] = "section",
        [WEIR_CONFIG_KIND_EACH] = "for each name",
        [WEIR_CONFIG_KIND_ITEMS] = "a list of",
    };
    if (key->kind >= WEIR_CONFIG_KIND_SUBSECTION && key->kind <= WEIR_CONFIG_KIND_ITEMS) {
        const char *title = title_of(key->child);
        weir_buf_printf(to, "%s [%s](#", words[key->kind], title);
        put_anchor(title, to);
        weir_buf_putc(to, ')');
    } else {
        put_taken(key, to);
    }
    weir_buf_puts(to, " | ");
    put_default(key, to);
    weir_buf_printf(to, " | %s", key->help);
    if (key->only_for) {
        char types[64];
        weir_buf_printf(
            to, " (`type: %s`)", weir_config_alternatives(key->only_for, types, sizeof types));
    }
    weir_buf_puts(to, " |\n");
}

/* ---- sections ---------------------------------------------------------------------------- */

static void put_contents(weir_buf *to)
{
    for (int i = 0; i < WEIR_CONFIG_SECTIONS; i++) {
        const char *title = title_of((weir_config_section_id)i);
        weir_buf_printf(to, "%s[%s](#", i ? ", " : "- ", title);
        put_anchor(title, to);
        weir_buf_putc(to, ')');
    }
    weir_buf_puts(to, "\n- [Not in this version](#not-in-this-version)\n\n");
}

static void put_properties(weir_buf *to)
{
    weir_buf_puts(to, "\nSome properties have a meaning of their own:\n\n"
                      "| property | |\n|---|---|\n");
    for (const weir_config_property *p = weir_config_kafka_properties; p->name; p++) {
        if (p->required || p->secret) {
            weir_buf_printf(to, "| `%s` | %s%s |\n", p->name,
                p->required ? "**required**: " : "secret: ", p->help);
        }
    }
    weir_buf_puts(to, "\nThese are weir's own to set, and an error here:\n\n"
                      "| property | because |\n|---|---|\n");
    for (const weir_config_property *p = weir_config_kafka_properties; p->name; p++) {
        if (p->refused) {
            weir_buf_printf(to, "| `%s` | %s |\n", p->name, p->help);
        }
    }
    weir_buf_puts(to, "\nThese have one good value:\n\n| property | must stay | because |\n"
                      "|---|---|---|\n");
    for (const weir_config_property *p = weir_config_kafka_properties; p->name; p++) {
        if (p->only) {
            weir_buf_printf(to, "| `%s` | `%s`%s | %s |\n", p->name, p->only,
                p->risk ? " (a warning)" : "", p->help);
        }
    }
}

static void put_section(weir_config_section_id id, weir_buf *to)
{
    const weir_config_key *key = NULL;
    weir_buf_printf(to, "## %s\n\n%s\n\n", title_of(id), weir_config_sections[id].help);
    weir_buf_puts(to, "| key | takes | default | what it decides |\n|---|---|---|---|\n");
    while ((key = weir_config_next_key(id, key)) != NULL) {
        if (key->kind != WEIR_CONFIG_KIND_LATER) {
            put_row(key, to);
        }
    }
    if (id == WEIR_CONFIG_KAFKA) {
        put_properties(to);
    }
    weir_buf_putc(to, '\n');
}

/* ---- what is refused for now ------------------------------------------------------------- */

static void put_later_choices(const weir_config_key *key, weir_buf *to)
{
    const char *path = weir_config_sections[key->section].path;
    for (size_t i = 0; i < key->choices.count; i++) {
        const weir_config_choice *c = &key->choices.items[i];
        if (c->later) {
            weir_buf_printf(to, "| `%s.%s: %s` | | %s |\n", path, key->name, c->spelling, c->later);
        }
    }
}

static void put_later(weir_buf *to)
{
    weir_buf_puts(to, "## Not in this version\n\n"
                      "These are known and refused, with a word on what to use instead.\n\n"
                      "| key | what it is for | meanwhile |\n|---|---|---|\n");
    for (const weir_config_key *key = weir_config_keys; key->name; key++) {
        const char *path = weir_config_sections[key->section].path;
        put_later_choices(key, to);
        if (key->later) {
            weir_buf_printf(to, "| `%s%s%s` | %s | %s |\n", path, *path ? "." : "", key->name,
                key->help, key->later);
        }
    }
    for (const weir_config_planned *p = weir_config_planned_keys; p->path; p++) {
        weir_buf_printf(to, "| `%s` | %s | |\n", p->path, p->help);
    }
}

void weir_config_doc_page(weir_view example, weir_buf *to)
{
    weir_buf_puts(to, introduction);
    put_contents(to);
    weir_buf_puts(to, "## A complete example\n\n```yaml\n");
    weir_buf_putv(to, example);
    weir_buf_puts(to, "```\n\n");
    put_values(to);
    for (int i = 0; i < WEIR_CONFIG_SECTIONS; i++) {
        put_section((weir_config_section_id)i, to);
    }
    put_later(to);
}
