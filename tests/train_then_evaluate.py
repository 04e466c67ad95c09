"""`python train_then_evaluate.py SETTING ... -- SETTING ...`: both programs in one process, for that starts slowly."""

import sys

import eval as eval_program
import train as train_program
from emolightning.commands.cli import run

if __name__ == "__main__":
    middle = sys.argv.index("--")
    run(train_program.main, "train", sys.argv[1:middle])
    # What Lightning puts behind the words of the ranks that it starts comes here.
    run(eval_program.main, "eval", sys.argv[middle + 1 :])
