"""Evaluate a trained run from a checkout: `python eval.py checkpoint=RUN`, the same as `emolightning eval`."""

import sys

from emolightning.commands.evaluate import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
