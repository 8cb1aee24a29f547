// Reads grey pictures (PGM, one after the other) from standard input with each library that may read sheets, and says for
// each picture and reader, as JSON in a line: what was read, and how long it took. Benchmarks/sheets.py compiles it.
#include <chrono>
#include <cstdio>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include <zbar.h>

#include "CZXing.h"

using Texts = std::vector<std::string>;

struct Page {
    int width, height;
    std::vector<unsigned char> bytes;
};

/// The darkest of two hundred points becomes black, the median white: ordinary paper is lighter than its ink.
static Page stretched(Page page) {
    std::vector<size_t> counts(256);
    for (unsigned char value : page.bytes) counts[value]++;
    const auto below = [&](size_t share) {
        size_t seen = 0;
        int value = 0;
        while (value < 255 && (seen += counts[value]) <= share) value++;
        return value;
    };
    const int black = below(page.bytes.size() / 200), white = below(page.bytes.size() / 2);
    if (white - black < 8) return page;
    unsigned char table[256];
    for (int value = 0; value < 256; value++) {
        const int to = 255 * (value - black) / (white - black);
        table[value] = to < 0 ? 0 : to > 255 ? 255 : to;
    }
    for (unsigned char &value : page.bytes) value = table[value];
    return page;
}

static Texts zbarReads(const Page &page) {
    zbar::ImageScanner scanner;
    scanner.set_config(zbar::ZBAR_NONE, zbar::ZBAR_CFG_ENABLE, 0);
    scanner.set_config(zbar::ZBAR_QRCODE, zbar::ZBAR_CFG_ENABLE, 1);
    zbar::Image image(page.width, page.height, "Y800", page.bytes.data(), page.bytes.size());
    scanner.scan(image);
    Texts texts;
    for (auto symbol = image.symbol_begin(); symbol != image.symbol_end(); ++symbol) texts.push_back(symbol->get_data());
    image.set_data(nullptr, 0);
    return texts;
}

static Texts zxingReads(const Page &page) {
    strongroom_code codes[16];
    Texts texts;
    const int count = strongroom_read_codes(page.bytes.data(), page.width, page.height, true, codes, 16);
    for (int i = 0; i < count; i++) texts.emplace_back((const char *)codes[i].text, codes[i].count);
    return texts;
}

int main() {
    const std::vector<std::pair<std::string, std::function<Texts(const Page &)>>> readers = {
        {"zbar", [](auto &page) { return zbarReads(page); }},
        {"zbar, contrast", [](auto &page) { return zbarReads(stretched(page)); }},
        {"zxing", [](auto &page) { return zxingReads(page); }},
        {"zxing, contrast", [](auto &page) { return zxingReads(stretched(page)); }},
    };
    int width, height;
    while (std::scanf(" P5 %d %d 255", &width, &height) == 2 && std::getchar() == '\n') {
        Page page{width, height, std::vector<unsigned char>(size_t(width) * height)};
        if (std::fread(page.bytes.data(), 1, page.bytes.size(), stdin) != page.bytes.size()) return 1;
        std::string line;
        for (const auto &[name, read] : readers) {
            const auto began = std::chrono::steady_clock::now();
            const Texts texts = read(page);
            const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
            line += (line.empty() ? "{\"" : ", \"") + name + "\": {\"seconds\": " + std::to_string(took.count());
            line += ", \"texts\": [";
            for (size_t i = 0; i < texts.size(); i++) {
                std::string hex;
                for (unsigned char byte : texts[i]) {
                    char digits[3];
                    std::snprintf(digits, sizeof digits, "%02x", byte);
                    hex += digits;
                }
                line += (i ? ", \"" : "\"") + hex + "\"";
            }
            line += "]}";
        }
        std::puts((line + "}").c_str());
        std::fflush(stdout);
    }
}
