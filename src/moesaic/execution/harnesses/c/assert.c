/* Called by a failed assertion (assert.h). The program could replace libc's function. */
#define _GNU_SOURCE
#include <stdio.h>

#include "system_call.h"

void moesaic_assertion_failed(const char *text, const char *file, int line) {
    char message[1024];
    int size = snprintf(message, sizeof message, "%s:%d: Assertion `%s' failed.\n", file, line, text);
    call(SYS_write, 2, (long)message, size < (int)sizeof message ? size : (int)sizeof message);
    call(SYS_exit_group, 134, 0, 0); /* as after abort() */
    for (;;) {
    }
}
