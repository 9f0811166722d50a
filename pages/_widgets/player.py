"""A player of the frames of a recording, by its fields or by time."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

import streamlit as st


@dataclass
class Player:
    """The current frame of each recording, stored in the session."""

    frames: dict[str, int] = field(default_factory=dict)  # by recording
    recording: str = ""  # the one on the page
    last: int = 0  # its last frame
    playing: bool = False
    since: float = 0.0  # when the frame changed last
    changes: Counter[str] = field(default_factory=Counter)  # of the frame, by the field that changed it

    @property
    def frame(self) -> int:
        return self.frames[self.recording]

    def go(self, frame: int, by: str = "") -> None:
        """Show a frame, clipped to the recording; at the end, stop. by: the field that requests it."""
        self.frames[self.recording] = min(max(frame, 0), self.last)
        self.playing, self.since = self.playing and frame < self.last, monotonic()
        self.changes[by] += 1

    def toggle(self) -> None:
        """Play or pause; from the end, play again."""
        self.playing, self.since = not self.playing, monotonic()
        if self.playing and self.frame == self.last:
            self.go(0)

    def show(
        self,
        recording: str,
        num_frames: int,
        draw: Callable[[], None],
        *,
        seconds: float,
        following: Callable[[int], int] = lambda frame: frame + 1,
    ) -> None:
        """Draw the frame of a recording, and while playing, the following one after each interval."""
        self.recording, self.last = recording, num_frames - 1
        self.frames[recording] = min(self.frames.get(recording, 0), self.last)
        if self.playing and monotonic() - self.since > 5 * seconds:
            self.playing = False  # another page was open in between
        playing = self.playing

        @st.fragment(run_every=seconds if playing else None)
        def again() -> None:
            # A changed field redraws too, and must not speed it up.
            if self.playing and monotonic() - self.since > 0.7 * seconds:
                self.go(following(self.frame))
            if self.playing != playing:
                st.rerun()  # only a full rerun changes `run_every`
            draw()

        again()

    def button(self, key: str, **options: Any) -> None:
        """Play or pause."""
        label, icon = ("Pause", ":material/pause:") if self.playing else ("Play", ":material/play_arrow:")
        st.button(label, key=key, on_click=self.toggle, icon=icon, type="primary", **options)

    def field_options(self, name: str, frame_of: Callable[[Any], int]) -> dict[str, Any]:
        """Options of a field that shows a frame and goes to the frame of its new value.

        Its key changes whenever something else changes the frame: late messages of the old field are ignored, and the
        field in use keeps the focus.
        """
        version = self.changes.total() - self.changes[name]
        key = f"{name} {self.recording} {version}"

        def changed() -> None:
            if self.changes.total() - self.changes[name] == version:
                self.go(frame_of(st.session_state[key]), by=name)

        return {"key": key, "on_change": changed}
