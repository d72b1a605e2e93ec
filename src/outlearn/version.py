"""The version of the package, in one place, and those of others that a result depends on."""

__version__ = "0.2.0"


def versions_of(packages: tuple[str, ...]) -> dict[str, str]:
    """Read the versions of those packages that are installed."""
    from importlib.metadata import PackageNotFoundError, version  # no part of `import outlearn`

    found = {}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
