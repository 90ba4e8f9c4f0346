"""Programs that visit."""

from kit.processes import run


def curl(published, name, path, *more, version="--http2", within=60.0, through=()):
    """(exit code, output) of curl as somebody who is signed in. `through`: a command that runs it."""
    arguments = [*through, "curl", "-sS", version, "--cacert", published.visitor.certificate_authority]
    arguments += ["-H", f"Cookie: {published.cookie(name)}"]
    return run([*arguments, *more, published.url(name, path)], within=within)


def cookie_file(published, name, path):
    """The visitor's cookies for a name, in the form that curl and git read."""
    published.cookie(name)
    host = f"{name}.localhost"
    lines = ["# Netscape HTTP Cookie File"]
    for key, value in published.visitor.jar[host].items():
        lines.append("\t".join([host, "FALSE", "/", "TRUE", "0", key, value]))
    path.write_text("\n".join(lines) + "\n")
    return path
