"""A README as part of a page: text, or Markdown of which nothing runs and nothing is loaded."""

from __future__ import annotations

from functools import cache

import nh3
from markdown_it import MarkdownIt
from markupsafe import Markup, escape

#: Files that are shown below the listing of their folder, the first that there is.
NAMES = ("README.md", "readme.md", "Readme.md", "README.txt", "readme.txt")
#: Bytes of one that are shown.
MOST = 64 * 1024
_TAGS = {
    "a", "blockquote", "br", "code", "em", "h3", "h4", "h5", "h6", "hr", "li", "ol", "p", "pre", "s", "strong",
    "table", "tbody", "td", "th", "thead", "tr", "ul",
}  # fmt: skip
_ATTRIBUTES = {"a": {"href", "title"}, "ol": {"start"}}
#: Headings begin below those of the page.
_HEADINGS = {"h1": "h3", "h2": "h4", "h3": "h5", "h4": "h6", "h5": "h6", "h6": "h6"}


@cache
def _markdown() -> MarkdownIt:
    return (
        MarkdownIt("commonmark", {"html": False, "linkify": False}).enable(["table", "strikethrough"]).disable("image")
    )


def rendered(name: str, data: bytes) -> Markup:
    """The content of a README for a page; what is no text stays recognisable."""
    text = data[:MOST].decode("utf-8", "replace")
    if not name.lower().endswith(".md"):
        return Markup("<pre>{}</pre>").format(escape(text))
    parser = _markdown()
    tokens = parser.parse(text)
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = _HEADINGS[token.tag]
    html = parser.renderer.render(tokens, parser.options, {})
    # The parser lets no HTML through; should that ever fail, this does not.
    return Markup(
        nh3.clean(
            html,
            tags=_TAGS,
            attributes=_ATTRIBUTES,
            url_schemes={"http", "https", "mailto"},
            link_rel="noopener noreferrer nofollow",
        )
    )
