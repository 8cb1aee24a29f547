# What runs in the sandbox: LibreOffice, by its interface for other programs (LibreOfficeKit), on one Word document.
#
# Its own command would start other programs, which nothing may here. What it writes lies in a file system in memory that ends with
# the sandbox; the PDF then goes to the standard output.
import ctypes
import os
import shutil
import sys

PROGRAM = "/usr/lib/libreoffice/program"
DOCUMENT, PDF = "/tmp/document.docx", "/tmp/pages.pdf"

pointer, text = ctypes.c_void_p, ctypes.c_char_p


class Kind(ctypes.Structure):
    """The functions of a LibreOfficeKit or of a document, of which only those up to the last that is called are named."""

    _fields_ = [
        ("size", ctypes.c_size_t),
        ("destroy", ctypes.CFUNCTYPE(None, pointer)),
        ("first", ctypes.CFUNCTYPE(pointer, pointer, text, text, text)),
        ("error", ctypes.CFUNCTYPE(pointer, pointer)),
        ("load", ctypes.CFUNCTYPE(pointer, pointer, text, text)),
    ]


class Thing(ctypes.Structure):
    _fields_ = [("kind", ctypes.POINTER(Kind))]


try:
    library = ctypes.CDLL(f"{PROGRAM}/libmergedlo.so")
except OSError:
    sys.exit(127)
begin = library.libreofficekit_hook_2
begin.restype, begin.argtypes = pointer, [text, text]


def kind(thing):
    return ctypes.cast(thing, ctypes.POINTER(Thing)).contents.kind.contents


# By its descriptor it is not found: LibreOffice looks for what the link leads to.
shutil.copyfile("/proc/self/fd/3", DOCUMENT)
office = begin(PROGRAM.encode(), b"file:///tmp/profile")
document = office and kind(office).load(office, f"file://{DOCUMENT}".encode(), b"Language=en-GB")
# A document's first function saves it in another form.
if not document or not kind(document).first(document, f"file://{PDF}".encode(), b"pdf", None):
    os._exit(1)
with open(PDF, "rb") as pdf:
    shutil.copyfileobj(pdf, sys.stdout.buffer)
sys.stdout.flush()
# LibreOffice's own end is not worth waiting for.
os._exit(0)
