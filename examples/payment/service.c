/* The program: PROVIDER is the provider's URL, BOOKS the file of the books. */
#include "payment.h"

#include <curl/curl.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
    char *url = getenv("PROVIDER"), *path = getenv("BOOKS");
    service s = {.charge = provider_charge, .provider = url ? url : "http://127.0.0.1:8090/charge"};
    s.books = books_open(path ? path : "payment.db");
    if (!s.books) {
        return 3;
    }
    curl_global_init(CURL_GLOBAL_DEFAULT);
    int code = weir_main(argc, argv, payment_setup, &s);
    curl_global_cleanup();
    books_close(s.books);
    return code;
}
