"""Entry point of `nftui` and `python -m nftui`."""

import sys


def main() -> None:
    """Run the command line and leave with its documented exit code."""
    from nftui.cli.main import run

    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
