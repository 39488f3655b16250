"""A WSGI application: the path as gunicorn decodes it, and as Python's URL functions find it in the raw target."""

from urllib.parse import unquote, urlparse, urlsplit


def route(path):
    for prefix, name in [("/files/private", "private"), ("/files", "files"), ("/admin", "admin")]:
        if path == prefix or path.startswith(prefix + "/"):
            return name
    return "open"


def tried(read):
    try:
        return route(read())
    except ValueError:
        return "-"


def application(environ, start_response):
    raw = environ["RAW_URI"]
    body = " ".join(
        [
            "PATH_INFO=" + route(environ["PATH_INFO"]),
            "urlsplit=" + tried(lambda: urlsplit(raw).path),
            "urlsplit-unquoted=" + tried(lambda: unquote(urlsplit(raw).path)),
            "urlparse=" + tried(lambda: urlparse(raw).path),
            "unquoted-urlparse=" + tried(lambda: urlparse(unquote(raw)).path),
        ]
    ).encode()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]
