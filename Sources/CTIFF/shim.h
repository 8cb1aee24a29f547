// libtiff, and its calls that take any number of arguments, which Swift does not import: one of them for each kind of
// value that a page's tags have here. Those that set return 1, or 0 where libtiff does not take it; those that ask return the
// value, or 0 where the page has none.
#ifndef STRONGROOM_CTIFF_H
#define STRONGROOM_CTIFF_H

#include <stdint.h>
#include <tiffio.h>

static inline int strongroom_tiff_set(TIFF *tiff, uint32_t tag, uint32_t value) {
    return TIFFSetField(tiff, tag, value);
}
static inline int strongroom_tiff_set_pair(TIFF *tiff, uint32_t tag, uint16_t first, uint16_t second) {
    return TIFFSetField(tiff, tag, (int)first, (int)second);
}
static inline int strongroom_tiff_set_real(TIFF *tiff, uint32_t tag, double value) {
    return TIFFSetField(tiff, tag, value);
}
static inline int strongroom_tiff_set_text(TIFF *tiff, uint32_t tag, const char *value) {
    return TIFFSetField(tiff, tag, value);
}
// Of a tag that TIFFTAG_… counts as a whole number of 16 or of 32 bits.
static inline uint32_t strongroom_tiff_number(TIFF *tiff, uint32_t tag) {
    uint32_t value = 0;
    return TIFFGetFieldDefaulted(tiff, tag, &value) ? value : 0;
}
static inline float strongroom_tiff_real(TIFF *tiff, uint32_t tag) {
    float value = 0;
    return TIFFGetField(tiff, tag, &value) ? value : 0;
}

#endif
