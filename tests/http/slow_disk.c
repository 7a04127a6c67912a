/* A disk that can be made to hang: while the file named by SLOW_DISK exists, nothing is synced.
 * Preloaded into the program by check.sh. */
#include <dlfcn.h>
#include <stdlib.h>
#include <unistd.h>

int fdatasync(int fd)
{
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
    const char *flag = getenv("SLOW_DISK");
    while (flag && access(flag, F_OK) == 0) {
        usleep(20000);
    }
    return real(fd);
}
