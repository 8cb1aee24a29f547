# What runs in the sandbox: WeasyPrint, by its interface for Python.
#
# Its own command would make a folder for fonts that documents bring, take every address that can be read, and say nothing of
# the pages. And what 57.2 writes of which glyph is which letter (ToUnicode) is right only from left to right: of a Hebrew or
# Arabic word, and of what follows it, other letters would be found and copied than are seen. So each line's glyphs are given
# their letters before WeasyPrint draws it, which leaves alone what has some; and where glyphs are no letters at all, the line
# itself is given its words.
#
# Arguments: identifier, date. After the PDF come the pages' sizes, in hundredths of a CSS pixel, as (pages, width, height) of
# each run of pages alike, then the PDF's length: big-endian, four bytes each, and eight.
import os
import struct
import sys
import time
from unicodedata import combining

identifier, made = sys.argv[1:]
os.environ["SOURCE_DATE_EPOCH"] = made
try:
    import weasyprint
    from weasyprint import draw
    from weasyprint.text import ffi, fonts
except ImportError:
    sys.exit(127)

def fetch(url, *rest, **more):
    if not url.startswith("data:image/"):
        raise ValueError("refused")
    return weasyprint.default_url_fetcher(url)

def name_glyphs(stream, layout):
    text = layout.text.encode()
    run = layout.get_first_line()[0].runs[0]
    while run != ffi.ffi.NULL:
        item, glyphs = run.data.item, run.data.glyphs
        run = run.next
        count = glyphs.num_glyphs
        cmap = stream.add_font(item.analysis.font).cmap
        starts = [glyphs.log_clusters[i] for i in range(count)]
        edges = sorted(set(starts)) + [item.length]
        # Those that were written together, in the order in which they were written.
        for start, end in zip(edges, edges[1:]):
            letters = text[item.offset + start:item.offset + end].decode()
            cluster = [glyphs.glyphs[i].glyph for i in range(count) if starts[i] == start]
            # Odd levels go from right to left; WeasyPrint declares the field wider than it is.
            if item.analysis.level & 1:
                cluster.reverse()
            if len(letters) == len(cluster) and all(map(combining, letters[1:])):
                named = list(letters)
            else:
                named = [""] * (len(cluster) - 1) + [letters]
            for glyph, letter in zip(cluster, named):
                cmap.setdefault(glyph, letter)
                # What had none beside others has its own where it stands alone.
                if len(cluster) == 1 and not cmap[glyph]:
                    cmap[glyph] = letter

draw_line = draw.draw_first_line

def draw_named_line(stream, textbox, text_overflow, block_ellipsis, *rest, **more):
    layout = textbox.pango_layout
    if textbox.style["font_size"] < 1e-6 or text_overflow == "ellipsis" or block_ellipsis != "none":
        return draw_line(stream, textbox, text_overflow, block_ellipsis, *rest, **more)
    name_glyphs(stream, layout)
    line, rest_at = layout.get_first_line()
    text = layout.text.encode()[:rest_at].decode()
    # Scripts of India and Indochina draw letters in another order, or several as one: the line says what it reads as.
    is_reordered = any("\u0900" <= letter <= "\u109f" or "\u1780" <= letter <= "\u17ff" for letter in text)
    if is_reordered:
        words = ("\ufeff" + text).encode("utf-16-be").hex()
        stream.stream.append(f"/Span <</ActualText <{words}>>> BDC".encode())
    try:
        return draw_line(stream, textbox, text_overflow, block_ellipsis, *rest, **more)
    finally:
        if is_reordered:
            stream.stream.append(b"EMC")

if weasyprint.__version__ == "57.2":
    draw.draw_first_line = draw_named_line
    fonts.mkdtemp = lambda **more: "/nowhere"
fonts.FontConfiguration.add_font_face = lambda *rest: None
try:
    # Not descriptor 3 itself, which stands at its end.
    with open("/proc/self/fd/3", "rb") as file:
        html = file.read().decode("utf-8")
    document = weasyprint.HTML(string=html, base_url="http://nowhere.invalid/", url_fetcher=fetch).render()
    document.metadata.attachments = []
    moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(int(made)))
    document.metadata.created = document.metadata.modified = moment
    pdf = document.write_pdf(identifier=identifier.encode(), variant="pdf/a-3b")
    sheets = []
    for page in document.pages:
        size = [round(page.width * 100), round(page.height * 100)]
        if sheets and sheets[-1][1:] == size:
            sheets[-1][0] += 1
        else:
            sheets.append([1] + size)
    sys.stdout.buffer.write(pdf)
    for sheet in sheets:
        sys.stdout.buffer.write(struct.pack(">III", *sheet))
    sys.stdout.buffer.write(struct.pack(">Q", len(pdf)))
    sys.stdout.buffer.flush()
except MemoryError:
    os._exit(77)  # Tool.noMemory
except BaseException:
    os._exit(1)
os._exit(0)
