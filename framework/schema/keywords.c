/* The table of keywords. See keywords.def. */
#include "schema/compiler.h"
#include "value/text.h"

const weir_keyword_info weir_keywords[WEIR_KEYWORDS] = {
#define X(name, text, first, last, vocabulary, shape) \
    {text, first, last, WEIR_VOCABULARY_##vocabulary, WEIR_SHAPE_##shape},
#include "schema/keywords.def"
#undef X
};

int weir_keyword_of(const weir_value *name, uint8_t draft)
{
    for (int i = 0; i < WEIR_KEYWORDS; i++) {
        const weir_keyword_info *k = &weir_keywords[i];
        if (draft >= k->first && draft <= k->last && weir_string_is(name, weir_view_of(k->name))) {
            return i;
        }
    }
    return -1;
}
