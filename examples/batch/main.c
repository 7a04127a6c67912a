/* Lesson: several at once. What is dear for each call, as a request to another service, is done
 * once for many records. The handler answers for those that can never succeed; when the whole fails
 * weir halves it, until the record at fault is alone. Records of a key stay in order. */
#include <stdbool.h>
#include <stdio.h>
#include <weir/weir.h>

enum { MOST = 500 };

/* One line a row; somebody reads them at the other end. */
static bool send_all(const weir_view *names, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        printf("%.*s%c", WEIR_ARG(names[i]), i + 1 < n ? ' ' : '\n');
    }
    return fflush(stdout) == 0;
}

static weir_status on_users(weir_batch *b, void *ctx)
{
    weir_view names[MOST];
    size_t n = 0;
    (void)ctx;
    for (size_t i = 0; i < weir_batch_count(b); i++) {
        weir_message *m = weir_batch_at(b, i);
        weir_reader user = weir_read(m);
        names[n] = weir_text(&user, "name");
        if (weir_read_end(&user)) { /* it names the field: a dead letter, and none but it */
            weir_batch_answer(b, i, user.status);
        } else {
            n++;
        }
    }
    return !n || send_all(names, n) ? WEIR_OK : WEIR_RETRY;
}

static void setup(weir_app *app, void *ctx)
{
    (void)ctx;
    weir_on(app, .topic = "users", .batch = on_users, .batch_most = MOST, .batch_wait_ms = 50);
}

int main(int argc, char **argv)
{
    return weir_main(argc, argv, setup, NULL);
}
