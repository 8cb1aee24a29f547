// QR codes in a grey picture, by ZXing-C++, behind four lines of C: no exception leaves, and nothing is allocated for the
// caller to free.
#ifndef STRONGROOM_CZXING_H
#define STRONGROOM_CZXING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// The longest text that is given; one that is longer is not ours.
#define STRONGROOM_MOST_CODE_TEXT 128

struct strongroom_code {
    // Corners in pixels as (x, y): top left, top right, bottom right and bottom left of the code as it was printed.
    int32_t corners[8];
    // Its bytes, not ended by zero; none where there are more than given.
    size_t count;
    uint8_t text[STRONGROOM_MOST_CODE_TEXT];
};

#ifdef __cplusplus
extern "C" {
#endif

// Reads QR codes in a picture of one byte a pixel, 0 black, row after row. Returns how many were put into `codes`, at the most
// `most`; negative where memory is short. With `sizes` it looks at the picture made smaller too, which takes longer.
int strongroom_read_codes(
    const uint8_t *grey, int width, int height, bool sizes, struct strongroom_code *codes, int most);

#ifdef __cplusplus
}
#endif

#endif
