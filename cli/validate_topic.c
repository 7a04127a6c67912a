/* Records of live topics. See validate_topic.h. */
#include "validate_topic.h"

#include <string.h>

#include "stretch.h"
#include "words.h"

typedef struct reading {
    weir_inputs *in;
    const weir_topic_options *o;
} reading;

/* ---- options -------------------------------------------------------------------------------- */

int weir_topic_options_of(weir_cli *cli, weir_topic_options *o)
{
    for (const char *topic; (topic = weir_cli_option(cli, "--topic"));) {
        o->topics[o->n_topics++] = topic;
    }
    o->brokers = weir_cli_option(cli, "--brokers");
    o->from = weir_cli_option(cli, "--from");
    o->until = weir_cli_option(cli, "--until");
    o->from_ms = o->until_ms = -1;
    int code = weir_cli_count_option(cli, "--sample", &o->sample);
    bool any = o->brokers || o->from || o->until || o->sample;
    o->sample = o->sample ? o->sample : 1;
    if (code || (any && !o->n_topics)) {
        return code
                   ? code
                   : weir_cli_usage(cli, "--brokers, --from, --until and --sample are for --topic");
    }
    weir_view wrong;
    bool word = !o->from || strcmp(o->from, "earliest") == 0;
    if (!word && !weir_stretch_is_places(o->from, &wrong)) {
        o->from_ms = weir_cli_time(o->from, weir_cli_now());
        if (o->from_ms < 0) {
            return weir_cli_usage(cli, "--from: %.*s is no place and no time", WEIR_ARG(wrong));
        }
    }
    return weir_stretch_until(cli, o->until, &o->until, &o->until_ms);
}

/* ---- reading -------------------------------------------------------------------------------- */

static weir_status take(void *ctx, const char *topic, const weir_raw_record *raw, weir_error *err)
{
    const reading *r = ctx;
    bool wanted = raw->timestamp_ms >= r->o->from_ms && raw->offset % r->o->sample == 0;
    return wanted ? weir_inputs_record(r->in, topic, 0, raw, err) : WEIR_OK;
}

weir_status weir_topics_read(
    weir_inputs *in, const weir_topic_options *o, const weir_config *config, weir_error *err)
{
    reading r = {in, o};
    weir_stretch t = {.cli = in->cli,
        .topics = o->topics,
        .n_topics = o->n_topics,
        .from = o->from_ms < 0 ? o->from : NULL,
        .until = o->until,
        .until_ms = o->until_ms,
        .take = take,
        .ctx = &r,
        .bar = &in->bar,
        .taken = &in->documents};
    weir_status s = weir_stretch_open(&t, config, o->brokers, err);
    s = s ? s : weir_stretch_read(&t, err);
    weir_stretch_close(&t);
    return s;
}
