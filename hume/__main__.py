"""`python -m hume`, and the command `hume`."""

from hume.common import runtime


def main() -> None:
    """Configure this process, then run the command line; torch reads the configuration when it is loaded."""
    runtime.configure()
    from hume import cli

    cli.main()


if __name__ == "__main__":
    main()
