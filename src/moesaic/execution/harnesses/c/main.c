/* This file is linked first and with --wrap=main. It runs the real main, which holds the test, and writes a secret if main
 * returned 0; exit() does not reach this point. The secret is read from standard input before any constructor of the program
 * runs. Until it is written, it is in a page of memory that cannot be read. */
#define _GNU_SOURCE
#include <stdio.h>
#include <sys/mman.h>

#include "system_call.h"

#define SECRET_BYTES 64
#define PAGE_BYTES 65536 /* at least a page everywhere */

static char page[2 * PAGE_BYTES];
static long length;
static int output;

static char *secret(void) {
    return (char *)(((unsigned long)page + PAGE_BYTES - 1) & ~(unsigned long)(PAGE_BYTES - 1));
}

static void read_secret(int count, char **arguments, char **environment) {
    (void)count, (void)arguments, (void)environment;
    long part;
    secret()[length++] = '\n';
    while (length < SECRET_BYTES && (part = call(SYS_read, 0, (long)secret() + length, SECRET_BYTES - length)) > 0) {
        length += part;
    }
    output = (int)call(SYS_dup, 1, 0, 0); /* because the program may close or redirect the standard ones */
    call(SYS_mprotect, (long)secret(), PAGE_BYTES, PROT_NONE);
}

__attribute__((section(".preinit_array"), used)) static void (*first)(int, char **, char **) = read_secret;

int __real_main(int count, char **arguments, char **environment);

int __wrap_main(int count, char **arguments, char **environment) {
    int status = __real_main(count, arguments, environment);
    fflush(NULL);
    if (status == 0) {
        call(SYS_mprotect, (long)secret(), PAGE_BYTES, PROT_READ);
        if (call(SYS_write, output, (long)secret(), length) < 0) { /* the program closed all but the standard descriptors */
            call(SYS_write, 1, (long)secret(), length);
        }
    }
    call(SYS_exit_group, status & 0xFF, 0, 0); /* without the exit handlers of the program */
    return status;
}
