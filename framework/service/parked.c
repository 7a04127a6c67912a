/* Parked keys. See parked.h. */
#include "service/parked.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "value/value.h"

enum { MOST_BYTES = 64 << 20, OWN_HEADERS = 10, MOST_BARE = 4096 };

static const char lacks_header[] = WEIR_PARKED_PREFIX "lacks";

static const char *const words[] = {[WEIR_NOTE_PARKED] = "parked",
    [WEIR_NOTE_FOLLOWER] = "follower",
    [WEIR_NOTE_DONE] = "done",
    [WEIR_NOTE_LAST] = "last",
    [WEIR_NOTE_RELEASE] = "release",
    [WEIR_NOTE_AGAIN] = "again",
    [WEIR_NOTE_REJECT] = "reject"};

/* ---- Reading notes ------------------------------------------------------------------------------
 */

static bool is_ours(weir_view name)
{
    static const char prefix[] = WEIR_PARKED_PREFIX;
    return name.len >= sizeof prefix - 1 && memcmp(name.ptr, prefix, sizeof prefix - 1) == 0;
}

/* self: the note's own record. */
static bool original_header(const void *self, size_t i, weir_view *name, weir_view *value)
{
    const weir_raw_record *r = self;
    for (size_t k = 0; r->headers.at && r->headers.at(r->headers.self, k, name, value); k++) {
        if (!is_ours(*name) && i-- == 0) {
            return true;
        }
    }
    return false;
}

static weir_view header(const weir_raw_record *r, const char *wanted)
{
    weir_view name, value, found = {NULL, 0};
    for (size_t i = 0; r->headers.at && r->headers.at(r->headers.self, i, &name, &value); i++) {
        found = weir_view_is(name, wanted) ? value : found;
    }
    return found;
}

static int64_t number(const weir_raw_record *r, const char *wanted, int64_t otherwise)
{
    int64_t n;
    weir_view text = header(r, wanted);
    return text.ptr && weir_text_to_int64(text, &n) ? n : otherwise;
}

static bool read_name(weir_view name, weir_parked_note *out)
{
    const char *slash = name.ptr ? memchr(name.ptr, '/', name.len) : NULL;
    int64_t partition;
    if (!slash) {
        return false;
    }
    out->name = name;
    out->topic = weir_view_make(name.ptr, (size_t)(slash - name.ptr));
    weir_view rest = weir_view_make(slash + 1, name.len - out->topic.len - 1);
    slash = memchr(rest.ptr, '/', rest.len);
    size_t digits = slash ? (size_t)(slash - rest.ptr) : rest.len;
    out->key = slash ? weir_view_make(slash + 1, rest.len - digits - 1) : (weir_view){NULL, 0};
    bool ok = weir_text_to_int64(weir_view_make(rest.ptr, digits), &partition);
    out->partition = (int32_t)partition;
    return ok && partition >= 0 && partition <= INT32_MAX && out->topic.len;
}

bool weir_parked_note_read(const weir_raw_record *record, weir_parked_note *out)
{
    *out = (weir_parked_note){.what = WEIR_NOTE_NONE};
    weir_view what = header(record, "weir.parked.what");
    for (unsigned i = WEIR_NOTE_PARKED; what.ptr && i <= WEIR_NOTE_REJECT; i++) {
        out->what = weir_view_is(what, words[i]) ? (weir_note)i : out->what;
    }
    if (out->what == WEIR_NOTE_NONE || !read_name(record->key, out)) {
        return false;
    }
    out->offset = number(record, "weir.parked.offset", -1);
    out->time_ms = number(record, "weir.parked.time", record->timestamp_ms);
    bool decision = out->what >= WEIR_NOTE_RELEASE;
    out->original = (weir_raw_record){.topic = out->topic,
        .partition = out->partition,
        .offset = out->offset,
        .timestamp_ms = number(record, "weir.parked.timestamp", -1),
        .key = out->key,
        .value = record->value,
        .headers = {original_header, record}};
    out->lacks = number(record, lacks_header, 0);
    int64_t partitions = number(record, "weir.parked.partitions", 0);
    out->partitions = partitions > 0 && partitions <= INT32_MAX ? (int32_t)partitions : 0;
    return decision || out->offset >= 0;
}

/* ---- Writing notes ------------------------------------------------------------------------------
 */

typedef struct making {
    weir_arena *arena;
    weir_outgoing_header *headers;
    size_t n;
} making;

static void put(making *k, const char *name, weir_view value)
{
    k->headers[k->n++] = (weir_outgoing_header){weir_view_of(name), value};
}

static void put_number(making *k, const char *name, int64_t n)
{
    put(k, name, weir_arena_printf(k->arena, "%lld", (long long)n));
}

static void put_why(making *k, const weir_parked_writing *w)
{
    put(k, "weir.parked.code", weir_arena_copy(k->arena, weir_view_of(w->why->code)));
    put(k, "weir.parked.text",
        weir_arena_printf(
            k->arena, "%s%s%s", w->why->where, w->why->where[0] ? ": " : "", w->why->text));
    put_number(k, "weir.parked.attempts", w->attempts);
    if (w->partitions) {
        put_number(k, "weir.parked.partitions", w->partitions);
    }
}

static size_t count_headers(const weir_raw_record *r)
{
    weir_view name, value;
    size_t n = 0;
    while (r->headers.at && r->headers.at(r->headers.self, n, &name, &value)) {
        n++;
    }
    return n;
}

static weir_view name_of(const weir_raw_record *r, weir_arena *arena)
{
    weir_buf name = {0};
    weir_parked_name_put(&name, r->topic, r->partition, r->key);
    weir_view v = name.failed ? (weir_view){NULL, 0} : weir_arena_copy(arena, weir_buf_view(&name));
    weir_buf_fini(&name);
    return v;
}

weir_outgoing *weir_parked_note_make(const weir_parked_writing *w, weir_arena *arena)
{
    const weir_raw_record *r = w->record;
    bool whole = w->what == WEIR_NOTE_PARKED || w->what == WEIR_NOTE_FOLLOWER;
    size_t n = whole ? count_headers(r) : 0;
    weir_outgoing *o = weir_arena_alloc(arena, sizeof *o);
    making k = {arena, weir_arena_alloc(arena, (n + OWN_HEADERS) * sizeof *k.headers), n};
    weir_view name = name_of(r, arena);
    if (!o || !k.headers || !name.ptr) {
        return NULL;
    }
    for (size_t i = 0; i < n; i++) {
        (void)r->headers.at(r->headers.self, i, &k.headers[i].name, &k.headers[i].value);
    }
    put(&k, "weir.parked.what", weir_view_of(words[w->what]));
    put_number(&k, "weir.parked.offset", r->offset);
    put_number(&k, "weir.parked.time", w->time_ms);
    if (whole) {
        put_number(&k, "weir.parked.timestamp", r->timestamp_ms);
    }
    if (w->what == WEIR_NOTE_PARKED) {
        put_why(&k, w);
    }
    if (whole && w->lacks) {
        put_number(&k, lacks_header, w->lacks);
    }
    *o = (weir_outgoing){.topic = w->to,
        .place = w->place,
        .key = name,
        .value = whole ? r->value : (weir_view){NULL, 0},
        .headers = k.headers,
        .n_headers = k.n};
    return arena->failed ? NULL : o;
}

/* Its record's headers that there is no room for are left out; returns their bytes. */
static int64_t strip_headers(const weir_outgoing *o, making *to)
{
    size_t kept = 0, lacks = 0;
    for (size_t i = 0; i < o->n_headers; i++) {
        const weir_outgoing_header *h = &o->headers[i];
        size_t bytes = is_ours(h->name) ? 0 : h->name.len + h->value.len;
        if (kept + bytes > MOST_BARE) {
            lacks += bytes;
        } else if (!weir_view_is(h->name, lacks_header)) {
            kept += bytes;
            to->headers[to->n++] = *h;
        }
    }
    return (int64_t)lacks;
}

static int64_t lacked_before(const weir_outgoing *o)
{
    int64_t n = 0;
    for (size_t i = 0; i < o->n_headers; i++) {
        if (weir_view_is(o->headers[i].name, lacks_header)) {
            (void)weir_text_to_int64(o->headers[i].value, &n);
        }
    }
    return n;
}

weir_status weir_parked_note_strip(weir_outgoing *o, weir_arena *arena, weir_error *err)
{
    making k = {arena, weir_arena_alloc(arena, (o->n_headers + 1) * sizeof *k.headers), 0};
    if (!k.headers) {
        return weir_fail_oom(err);
    }
    int64_t lacks = strip_headers(o, &k) + (int64_t)o->value.len;
    if (!lacks) {
        return weir_fail(err, WEIR_E_PARKED_REFUSED,
            "%s takes not even the place of a record: its key has %zu bytes", o->topic, o->key.len);
    }
    put_number(&k, lacks_header, lacks + lacked_before(o));
    o->value = (weir_view){NULL, 0};
    o->headers = k.headers;
    o->n_headers = k.n;
    return arena->failed ? weir_fail_oom(err) : WEIR_OK;
}

weir_outgoing *weir_parked_decision_make(const char *to, weir_view name, weir_note what,
    int64_t about, int64_t time_ms, weir_arena *arena)
{
    weir_outgoing *o = weir_arena_alloc(arena, sizeof *o);
    making k = {arena, weir_arena_alloc(arena, 3 * sizeof *k.headers), 0};
    weir_view copy = weir_arena_copy(arena, name);
    if (!o || !k.headers || !copy.ptr) {
        return NULL;
    }
    put(&k, "weir.parked.what", weir_view_of(words[what]));
    put_number(&k, "weir.parked.time", time_ms);
    if (about >= 0) {
        put_number(&k, "weir.parked.offset", about);
    }
    *o = (weir_outgoing){.topic = to, .key = copy, .headers = k.headers, .n_headers = k.n};
    return arena->failed ? NULL : o;
}

/* ---- The book -----------------------------------------------------------------------------------
 */

void weir_parked_name_put(weir_buf *to, weir_view topic, int32_t partition, weir_view key)
{
    weir_buf_putv(to, topic);
    weir_buf_printf(to, "/%d", (int)partition);
    if (key.ptr) {
        weir_buf_putc(to, '/');
        weir_buf_put(to, key.ptr, key.len);
    }
}

/* CRC-32, as librdkafka's producers place keys by default: so it was done before. */
int32_t weir_parked_partition_of(weir_view name, int32_t partitions)
{
    uint32_t crc = UINT32_MAX;
    for (size_t i = 0; i < name.len; i++) {
        crc ^= (unsigned char)name.ptr[i];
        for (int bit = 0; bit < 8; bit++) {
            crc = crc >> 1 ^ (crc & 1 ? UINT32_C(0xedb88320) : 0);
        }
    }
    return (int32_t)(~crc % (uint32_t)partitions);
}

void weir_parked_book_init(weir_parked_book *b, uint32_t most_keys)
{
    *b = (weir_parked_book){.most_keys = most_keys, .most_bytes = MOST_BYTES};
    weir_map_init(&b->keys);
}

static void free_key(void *key)
{
    weir_parked_key *k = key;
    weir_free(k->topic);
    weir_free(k);
}

void weir_parked_book_fini(weir_parked_book *b)
{
    weir_map_fini(&b->keys, free_key);
}

weir_parked_key *weir_parked_book_find(const weir_parked_book *b, weir_view name)
{
    return b->keys.count ? weir_map_get(&b->keys, name) : NULL;
}

static size_t bytes_of(const weir_parked_key *k)
{
    return sizeof *k + sizeof(weir_map_entry) + strlen(k->topic) + 2 * k->name.len + 2;
}

/* key: within the name. */
static weir_parked_key *new_key(weir_view name, weir_view topic, int32_t partition, bool keyed)
{
    weir_parked_key *k = weir_calloc(1, sizeof *k);
    char *text = weir_alloc(topic.len + 1 + name.len);
    if (!k || !text) {
        weir_free(k);
        weir_free(text);
        return NULL;
    }
    memcpy(text, topic.ptr, topic.len);
    text[topic.len] = '\0';
    char *own = text + topic.len + 1;
    memcpy(own, name.ptr, name.len);
    k->topic = text;
    k->name = weir_view_make(own, name.len);
    k->partition = partition;
    k->log_partition = -1;
    k->log_first = k->lacking = -1;
    k->log = (weir_key_standing){.first = -1, .parked = -1, .done = -1, .copy = -1};
    if (keyed) {
        const char *slash = memchr(own + topic.len + 1, '/', name.len - topic.len - 1);
        k->key = weir_view_make(slash + 1, (size_t)(own + name.len - slash - 1));
    }
    return k;
}

static weir_status add(weir_parked_book *b, weir_view name, weir_view topic, int32_t partition,
    bool keyed, weir_parked_key **out, weir_error *err)
{
    weir_parked_key *k = new_key(name, topic, partition, keyed);
    weir_map_entry *e = k ? weir_map_add(&b->keys, k->name) : NULL;
    if (!e) {
        if (k) {
            free_key(k);
        }
        return weir_fail_oom(err);
    }
    e->value = k;
    b->bytes += bytes_of(k);
    *out = k;
    return WEIR_OK;
}

weir_status weir_parked_book_add(weir_parked_book *b, weir_view name, weir_view topic,
    int32_t partition, bool keyed, weir_parked_key **out, weir_error *err)
{
    *out = weir_parked_book_find(b, name);
    if (*out) {
        return WEIR_OK;
    }
    if (b->keys.count >= b->most_keys || b->bytes >= b->most_bytes) {
        return weir_fail(err, WEIR_E_PARKED_FULL, "%zu keys are parked", b->keys.count);
    }
    return add(b, name, topic, partition, keyed, out, err);
}

void weir_parked_book_remove(weir_parked_book *b, weir_parked_key *k)
{
    weir_map_entry *e = weir_map_find(&b->keys, k->name);
    b->bytes -= bytes_of(k);
    weir_map_remove(&b->keys, e);
    free_key(k);
}

const char *weir_key_state_name(weir_key_state state)
{
    static const char *const names[] = {[WEIR_KEY_OPEN] = "open",
        [WEIR_KEY_PARKED] = "parked",
        [WEIR_KEY_RELEASED] = "released",
        [WEIR_KEY_REJECTED] = "rejected"};
    return names[state];
}

/* ---- Folding ------------------------------------------------------------------------------------
 */

static int64_t greater(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

bool weir_parked_standing_park(weir_key_standing *s, int64_t offset)
{
    if (s->state == WEIR_KEY_OPEN) {
        *s = (weir_key_standing){.first = offset, .done = offset - 1, .copy = offset};
    }
    if (offset <= s->done) {
        return false;
    }
    s->state = WEIR_KEY_PARKED;
    s->parked = s->done = offset;
    s->copy = greater(s->copy, offset);
    return true;
}

/* A second word changes nothing; but what is released may be rejected still, or a record that
 * brings its handler down could not be got rid of. */
static void decide(weir_key_standing *s, const weir_parked_note *n)
{
    if (n->offset >= 0 && n->offset != s->parked) {
        return;
    }
    if (s->state == WEIR_KEY_PARKED) {
        s->state = n->what == WEIR_NOTE_REJECT ? WEIR_KEY_REJECTED : WEIR_KEY_RELEASED;
        s->done = n->what == WEIR_NOTE_AGAIN ? s->parked - 1 : s->done;
    } else if (s->state == WEIR_KEY_RELEASED && n->what == WEIR_NOTE_REJECT) {
        s->state = WEIR_KEY_REJECTED;
    }
}

static bool is_decided(const weir_key_standing *s)
{
    return s->state == WEIR_KEY_RELEASED || s->state == WEIR_KEY_REJECTED;
}

/* What a note says, of either standing. */
static void apply(weir_key_standing *s, const weir_parked_note *n)
{
    if (n->what >= WEIR_NOTE_RELEASE) {
        decide(s, n);
    } else if (n->what == WEIR_NOTE_PARKED) {
        (void)weir_parked_standing_park(s, n->offset);
    } else if (s->state == WEIR_KEY_OPEN || n->offset < s->first) {
        return;
    } else if (n->what == WEIR_NOTE_FOLLOWER) {
        s->copy = greater(s->copy, n->offset);
    } else {
        s->done = greater(s->done, n->offset);
        bool last = n->what == WEIR_NOTE_LAST && s->copy <= s->done && n->offset >= s->parked;
        s->state = last && is_decided(s) ? WEIR_KEY_OPEN : s->state;
    }
}

static void keep_why(weir_parked_key *k, const weir_raw_record *r, const weir_parked_note *n)
{
    weir_view code = header(r, "weir.parked.code"), text = header(r, "weir.parked.text");
    k->since_ms = n->time_ms;
    k->attempts = (uint32_t)number(r, "weir.parked.attempts", 0);
    k->why = (weir_error){.status = WEIR_REJECT};
    snprintf(k->why.code, sizeof k->why.code, "%.*s",
        (int)(code.len < sizeof k->why.code ? code.len : sizeof k->why.code - 1),
        code.ptr ? code.ptr : "");
    snprintf(k->why.text, sizeof k->why.text, "%.*s",
        (int)(text.len < sizeof k->why.text ? text.len : sizeof k->why.text - 1),
        text.ptr ? text.ptr : "");
    (void)weir_at(&k->why, "%.60s/%d@%lld", k->topic, (int)k->partition, (long long)n->offset);
}

/* A key that was open is not open any more. */
static bool begins(const weir_parked_note *n)
{
    return n->what == WEIR_NOTE_PARKED || n->what == WEIR_NOTE_FOLLOWER;
}

static void count_followers(weir_parked_key *k, const weir_parked_note *n)
{
    bool done =
        n->what == WEIR_NOTE_DONE || n->what == WEIR_NOTE_LAST || n->what == WEIR_NOTE_PARKED;
    bool less = done && n->offset > k->log.done && n->offset > k->log.parked;
    bool more = n->what == WEIR_NOTE_FOLLOWER && n->offset > k->log.copy;
    k->followers += more;
    k->lacking = more && n->lacks ? n->offset : k->lacking;
    k->followers -= less && k->followers;
}

void weir_parked_key_rewind(weir_parked_key *k)
{
    k->recalled = k->own.done;
    k->recall_next = k->log_first;
    k->session = 0;
    k->retry_ms = 0;
    k->round++;
}

/* The own standing may be ahead of what was read: a word that was written before is not for it. */
static void apply_to_own(weir_parked_key *k, const weir_parked_note *n)
{
    bool decision = n->what >= WEIR_NOTE_RELEASE;
    if (!k->own_epoch || (decision && k->own.parked != k->log.parked)) {
        return;
    }
    const weir_key_standing before = k->own;
    apply(&k->own, n);
    bool parked = k->own.state == WEIR_KEY_PARKED && before.state != WEIR_KEY_PARKED;
    if (parked || k->own.parked != before.parked || k->own.done < before.done) {
        weir_parked_key_rewind(k);
    }
}

/* Whoever wrote that the key is open had lost its partition, and did not know of this copy. Or the
 * note that the key is parked is gone: then nobody has released it, and an operator is asked. */
static void reopen(weir_parked_key *k, const weir_parked_note *n, bool is_cut)
{
    if (is_cut) {
        k->since_ms = n->time_ms;
        weir_fail(&k->why, WEIR_E_PARKED_CUT, "what was noted first is gone by retention");
    }
    k->log = (weir_key_standing){.state = is_cut ? WEIR_KEY_PARKED : WEIR_KEY_RELEASED,
        .first = n->offset,
        .parked = n->offset - 1,
        .done = n->offset - 1,
        .copy = n->offset - 1};
    if (k->own_epoch && k->own.state == WEIR_KEY_OPEN) {
        k->own = k->log;
        weir_parked_key_rewind(k);
    }
}

static void begin_at(weir_parked_key *k, const weir_raw_record *r)
{
    k->log_partition = r->partition;
    k->log_first = k->recall_next = r->offset;
}

/* Its notes are in another partition, as they may be where writers of different ways to place them
 * came one after the other. True: it says something: the key was opened there, though that is not
 * read yet, and is parked anew here. A copy is one only where the others are. */
static bool moves(weir_parked_key *k, const weir_raw_record *r, const weir_parked_note *n)
{
    bool anew = n->what == WEIR_NOTE_PARKED && n->offset > k->log.done && k->log.copy <= n->offset;
    if (anew) {
        begin_at(k, r);
    }
    return n->what != WEIR_NOTE_FOLLOWER;
}

static void fold(
    weir_parked_key *k, const weir_raw_record *r, const weir_parked_note *n, bool is_cut)
{
    if (k->log.state == WEIR_KEY_OPEN && begins(n)) {
        begin_at(k, r);
        k->followers = 0;
        k->lacking = -1;
    }
    if (k->log.state == WEIR_KEY_OPEN && n->what == WEIR_NOTE_FOLLOWER) {
        reopen(k, n, is_cut);
    }
    count_followers(k, n);
    apply(&k->log, n);
    if (n->what == WEIR_NOTE_PARKED && n->offset == k->log.parked) {
        keep_why(k, r, n);
    }
}

weir_status weir_parked_book_take(weir_parked_book *b, const weir_raw_record *record,
    const weir_parked_note *note, weir_parked_key **key, weir_error *err)
{
    weir_parked_key *k = weir_parked_book_find(b, note->name);
    weir_status s = WEIR_OK;
    if (!k && begins(note)) {
        s = add(b, note->name, note->topic, note->partition, note->key.ptr != NULL, &k, err);
    }
    *key = k;
    bool elsewhere = k && k->log.state != WEIR_KEY_OPEN && k->log_partition != record->partition;
    if (s || !k || (elsewhere && !moves(k, record, note))) {
        return s;
    }
    fold(k, record, note, b->is_cut);
    apply_to_own(k, note);
    bool ahead = k->own_epoch && k->own.state != WEIR_KEY_OPEN && k->own.copy > k->log.done;
    if (k->log.state == WEIR_KEY_OPEN && !ahead && !k->under_way) {
        weir_parked_book_remove(b, k);
        *key = NULL;
    } else if (k->log.state == WEIR_KEY_OPEN && !ahead) {
        k->own.state = WEIR_KEY_OPEN; /* it goes with the last of its records in a lane */
    }
    return WEIR_OK;
}
