/* Advice by command. See advice.h. */
#include "advice.h"

#include <string.h>

typedef struct command_advice {
    const char *command; /* NULL: every one that does not run on */
    weir_code code;
    const char *text;
} command_advice;

#define OF_REFERENCE \
    "Look at the reference and the network, or map it to disk by --resolve PREFIX=DIR."

/* The first that fits. */
static const command_advice list[] = {
    {"replay", WEIR_E_KAFKA_NO_TOPIC,
        "Create the topic with the partitions of the recording, or write elsewhere by "
        "--topic-prefix or --to; weir creates none."},
    {"record", WEIR_E_KAFKA_NO_TOPIC,
        "Mend the topic's name in the config, or name those to be recorded by --topic."},
    {"record", WEIR_E_KAFKA_OFFSETS_LOST,
        "Retention has passed them while they were read: begin again, or later by --from."},
    {NULL, WEIR_E_KAFKA_NO_TOPIC, "Create it, or mend its name."},
    {NULL, WEIR_E_KAFKA_UNREACHABLE,
        "Look at bootstrap.servers, the network and the brokers; --timeout says how long to try."},
    {"replay", WEIR_E_KAFKA_PRODUCE,
        "Look at the brokers and the topic; what was written stays written."},
    {"validate", WEIR_E_HTTP_UNREACHABLE, OF_REFERENCE},
    {"validate", WEIR_E_HTTP_ANSWER, OF_REFERENCE},
    {"schema", WEIR_E_HTTP_UNREACHABLE, OF_REFERENCE},
    {"schema", WEIR_E_HTTP_ANSWER, OF_REFERENCE},
    {"diff", WEIR_E_STORE_CONFIG,
        "Look at the conninfo, of --against or (where the message says stores.NAME) of the store, "
        "and at what this user may do."},
    {"diff", WEIR_E_STORE_UNREACHABLE,
        "Look at the conninfo, of --against or (where the message says stores.NAME) of the store, "
        "the network and the server."},
    {"diff", WEIR_E_TABLE_MISSING,
        "Is --against the source's database, and may this user see the table's schema?"},
    {"diff", WEIR_E_TABLE_KEY, "Without a key rows of the two sides cannot be told apart."},
    {NULL, WEIR_E_NO_CACHE,
        "The first weir sync makes it; is this the config, and the store, that it has?"},
    {NULL, WEIR_E_STORE_FULL, "Free disk space, or raise the store's map_size; then run it again."},
    {NULL, WEIR_E_STORE_IO,
        "Look at the path, the disk and the permissions; a store that is not there yet is made by "
        "weir sync."},
};

static const char *of_command(const char *command, const weir_error *err)
{
    bool runs_on = strcmp(command, "sync") == 0 || strcmp(command, "dev") == 0;
    for (size_t i = 0; i < sizeof list / sizeof *list && !runs_on; i++) {
        bool meant = !list[i].command || strcmp(list[i].command, command) == 0;
        if (meant && strcmp(weir_code_get(list[i].code)->name, err->code) == 0) {
            return list[i].text;
        }
    }
    return NULL;
}

const char *weir_cli_advice(const char *command, const weir_error *err)
{
    const char *own = of_command(command, err);
    for (int i = 1; i < WEIR_E_COUNT && !own; i++) {
        const weir_code_info *info = weir_code_get((weir_code)i);
        own = strcmp(info->name, err->code) == 0 ? info->advice : NULL;
    }
    return own ? own : "";
}
