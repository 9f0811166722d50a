"""One image file of any kind becomes plain pixels, or one reason."""

import io
import os
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from hume.data.image_files import PictureError, fit, open_picture
from tests.support.rules import cases

RNG = np.random.default_rng(0)
NOISE = RNG.integers(0, 256, (60, 80, 3), dtype=np.uint8)
PICTURE = Image.fromarray(NOISE)
LOSSLESS = ["PNG", "BMP", "TIFF", "PPM"]
LOSSY = ["JPEG", "GIF", "WEBP", "JPEG2000"]


def file_of(picture, kind="PNG", **options):
    content = io.BytesIO()
    picture.save(content, kind, **options)
    return content.getvalue()


def reason(source):
    with pytest.raises(PictureError) as found:
        open_picture(source, "x.png")
    assert str(found.value) == f"x.png {found.value.reason}"
    return found.value.reason


def forged_png(width, height):
    """A PNG whose header promises what its few bytes cannot hold."""

    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")


@cases("kind", LOSSLESS)
def test_colours_come_as_they_are(kind, tmp_path):
    path = tmp_path / "no-ending"
    path.write_bytes(file_of(PICTURE, kind))
    for source in (path, path.read_bytes(), io.BytesIO(path.read_bytes())):
        found = open_picture(source, "x")
        assert found.mode == "RGB"
        np.testing.assert_array_equal(np.asarray(found), NOISE)


@cases("kind", LOSSLESS + LOSSY)
def test_a_file_cut_short_anywhere_has_a_reason(kind):
    whole = file_of(PICTURE, kind)
    assert open_picture(whole, "x").size == (80, 60)
    for length in range(1, len(whole) // 2, max(1, len(whole) // 40)):
        assert reason(whole[:length]) in ("is cut short", "is damaged or cut short", "is not an image")
    assert reason(b"") == "is empty"


def test_damaged_bytes_never_leave_a_traceback():
    for kind in LOSSLESS + LOSSY:
        whole = file_of(PICTURE.resize((16, 12)), kind)
        for _ in range(60):
            damaged = bytearray(whole)
            for place in RNG.integers(0, len(whole), 4):
                damaged[place] = RNG.integers(256)
            try:
                assert open_picture(bytes(damaged), "x").mode in ("L", "RGB")
            except PictureError:
                continue


def test_what_is_no_picture(tmp_path):
    assert reason(b"only some text\n" * 9) == "is not an image"
    assert reason(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n") == "is not an image"  # would start Ghostscript
    (tmp_path / "x.png").mkdir()
    assert reason(tmp_path / "x.png") == "is a folder"
    assert reason(tmp_path / "none.png") == "does not exist"
    os.mkfifo(tmp_path / "pipe.png")
    assert reason(tmp_path / "pipe.png") == "is not a plain file"
    huge = tmp_path / "huge.png"
    with huge.open("wb") as file:
        file.truncate(2**30 + 1)
    assert reason(huge) == "has 1.0 GB, more than 1 GB"


def test_a_bomb_is_refused_by_its_header():
    assert reason(forged_png(20_000, 20_000)) == "has 400 million pixels, more than 178 million"
    assert reason(forged_png(0, 10)) == "is damaged or cut short"
    assert reason(forged_png(12_000, 9_000)) == "is cut short"  # between Pillow's warning and its error


def test_jpeg_2000_has_a_limit_of_its_own():
    content = bytearray(file_of(PICTURE, "JPEG2000"))
    struct.pack_into(">II", content, content.index(b"ihdr") + 4, 9000, 9000)
    assert reason(bytes(content)) == "has 81 million pixels, more than 40 million in JPEG 2000"


def test_grey_stays_grey():
    grey = PICTURE.convert("L")
    for mode in ("L", "LA", "1"):
        assert open_picture(file_of(grey.convert(mode)), "x").mode == "L"
    np.testing.assert_array_equal(np.asarray(open_picture(file_of(grey), "x")), np.asarray(grey))
    palette = Image.fromarray(NOISE[..., 0])
    palette.putpalette([value for value in range(256) for _ in range(3)])
    assert palette.mode == "P"
    np.testing.assert_array_equal(np.asarray(open_picture(file_of(palette), "x")), NOISE[..., 0])


def test_transparency_is_laid_on_white():
    clear = Image.new("RGBA", (8, 8), (255, 0, 0, 0))
    clear.paste((0, 0, 255, 255), (0, 0, 4, 8))
    found = np.asarray(open_picture(file_of(clear), "x"))
    assert found[0, 0].tolist() == [0, 0, 255]
    assert found[0, 7].tolist() == [255, 255, 255]
    palette = PICTURE.convert("P")
    index = int(np.asarray(palette)[0, 0])
    for transparency in (index, bytes(0 if i == index else 255 for i in range(256))):
        found = np.asarray(open_picture(file_of(palette, transparency=transparency), "x"))
        assert found[0, 0].tolist() == [255, 255, 255]
    grey = open_picture(file_of(Image.new("LA", (8, 8), (0, 128))), "x")
    assert grey.mode == "L"
    assert grey.getpixel((0, 0)) == 127


def test_cmyk_of_a_printer_keeps_its_colours():
    red = Image.new("RGB", (16, 16), (250, 10, 10)).convert("CMYK")
    pixel = np.asarray(open_picture(file_of(red, "JPEG"), "x"))[8, 8].astype(int)
    assert abs(pixel - [250, 10, 10]).max() < 8


def test_sixteen_bits_are_scaled_not_clipped():
    ramp = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    found = np.asarray(open_picture(file_of(Image.fromarray(ramp)), "x"))
    np.testing.assert_array_equal(found, np.rint(ramp / 257))
    twelve_bits = np.asarray(open_picture(file_of(Image.fromarray(ramp // 16)), "x"))
    assert abs(twelve_bits.astype(int) - found).max() <= 1
    eight_bits = np.asarray(open_picture(file_of(Image.fromarray(ramp // 256)), "x"))
    np.testing.assert_array_equal(eight_bits, ramp // 256)


@cases(("low", "high"), [(0.0, 1.0), (0.0, 255.0), (0.0, 65535.0), (-3.0, 12.0), (1e5, 9e9)])
def test_floating_point_fills_black_to_white(low, high):
    ramp = np.linspace(low, high, 256, dtype=np.float32).reshape(16, 16)
    found = np.asarray(open_picture(file_of(Image.fromarray(ramp), "TIFF"), "x"))
    assert abs(found.astype(int) - np.arange(256).reshape(16, 16)).max() <= 1


def test_what_is_not_finite_does_no_harm():
    ramp = np.linspace(0, 255, 256, dtype=np.float32).reshape(16, 16)
    ramp[0, :3] = np.nan, np.inf, -np.inf
    found = np.asarray(open_picture(file_of(Image.fromarray(ramp), "TIFF"), "x"))
    assert found[0, :4].tolist() == [0, 255, 0, 3]
    nothing = open_picture(file_of(Image.fromarray(np.full((4, 4), np.nan, dtype=np.float32)), "TIFF"), "x")
    assert not np.asarray(nothing).any()


@cases("orientation", range(1, 9))
@cases("kind", ["PNG", "JPEG", "TIFF"])
def test_a_picture_is_turned_as_its_exif_asks(orientation, kind):
    quarters = np.kron(np.array([[0, 80], [160, 240]], dtype=np.uint8), np.ones((16, 24), dtype=np.uint8))
    exif = Image.Exif()
    exif[0x0112] = orientation
    found = np.asarray(open_picture(file_of(Image.fromarray(quarters), kind, exif=exif), "x")).astype(int)
    turns = {2: np.fliplr, 3: lambda a: np.rot90(a, 2), 4: np.flipud, 5: np.transpose, 6: lambda a: np.rot90(a, 3)}
    turns |= {1: np.asarray, 7: lambda a: np.rot90(a.T, 2), 8: np.rot90}
    assert abs(found - turns[orientation](quarters)).max() < 5


def test_an_animation_shows_its_first_frame():
    frames = [Image.new("RGB", (20, 10), colour) for colour in ("red", "lime", "blue")]
    for kind in ("GIF", "PNG", "TIFF", "WEBP"):
        exact = {"lossless": True} if kind == "WEBP" else {}
        whole = file_of(frames[0], kind, save_all=True, append_images=frames[1:], **exact)
        assert Image.open(io.BytesIO(whole)).n_frames == 3
        assert open_picture(whole, "x").getpixel((0, 0)) == (255, 0, 0)


@cases("kind", ["JPEG", "PNG"])
@cases("at_least", [20, 64, 500])
def test_a_smaller_decode_still_has_the_pixels_asked_for(kind, at_least):
    smooth = Image.linear_gradient("L").resize((900, 700)).convert("RGB")
    whole = file_of(smooth, kind)
    small, large = open_picture(whole, "x", at_least=at_least), open_picture(whole, "x")
    assert large.size == (900, 700)
    assert min(small.size) >= at_least
    assert (small.width < 900) == (at_least < 300)
    assert abs(fit(small, 16).astype(int) - fit(large, 16)).max() <= 3


def test_strips_join_without_a_seam(monkeypatch):
    ramp = np.linspace(-7, 9, 80 * 61, dtype=np.float32).reshape(61, 80)
    clear = Image.fromarray(np.dstack([NOISE, NOISE[..., :1]]))
    for picture, kind in ((PICTURE, "PNG"), (Image.fromarray(ramp), "TIFF"), (clear, "PNG")):
        for at_least in (None, 10):
            content = file_of(picture, kind)
            monkeypatch.setattr("hume.data.image_files.STRIP_PIXELS", 2**22)
            whole = np.asarray(open_picture(content, "x", at_least=at_least))
            monkeypatch.setattr("hume.data.image_files.STRIP_PIXELS", 300)
            np.testing.assert_array_equal(np.asarray(open_picture(content, "x", at_least=at_least)), whole)


def test_fit_keeps_the_centre():
    wide = np.zeros((10, 30), dtype=np.uint8)
    wide[:, 10:20] = 200
    assert (fit(Image.fromarray(wide), 10) == 200).all()
    assert fit(Image.fromarray(wide), 4).shape == (4, 4)
    assert fit(PICTURE, 7).shape == (7, 7, 3)
    assert fit(Image.new("RGB", (1, 5000), "red"), 16)[0, 0].tolist() == [255, 0, 0]


def test_bands_that_cannot_be_read_are_the_reason():
    data = np.arange(4 * 4 * 5, dtype="<u2").tobytes()
    tags = [(256, 4), (257, 4), (259, 1), (262, 2), (273, 8), (277, 5), (278, 4), (279, len(data)), (284, 1)]
    bits = 8 + len(data)  # where the five numbers of bits are
    entries = sorted([(tag, 3, 1, value) for tag, value in tags] + [(258, 3, 5, bits)])
    directory = struct.pack("<H", len(entries)) + b"".join(struct.pack("<HHII", *entry) for entry in entries)
    start = struct.pack("<2sHI", b"II", 42, bits + 10)
    content = start + data + struct.pack("<5H", *[16] * 5) + directory + struct.pack("<I", 0)
    with pytest.raises(PictureError, match="has 5 channels of 16 bits"):
        open_picture(content, "x.tif")
