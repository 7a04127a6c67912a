/* Dead letters that come back: `weir dlq replay` writes them into a topic that only this
 * application reads, and here each is the record that it was. Its place, topic and time are in the
 * letter's headers, which its handler does not see. */
#include <string.h>

#include "service/handler_lane.h"
#include "value/value.h"

static const char prefix[] = "weir.dead.";

static bool is_ours(weir_view name)
{
    return name.len >= sizeof prefix - 1 && memcmp(name.ptr, prefix, sizeof prefix - 1) == 0;
}

/* self: the letter's own record. */
static bool header_at(const void *self, size_t i, weir_view *name, weir_view *value)
{
    const weir_raw_record *r = self;
    for (size_t k = 0; r->headers.at && r->headers.at(r->headers.self, k, name, value); k++) {
        if (!is_ours(*name) && i-- == 0) {
            return true;
        }
    }
    return false;
}

static weir_view last_header(const weir_raw_record *r, const char *wanted)
{
    weir_view name, value, found = {NULL, 0};
    for (size_t i = 0; r->headers.at && r->headers.at(r->headers.self, i, &name, &value); i++) {
        found = weir_view_is(name, wanted) ? value : found;
    }
    return found;
}

bool weir_replayed(
    const weir_handlers *h, const weir_record *r, weir_raw_record *out, uint32_t *topic)
{
    int64_t partition, offset, timestamp_ms;
    weir_view name = last_header(&r->raw, "weir.dead.topic");
    if (!name.ptr || last_header(&r->raw, WEIR_DEAD_LETTER_LACKS).ptr || /* it is not all there */
        !weir_text_to_int64(last_header(&r->raw, "weir.dead.partition"), &partition) ||
        !weir_text_to_int64(last_header(&r->raw, "weir.dead.offset"), &offset) ||
        !weir_text_to_int64(last_header(&r->raw, "weir.dead.timestamp"), &timestamp_ms)) {
        return false;
    }
    uint32_t found = weir_handlers_tag((void *)(uintptr_t)h, name);
    if (found == UINT32_MAX || h->options.topics[found].replays || partition < 0 ||
        partition > INT32_MAX || offset < 0) {
        return false;
    }
    *topic = found;
    *out = r->raw;
    out->topic = name;
    out->partition = (int32_t)partition;
    out->offset = offset;
    out->timestamp_ms = timestamp_ms;
    out->headers.at = header_at;
    out->headers.self = &r->raw;
    return true;
}
