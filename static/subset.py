#!/usr/bin/env python3
"""Makes the four files of static/fonts from Lato as published.

The pages' own characters are in the base files. The other letters that Lato has
are in the extended ones, which a browser loads only for a page that shows one: the
style sheet gives each file the unicode-range of what is in it, and a test compares
them. Lato is a Reserved Font Name, so what is made here carries another.

Needs fonttools 4.38.0 and brotli 1.0.9 (Debian 12: python3-fonttools,
python3-brotli) and the package @fontsource/lato 5.3.0 of the npm registry:

    npm pack @fontsource/lato@5.3.0 && tar xzf fontsource-lato-5.3.0.tgz
    python3 static/subset.py package/files

Then put the names that it prints into the style sheet, and run
`go run ./static/compress`.
"""

import hashlib
import pathlib
import sys

from fontTools import merge, subset
from fontTools.ttLib import TTFont

FAMILY = "Tokendesk Sans"
SOURCES = {
    "lato-latin-400-normal.woff2": "918b7dc3e2e2d015c16ce08b57bcb64d2253bafc1707658f361e72865498e537",
    "lato-latin-700-normal.woff2": "c447dd7677b419db7b21dbdfc6277c7816a913ffda76fd2e52702df538de0e49",
    "lato-latin-ext-400-normal.woff2": "8b9fc9737043f88c1a9a7195c27a239bd329cc33d928ffb67736c61ae7a1dbbd",
    "lato-latin-ext-700-normal.woff2": "3a5797f440bc67b59830cad81e59a71011e35cb45ed7f747b61a69b0a9b0d6ae",
}
# ASCII; the space that does not break, the middle dot, dashes, quotation marks,
# bullet, ellipsis, single angle marks, minus.
BASE = set(range(0x20, 0x7F)) | {0xA0, 0xB7, 0x2013, 0x2014, 0x2018, 0x2019, 0x201C, 0x201D, 0x2022, 0x2026, 0x2039, 0x203A, 0x2212}


def source(folder, name):
    path = folder / name
    if hashlib.sha256(path.read_bytes()).hexdigest() != SOURCES[name]:
        sys.exit(f"{path} is not the file of @fontsource/lato 5.3.0")
    return TTFont(path, recalcTimestamp=False)


def cut(font, wanted):
    options = subset.Options()
    options.layout_features = ["*"]
    options.name_IDs = ["*"]
    options.notdef_outline = True
    options.recalc_timestamp = False
    cutter = subset.Subsetter(options)
    cutter.populate(unicodes=wanted)
    cutter.subset(font)
    return font


def joined(fonts, scratch):
    """One font of several with the same hints, which cover different characters."""
    for table in ("fpgm", "prep", "cvt "):
        if len({f.getTableData(table) for f in fonts}) != 1:
            sys.exit(f"the fonts have different hints: {table}")
    files = []
    for i, f in enumerate(fonts):
        f.flavor = None
        files.append(str(scratch / f"part{i}.ttf"))
        f.save(files[-1])
    font = merge.Merger().merge(files)
    font.recalcTimestamp = False
    font["head"].created, font["head"].modified = fonts[0]["head"].created, fonts[0]["head"].modified
    for f in files:
        pathlib.Path(f).unlink()
    return font


def write(font, weight, part, to):
    style = {400: "Regular", 700: "Bold"}[weight]
    family = FAMILY if part == "base" else f"{FAMILY} Extended"
    names = {1: family, 2: style, 3: f"{family} {style}: a subset of version 1.104", 4: f"{family} {style}",
             6: f"{family.replace(' ', '')}-{style}"}
    for record in list(font["name"].names):
        if record.nameID in names:
            record.string = names[record.nameID]
        elif record.nameID in (16, 17, 18, 21, 22, 25):
            font["name"].names.remove(record)
    font.flavor = "woff2"
    path = to / f"tokendesk-sans-{part}-{weight}.woff2"
    font.save(path)
    content = path.read_bytes()
    print(f"{path.stem}-{hashlib.sha256(content).hexdigest()[:16]}.woff2  {len(content)} bytes  {ranges(font.getBestCmap())}")


def ranges(codes):
    out = []
    for c in sorted(codes):
        if out and out[-1][1] == c - 1:
            out[-1][1] = c
        else:
            out.append([c, c])
    return ",".join(f"U+{a:04X}" if a == b else f"U+{a:04X}-{b:04X}" for a, b in out)


def main():
    folder, to = pathlib.Path(sys.argv[1]), pathlib.Path(__file__).parent / "fonts"
    for weight in (400, 700):
        latin, more = f"lato-latin-{weight}-normal.woff2", f"lato-latin-ext-{weight}-normal.woff2"
        write(cut(source(folder, latin), BASE), weight, "base", to)
        rest, extended = source(folder, latin), source(folder, more)
        first = {c for c in rest.getBestCmap() if c >= 0x20} - BASE
        second = {c for c in extended.getBestCmap() if c >= 0x20} - BASE - first
        write(joined([cut(rest, first), cut(extended, second)], to), weight, "extended", to)


main()
