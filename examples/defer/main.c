/* Lesson 3: many at once. The handler keeps the message, another thread completes it; thousands can
 * be in flight, and records of one key still go one after the other. Read what you need before you
 * defer. */
#define _POSIX_C_SOURCE 200809L
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <time.h>
#include <weir/weir.h>

enum { ROOM = 1024 };

typedef struct queue {
    pthread_mutex_t lock;
    pthread_cond_t filled;
    weir_message *waiting[ROOM];
    int first, count;
    bool end;
} queue;

static void *work(void *arg)
{
    queue *q = arg;
    for (;;) {
        pthread_mutex_lock(&q->lock);
        while (!q->count && !q->end) {
            pthread_cond_wait(&q->filled, &q->lock);
        }
        if (!q->count) {
            pthread_mutex_unlock(&q->lock);
            return NULL;
        }
        weir_message *m = q->waiting[q->first];
        q->first = (q->first + 1) % ROOM;
        q->count--;
        pthread_mutex_unlock(&q->lock);
        nanosleep(&(struct timespec){0, 1000000}, NULL); /* a slow answer from somewhere */
        weir_settle(m, WEIR_OK);
    }
}

static weir_status on_account(weir_message *m, void *ctx)
{
    queue *q = ctx;
    pthread_mutex_lock(&q->lock);
    bool full = q->count == ROOM;
    if (!full) {
        q->waiting[(q->first + q->count++) % ROOM] = m;
        pthread_cond_signal(&q->filled);
    }
    pthread_mutex_unlock(&q->lock);
    return full ? weir_hold(m, "the queue is full") : weir_defer(m, 5000);
}

static void setup(weir_app *app, void *ctx)
{
    weir_on(app, .change = "public.accounts", .fn = on_account, .ctx = ctx);
}

int main(int argc, char **argv)
{
    queue q = {.lock = PTHREAD_MUTEX_INITIALIZER, .filled = PTHREAD_COND_INITIALIZER};
    pthread_t threads[8];
    for (int i = 0; i < 8; i++) {
        if (pthread_create(&threads[i], NULL, work, &q)) {
            return 70;
        }
    }
    int code = weir_main(argc, argv, setup, &q);
    pthread_mutex_lock(&q.lock);
    q.end = true;
    pthread_cond_broadcast(&q.filled);
    pthread_mutex_unlock(&q.lock);
    for (int i = 0; i < 8; i++) {
        pthread_join(threads[i], NULL);
    }
    return code;
}
