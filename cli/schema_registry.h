/* weir schema register, and compat with what a registry has. Thread: the main thread. */
#ifndef WEIR_CLI_SCHEMA_REGISTRY_H
#define WEIR_CLI_SCHEMA_REGISTRY_H

#include "registry/registry_subject.h"
#include "registry_option.h"
#include "schema_files.h"

enum { WEIR_MOST_REFERENCES = 100 };

typedef struct weir_subject_request {
    const char *registry; /* NULL: the config's */
    const char *subject;  /* NULL: named after … */
    const char *topic;    /* … this and … */
    weir_subject_naming naming;
    bool of_key;
    const char *type; /* "avro", "json"; NULL: told by the file */
    bool json;        /* how it is said */
    weir_registry_reference references[WEIR_MOST_REFERENCES];
    size_t n_references;
} weir_subject_request;

/* Takes the options out of the arguments. Exit code. */
int weir_subject_request_of(weir_cli *cli, weir_subject_request *out);
/* Was a subject asked for? */
bool weir_subject_is_named(const weir_subject_request *r);
/* Each takes one FILE. --dry-run: nothing is registered, but asked whether it may be. Exit code. */
int weir_schema_register(weir_cli *cli, weir_schema_files *files, weir_subject_request *r);
int weir_schema_may_follow(weir_cli *cli, weir_schema_files *files, weir_subject_request *r);

#define WEIR_SUBJECT_OPTIONS                                                                      \
    WEIR_REGISTRY_OPTION, {"--subject", "NAME", "register, compat: the subject in the registry"}, \
        {"--topic", "TOPIC", "… or the topic that it is named after"},                            \
        {"--naming", "HOW",                                                                       \
            "how it is named: topic (TOPIC-value, by default), record (the record's full name, "  \
            "or title), topic-record"},                                                           \
        {"--key", NULL, "the schema is of keys: TOPIC-key"},                                      \
    {                                                                                             \
        "--reference", "NAME=SUBJECT@VERSION",                                                    \
            "what the schema refers to by NAME (may be given several times)"                      \
    }

#endif
