"""Entry point of `nftui` and `python -m nftui`."""

import sys
from typing import NoReturn


def main() -> NoReturn:
    """Run the command line and leave with its documented exit code."""
    from nftui.cli.ending import end
    from nftui.cli.main import run
    from nftui.cli.standard_output import guard

    guard()
    end(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
