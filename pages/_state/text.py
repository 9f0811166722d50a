"""Text of readers, escaped for pages."""


def plain(text: str) -> str:
    """Text escaped for Markdown and HTML."""
    return "".join(f"\\{c}" if c in "\\`*_{}[]()#+-.!|<>~$:&" else c for c in text)


def spaces(phi1: str, phi2: str) -> str:
    """Two spaces by their names, for Markdown."""
    return f"φ1 {plain(phi1)}, φ2 {plain(phi2)}"
