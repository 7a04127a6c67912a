/* Progress of a partition as text. See resume.h. */
#include "engine/resume.h"

#include <string.h>

#include "base/alloc.h"
#include "base/base64.h"

enum { BITMAP_BYTES = WEIR_RESUME_AHEAD / 8 };

static const char begin[] = "weir1;";

/* ---- Failures -----------------------------------------------------------------------------------
 */

static void forget_settled(weir_failures *all, const weir_frontier *f)
{
    size_t n = 0;
    for (size_t i = 0; i < all->count; i++) {
        if (!weir_frontier_is_settled(f, all->items[i].offset)) {
            all->items[n++] = all->items[i];
        }
    }
    all->count = n;
}

bool weir_resume_note(weir_resume *r, const weir_frontier *f, int64_t offset, uint32_t attempts)
{
    weir_failures *all = r->failures ? r->failures : weir_calloc(1, sizeof *all);
    if (!all) {
        return false;
    }
    r->failures = all;
    attempts = attempts < WEIR_RESUME_ATTEMPTS ? attempts : WEIR_RESUME_ATTEMPTS;
    for (size_t i = 0; i < all->count; i++) {
        if (all->items[i].offset == offset) {
            all->items[i].attempts = attempts;
            return true;
        }
    }
    if (all->count == WEIR_RESUME_FAILED) {
        forget_settled(all, f);
    }
    if (all->count == WEIR_RESUME_FAILED) {
        return false;
    }
    all->items[all->count++] = (weir_failed){offset, attempts};
    return true;
}

/* ---- Writing ------------------------------------------------------------------------------------
 */

typedef struct bitmap {
    unsigned char bytes[BITMAP_BYTES];
    size_t used;
} bitmap;

static void mark(bitmap *b, int64_t above)
{
    if (above >= 0 && above < WEIR_RESUME_AHEAD) {
        size_t byte = (size_t)above / 8;
        b->bytes[byte] |= (unsigned char)(1u << above % 8);
        b->used = byte < b->used ? b->used : byte + 1;
    }
}

static void mark_delivered(bitmap *b, const weir_frontier *f)
{
    int64_t above = 0;
    for (uint64_t seq = f->head; seq != f->tail && above < WEIR_RESUME_AHEAD; seq++) {
        int64_t offset;
        bool settled = weir_frontier_at(f, seq, &offset);
        above = offset - f->next;
        if (settled) {
            mark(b, above);
        }
    }
}

/* What was settled before this assignment, and need not be delivered again yet. */
static void mark_known(bitmap *b, const weir_frontier *f, const weir_resume *r)
{
    int64_t end = r->base + (int64_t)r->n_bytes * 8;
    for (int64_t offset = f->next; offset < end; offset++) {
        if (weir_resume_is_settled(r, offset)) {
            mark(b, offset - f->next);
        }
    }
}

static void put_failures(weir_buf *to, const weir_frontier *f, const weir_failures *all)
{
    const char *before = "";
    for (size_t i = 0; all && i < all->count; i++) {
        int64_t above = all->items[i].offset - f->next;
        if (above >= 0 && above < WEIR_RESUME_AHEAD &&
            !weir_frontier_is_settled(f, all->items[i].offset)) {
            weir_buf_printf(to, "%s%d:%u", before, (int)above, all->items[i].attempts);
            before = ",";
        }
    }
}

void weir_resume_put(weir_buf *to, const weir_frontier *f, const weir_resume *r)
{
    bitmap b = {.used = 0};
    size_t start = to->len;
    mark_delivered(&b, f);
    mark_known(&b, f, r);
    weir_buf_puts(to, begin);
    weir_base64_put(to, (weir_view){(const char *)b.bytes, b.used});
    weir_buf_putc(to, ';');
    put_failures(to, f, r->failures);
    if (r->stamp) {
        weir_buf_printf(to, ";%u", r->stamp);
    }
    if (to->len == start + sizeof begin) {
        to->len = start; /* neither */
    }
}

/* ---- Reading ------------------------------------------------------------------------------------
 */

/* The part before the next `end`, or all that is left; text is moved on behind it. */
static weir_view part(weir_view *text, char end)
{
    const char *at = text->len ? memchr(text->ptr, end, text->len) : NULL;
    weir_view found = {text->ptr, at ? (size_t)(at - text->ptr) : text->len};
    size_t past = found.len + (at ? 1 : 0);
    *text = (weir_view){text->ptr + past, text->len - past};
    return found;
}

static bool number(weir_view digits, int64_t *out)
{
    *out = 0;
    for (size_t i = 0; i < digits.len; i++) {
        if (digits.ptr[i] < '0' || digits.ptr[i] > '9' || *out > WEIR_RESUME_ATTEMPTS) {
            return false;
        }
        *out = *out * 10 + (digits.ptr[i] - '0');
    }
    return digits.len > 0;
}

/* False: out of memory. */
static bool get_bits(weir_resume *r, weir_view text)
{
    if (!text.len || text.len > WEIR_RESUME_MOST) {
        return true;
    }
    r->bits = weir_alloc(text.len / 4 * 3 + 3);
    ptrdiff_t n = r->bits ? weir_base64_get(text, (char *)r->bits) : 0;
    r->n_bytes = n > 0 ? (size_t)n : 0;
    return r->bits;
}

static bool get_failures(weir_resume *r, weir_view text)
{
    if (!text.len) {
        return true;
    }
    r->failures = weir_calloc(1, sizeof *r->failures);
    while (r->failures && text.len && r->failures->count < WEIR_RESUME_FAILED) {
        weir_view both = part(&text, ','), above = part(&both, ':');
        int64_t offset, attempts;
        if (number(above, &offset) && number(both, &attempts)) {
            r->failures->items[r->failures->count++] =
                (weir_failed){r->base + offset, (uint32_t)attempts};
        }
    }
    return r->failures;
}

bool weir_resume_get(weir_resume *r, int64_t base, weir_view text)
{
    size_t n = sizeof begin - 1;
    *r = (weir_resume){.base = base};
    if (text.len < n || memcmp(text.ptr, begin, n) != 0) {
        return true;
    }
    text = (weir_view){text.ptr + n, text.len - n};
    weir_view bits = part(&text, ';'), failures = part(&text, ';');
    int64_t stamp;
    r->stamp = number(text, &stamp) && stamp <= WEIR_RESUME_STAMPS ? (uint32_t)stamp : 0;
    if (get_bits(r, bits) && get_failures(r, failures)) {
        return true;
    }
    weir_resume_fini(r);
    return false;
}

void weir_resume_fini(weir_resume *r)
{
    weir_free(r->bits);
    weir_free(r->failures);
    *r = (weir_resume){0};
}

void weir_resume_stamp(weir_resume *r)
{
    r->stamp = r->stamp % WEIR_RESUME_STAMPS + 1;
}

bool weir_resume_is_settled(const weir_resume *r, int64_t offset)
{
    int64_t above = offset - r->base;
    return above >= 0 && (uint64_t)above / 8 < r->n_bytes && r->bits[above / 8] >> above % 8 & 1;
}

uint32_t weir_resume_attempts(const weir_resume *r, int64_t offset)
{
    for (size_t i = 0; r->failures && i < r->failures->count; i++) {
        if (r->failures->items[i].offset == offset) {
            return r->failures->items[i].attempts;
        }
    }
    return 0;
}
