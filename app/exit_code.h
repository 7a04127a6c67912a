/* Exit codes, the same for every program of weir's (docs/commands.md). Thread: any. */
#ifndef WEIR_APP_EXIT_CODE_H
#define WEIR_APP_EXIT_CODE_H

#include <weir/status.h>

enum {
    EXIT_YES = 0,
    EXIT_NO = 1,          /* the answer is no: invalid, not found, different, above the limit */
    EXIT_USAGE = 2,       /* usage, config or schema is wrong */
    EXIT_UNREACHABLE = 3, /* a dependency or an input cannot be reached or read */
    EXIT_REFUSED = 4,     /* credentials or access */
    EXIT_HALTED = 5,      /* stopped to protect data, or before what was in hand was done */
    EXIT_BUG = 70,
};

int weir_exit_of(const weir_error *err);

#endif
