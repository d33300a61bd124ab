"""A page read as strictly as XML, and as a tree that can be asked."""

import re
from html.parser import HTMLParser

VOID = ("meta",)
DRAWN = ("circle", "line", "path", "rect", "use")


class Element:
    """A node of a page: its tag, attributes, children and the text before each."""

    def __init__(self, tag, attributes=()):
        self.tag = tag
        self.attributes = dict(attributes)
        self.content = []

    @property
    def text(self):
        joined = "".join(part if isinstance(part, str) else part.text for part in self.content)
        return re.sub(r"[ \n\t]+", " ", joined).strip()

    def all(self, tag="", **wanted):
        """Every element below, in order, with that tag and those attributes (a class among others)."""
        for part in self.content:
            if isinstance(part, Element):
                given = part.attributes
                classes = (given.get("class") or "").split()
                if tag in ("", part.tag) and all(
                    value in classes if key == "class_" else given.get(key) == value for key, value in wanted.items()
                ):
                    yield part
                yield from part.all(tag, **wanted)

    def one(self, tag="", **wanted):
        (found,) = self.all(tag, **wanted)
        return found


class Reader(HTMLParser):
    """Builds the tree of a page, and allows no tag that is left open or closed twice."""

    def __init__(self):
        super().__init__()
        self.path = [Element("")]

    def updatepos(self, start, end):
        """Count no lines: nobody asks which one it is at."""
        return end

    def handle_starttag(self, tag, attributes):
        assert len(dict(attributes)) == len(attributes), f"an attribute twice in {tag}"
        element = Element(tag, attributes)
        self.path[-1].content.append(element)
        if tag not in VOID:
            self.path.append(element)

    def handle_startendtag(self, tag, attributes):
        assert tag in DRAWN
        self.path[-1].content.append(Element(tag, attributes))

    def handle_endtag(self, tag):
        assert self.path.pop().tag == tag

    def handle_data(self, data):
        self.path[-1].content.append(data)


def read(page):
    reader = Reader()
    reader.feed(page)
    reader.close()
    (root,) = reader.path
    return root


def value_of(text):
    """The number that a person would type after reading it."""
    return float(text.replace("\N{MINUS SIGN}", "-").replace(",", ""))
