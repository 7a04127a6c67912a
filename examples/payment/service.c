/* The program: PROVIDER is the provider's URL; the config says where the books are. */
#include "payment.h"

#include <curl/curl.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
    char *url = getenv("PROVIDER");
    service s = {.charge = provider_charge, .provider = url ? url : "http://127.0.0.1:8090/charge"};
    curl_global_init(CURL_GLOBAL_DEFAULT);
    int code = weir_main(argc, argv, payment_setup, &s);
    curl_global_cleanup();
    return code;
}
