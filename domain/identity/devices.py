"""A device in a word or two, out of its `User-Agent`: enough to tell one's own sessions apart, too little to track."""

BROWSERS = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
    ("okhttp/", "Android app"),
    ("CFNetwork/", "iOS app"),
    ("curl/", "curl"),
)
"""The first that occurs is meant: Edge also says Chrome, and Chrome also says Safari."""

SYSTEMS = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("CrOS", "ChromeOS"),
    ("Mac OS X", "macOS"),
    ("Linux", "Linux"),
)
"""Likewise: an iPhone also says Mac OS X, and Android also says Linux."""


def device_of(user_agent: str) -> str | None:
    """`Firefox on Windows`, `Safari on iPhone`, `curl`; `None` for what we do not know."""
    browser = next((name for sign, name in BROWSERS if sign in user_agent), None)
    system = next((name for sign, name in SYSTEMS if sign in user_agent), None)
    return " on ".join(word for word in (browser, system) if word) or None
