"""`python -m benchmarks.pictures`: the README's animation and the social card, from the app."""

import base64
import io
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page

from benchmarks.browser import PROJECT, Playground, playground
from pages.frame.controls.settings import SETTINGS

ANIMATION, CARD = PROJECT / "docs" / "playground.webp", PROJECT / "docs" / "social-card.png"
# Where the student's width begins, and how often it goes to the next stop.
_WIDTH, _MOVES = 6, 7
# Milliseconds that a picture stands, and the first and the last.
_STANDS, _RESTS = 700, 2000
# Pixels across, of the animation and of the card, which is twice as wide as high; and between
# slider and live view.
_ANIMATION_SIDE, _CARD_SIDE = 640, 1280
_GAP = 12
_CARD = """
<body style="margin:0;width:{wide}px;height:{high}px;display:flex;align-items:center;gap:48px;
  background:#fcfcfb;color:#1c1f24;font-family:Inter,'DejaVu Sans',sans-serif">
<div style="padding-left:64px;flex:1"><div style="font-size:56px;font-weight:700;line-height:1.15">
Distillation playground</div><p style="font-size:28px;line-height:1.4">Twelve large networks vote.
One small network learns to answer like them. Move a slider and watch its decision boundary
follow.</p></div>
<img style="height:{high}px;padding-right:16px" src="data:image/png;base64,{image}"></body>
"""


def main() -> None:
    """Draw a narrow student, widen it step by step, and write what is seen."""
    with tempfile.TemporaryDirectory() as folder, playground(Path(folder)) as visitor:
        visitor.page.set_viewport_size({"width": 1440, "height": 1000})
        frames = _widen(visitor)
        visitor.open(f"/?embed=true&width={_WIDTH}")
        _write_card(visitor.page)
    first, *rest = (_shrink(frame) for frame in frames)
    durations = [_RESTS, *[_STANDS] * (len(rest) - 1), _RESTS]
    first.save(ANIMATION, save_all=True, append_images=rest, duration=durations, loop=0, quality=80)
    for path in (ANIMATION, CARD):
        print(f"{path.name}: {path.stat().st_size:,} bytes")


def _widen(visitor: Playground) -> list[Image.Image]:
    """Return pictures of slider and live view, one a stop."""
    visitor.open(f"/?embed=true&width={_WIDTH}")
    page = visitor.page
    frames = [_take(page)]
    for _ in range(_MOVES):
        visitor.press(SETTINGS["width"].label, "ArrowRight")
        visitor.rest()
        frames.append(_take(page))
    return frames


def _take(page: Page) -> Image.Image:
    """Return a picture of the live view with the slider above it."""
    above, below = (
        Image.open(io.BytesIO(page.locator(at).first.screenshot())).convert("RGB")
        for at in (".st-key-student .stSlider", ".bv-plot")
    )
    whole = Image.new(
        "RGB", (below.width, above.height + below.height + _GAP), above.getpixel((0, 0))
    )
    whole.paste(above, (0, 0))
    whole.paste(below, (0, above.height + _GAP))
    return whole


def _shrink(frame: Image.Image) -> Image.Image:
    high = round(frame.height * _ANIMATION_SIDE / frame.width)
    return frame.resize((_ANIMATION_SIDE, high), Image.Resampling.LANCZOS)


def _write_card(page: Page) -> None:
    wide, high = _CARD_SIDE, _CARD_SIDE // 2
    image = base64.b64encode(page.locator(".bv-plot").screenshot()).decode()
    page.set_viewport_size({"width": wide, "height": high})
    page.set_content(_CARD.format(wide=wide, high=high, image=image))
    page.screenshot(path=CARD)


if __name__ == "__main__":
    main()
