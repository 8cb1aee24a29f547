// A preloaded library in which a scanner fails in the middle of a stack, which SANE's own test device cannot.
//
//   SCANNER_FAILS=PAGE:STATUS   at the second piece of page PAGE, counted from 1, reading gives STATUS, a number of sane.h;
//                               page 0 fails each start at once
//
// All else is the device's own.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <sane/sane.h>
#include <stdio.h>
#include <stdlib.h>

static int pages, pieces;

static int failing(int *status) {
    int page = -1;
    const char *said = getenv("SCANNER_FAILS");
    if (said == NULL || sscanf(said, "%d:%d", &page, status) != 2) return -1;
    return page;
}

SANE_Status sane_start(SANE_Handle handle) {
    SANE_Status (*next)(SANE_Handle) = (SANE_Status(*)(SANE_Handle))dlsym(RTLD_NEXT, "sane_start");
    int status;
    if (failing(&status) == 0) return (SANE_Status)status;
    pages++;
    pieces = 0;
    return next(handle);
}

SANE_Status sane_read(SANE_Handle handle, SANE_Byte *data, SANE_Int most, SANE_Int *length) {
    SANE_Status (*next)(SANE_Handle, SANE_Byte *, SANE_Int, SANE_Int *) =
        (SANE_Status(*)(SANE_Handle, SANE_Byte *, SANE_Int, SANE_Int *))dlsym(RTLD_NEXT, "sane_read");
    int status;
    if (failing(&status) == pages && ++pieces > 1) return (SANE_Status)status;
    return next(handle, data, most, length);
}
