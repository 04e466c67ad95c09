"""Train Emotion-LLaMA from a checkout: `python train.py [key=value ...]`, the same as `emolightning train`."""

import sys

from emolightning.commands.train import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
