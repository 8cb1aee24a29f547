#include "CZXing.h"

#define ZX_USE_UTF8
#include <ZXing/ReadBarcode.h>

#include <algorithm>
#include <cstring>

int strongroom_read_codes(
    const uint8_t *grey, int width, int height, bool sizes, struct strongroom_code *codes, int most) try {
    if (width < 1 || height < 1 || most < 1) return 0;
    ZXing::DecodeHints hints;
    hints.setFormats(ZXing::BarcodeFormat::QRCode).setTryHarder(true).setTryRotate(true).setTryDownscale(sizes);
    hints.setMaxNumberOfSymbols(uint8_t(std::min(most, 255)));
    const ZXing::ImageView view(grey, width, height, ZXing::ImageFormat::Lum);
    int found = 0;
    for (const auto &result : ZXing::ReadBarcodes(view, hints)) {
        if (found == most) break;
        strongroom_code &code = codes[found++];
        std::memset(&code, 0, sizeof code);
        for (int corner = 0; corner < 4; corner++) {
            code.corners[2 * corner] = result.position()[corner].x;
            code.corners[2 * corner + 1] = result.position()[corner].y;
        }
        const auto &bytes = result.bytes();
        if (bytes.size() > sizeof code.text) continue;
        code.count = bytes.size();
        std::memcpy(code.text, bytes.data(), bytes.size());
    }
    return found;
} catch (...) {
    return -1;
}
