"""A copier that nobody has serviced for years: what it makes of a page, as grey pictures.

Each wear is a function of a picture and a generator of random numbers; `copied` puts several one after the other. The same
seed gives the same picture.
"""

import io

import numpy
from PIL import Image, ImageDraw, ImageFilter

WHITE = 255


def grey(array) -> Image.Image:
    return Image.fromarray(numpy.clip(array, 0, 255).astype("uint8"))


def values(picture: Image.Image):
    return numpy.asarray(picture, dtype=numpy.float32)


def at(picture: Image.Image, from_dpi: float, dpi: float) -> Image.Image:
    """The same page at another resolution."""
    size = (round(picture.width * dpi / from_dpi), round(picture.height * dpi / from_dpi))
    return picture if size == picture.size else picture.resize(size, Image.LANCZOS)


def turned(picture, random, degrees: float, around=WHITE, smooth=Image.BICUBIC) -> Image.Image:
    """Askew on the glass; what is beside the paper is white or black."""
    return picture.rotate(degrees, resample=smooth, fillcolor=around)


def faint(picture, random, ink: float) -> Image.Image:
    """The toner is at its end: of the ink, only that part is left."""
    return grey(255 - (255 - values(picture)) * ink - random.uniform(0, 12))


def noisy(picture, random, deviation: float) -> Image.Image:
    return grey(values(picture) + random.normal(0, deviation, (picture.height, picture.width)))


def specks(picture, random, share: float) -> Image.Image:
    """Pepper and salt: dust, and toner where there should be none."""
    array = values(picture).copy()
    dust = random.random(array.shape)
    array[dust < share / 2] = 0
    array[dust > 1 - share / 2] = 255
    return grey(array)


def blurred(picture, random, radius: float) -> Image.Image:
    return picture.filter(ImageFilter.GaussianBlur(radius))


def sheared(picture, random, amount: float) -> Image.Image:
    """Pulled in crookedly: the lower edge has moved sideways."""
    return picture.transform(picture.size, Image.AFFINE, (1, amount, -amount * picture.height / 2, 0, 1, 0), Image.BICUBIC, fillcolor=WHITE)


def squeezed(picture, random, quality: int) -> Image.Image:
    """JPEG, as small as a copier's default makes it."""
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=quality)
    return Image.open(io.BytesIO(out.getvalue())).convert("L")


def black_border(picture, random, width: float) -> Image.Image:
    """The lid stood open: everything beside the paper is black, and the paper lies a little off."""
    border = round(picture.width * width)
    out = Image.new("L", picture.size, 8)
    small = picture.resize((picture.width - 2 * border, picture.height - 2 * border), Image.LANCZOS)
    out.paste(small, (border + int(random.integers(-border // 2, border // 2 + 1)), border))
    return out


def punched(picture, random) -> Image.Image:
    """Two holes at the left, a staple with its shadow at the top left, a folded corner."""
    draw = ImageDraw.Draw(picture := picture.copy())
    mm = picture.width / 210
    for y in (-40, 40):
        x, middle = 12 * mm, picture.height / 2 + y * mm
        draw.ellipse([x - 3 * mm, middle - 3 * mm, x + 3 * mm, middle + 3 * mm], fill=40)
    x, y = random.uniform(6, 16) * mm, random.uniform(6, 16) * mm
    draw.line([x, y, x + 11 * mm, y + 5 * mm], fill=60, width=round(1.2 * mm))
    draw.line([x, y + 1.5 * mm, x + 11 * mm, y + 6.5 * mm], fill=150, width=round(1.5 * mm))
    draw.polygon([(picture.width, 0), (picture.width - 18 * mm, 0), (picture.width, 18 * mm)], fill=110)
    return picture


def torn(picture, random) -> Image.Image:
    """A corner is gone: a triangle of 70 mm."""
    draw = ImageDraw.Draw(picture := picture.copy())
    mm = picture.width / 210
    x = int(random.integers(0, 2)) * picture.width
    y = int(random.integers(0, 2)) * picture.height
    across, down = (70 * mm if x == 0 else -70 * mm), (70 * mm if y == 0 else -70 * mm)
    draw.polygon([(x, y), (x + across, y), (x, y + down)], fill=int(random.choice([10, 255])))
    return picture


def shaded(picture, random, depth: float) -> Image.Image:
    """Uneven light: one side is darker."""
    across = numpy.linspace(0, 1, picture.width)[None, :]
    down = numpy.linspace(0, 1, picture.height)[:, None]
    slope = across if random.random() < 0.5 else down
    return grey(values(picture) * (1 - depth * slope))


def faxed(picture, random, dpi: float, lines: int = 98) -> Image.Image:
    """204 dots across and 98 lines to the inch (196: fine), each black or white."""
    size = (round(picture.width * 204 / dpi), round(picture.height * lines / dpi))
    bits = picture.resize(size, Image.BOX).point(lambda value: 255 if value > 150 else 0).convert("1")
    bits.info["dpi"] = (204, lines)
    return bits


def copy_of_copies(picture, random, generations: int) -> Image.Image:
    """Each copy is a little askew, softer, harder in contrast and dirtier than what it was made from."""
    for _ in range(generations):
        picture = turned(picture, random, random.uniform(-1.5, 1.5))
        picture = blurred(picture, random, random.uniform(0.6, 1.2))
        picture = grey((values(picture) - 128) * random.uniform(1.2, 1.8) + 128 + random.uniform(-25, 25))
        picture = specks(noisy(picture, random, 6), random, 0.002)
    return picture


def scanned(picture: Image.Image) -> bytes:
    """The page as the copier sends it: a PDF of one picture, CCITT group 4 where it is black and white, JPEG otherwise."""
    out = io.BytesIO()
    # What has no resolution of its own is a whole A4 page.
    dpi = picture.info.get("dpi") or (max(picture.size) / (297 / 25.4),) * 2
    picture.save(out, "PDF", dpi=dpi, **({} if picture.mode == "1" else {"quality": 90}))
    return out.getvalue()
