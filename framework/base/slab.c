/* Small blocks from large pieces. See slab.h. */
#include "base/slab.h"

#include "base/alloc.h"

enum { PIECE_BYTES = 512 << 10 };

struct weir_slab_piece {
    weir_slab_piece *next;
    _Alignas(WEIR_SLAB_STEP) char data[];
};

void weir_slab_fini(weir_slab *s)
{
    while (s->pieces) {
        weir_slab_piece *next = s->pieces->next;
        weir_free(s->pieces);
        s->pieces = next;
    }
    *s = (weir_slab){0};
}

/* A test of the pieces themselves defines WEIR_SLAB_PIECES. */
#if (defined(WEIR_ARENA_DEBUG) || defined(WEIR_FAULTS)) && !defined(WEIR_SLAB_PIECES)

void *weir_slab_alloc(weir_slab *s, size_t bytes)
{
    (void)s;
    return weir_alloc(bytes);
}

void weir_slab_free(weir_slab *s, void *block, size_t bytes)
{
    (void)s, (void)bytes;
    weir_free(block);
}

#else

static size_t steps(size_t bytes)
{
    return bytes ? (bytes + WEIR_SLAB_STEP - 1) / WEIR_SLAB_STEP : 1;
}

/* What is left of the last piece is too little for the block, and stays unused. */
static bool add_piece(weir_slab *s)
{
    weir_slab_piece *p = weir_alloc(PIECE_BYTES);
    if (!p) {
        return false;
    }
    p->next = s->pieces;
    s->pieces = p;
    s->left = PIECE_BYTES - sizeof *p;
    return true;
}

void *weir_slab_alloc(weir_slab *s, size_t bytes)
{
    if (bytes > WEIR_SLAB_LARGEST) {
        return weir_alloc(bytes);
    }
    size_t n = steps(bytes);
    void **block = s->freed[n];
    if (block) {
        s->freed[n] = *block;
        return block;
    }
    size_t size = n * WEIR_SLAB_STEP;
    if (s->left < size && !add_piece(s)) {
        return NULL;
    }
    s->left -= size;
    return s->pieces->data + s->left;
}

void weir_slab_free(weir_slab *s, void *block, size_t bytes)
{
    if (bytes > WEIR_SLAB_LARGEST) {
        weir_free(block);
        return;
    }
    if (block) {
        void **freed = block;
        *freed = s->freed[steps(bytes)];
        s->freed[steps(bytes)] = freed;
    }
}

#endif
