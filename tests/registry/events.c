/* A service for check-events: says on stdout what its handlers were given, a line each; with EMIT
 * it tells of orders. */
#include <stdio.h>
#include <stdlib.h>
#include <weir/weir.h>

static char placed[] = "placed", any[] = "any";

static weir_status say(weir_message *m, void *ctx)
{
    weir_reader r = weir_read(m), key = weir_read_key(m);
    weir_view id = weir_json(&r, "id"), note = weir_has(&r, "note") ? weir_text(&r, "note") : id;
    weir_view of = weir_json(&key, "id");
    if (weir_read_end(&r) || weir_read_end(&key)) {
        return weir_read_end(&r);
    }
    printf("%s %.*s key %.*s id %.*s note %.*s\n", (const char *)ctx, WEIR_ARG(weir_type(m)),
        WEIR_ARG(of), WEIR_ARG(id), WEIR_ARG(note));
    fflush(stdout);
    return getenv("EMIT") && ctx != any
               ? weir_emit(m, .type = "order.seen",
                     .fields = W_OBJECT(W_JSON("id", id), W_TEXT("note", note)))
               : WEIR_OK;
}

static void setup(weir_app *app, void *ctx)
{
    (void)ctx;
    weir_on(app, .event = "order.placed", .topic = "orders", .fn = say, .ctx = placed);
    weir_on(app, .topic = "payments", .fn = say, .ctx = any);
}

int main(int argc, char **argv)
{
    return weir_main(argc, argv, setup, NULL);
}
