"""`python train_then_evaluate.py SETTING ... -- SETTING ...`: both programs in one process, for that starts slowly."""

import sys

import eval as eval_program
import train as train_program

if __name__ == "__main__":
    middle = sys.argv.index("--")
    train_program.main(sys.argv[1:middle])
    # What Lightning puts behind the words of the ranks that it starts comes here.
    eval_program.main(sys.argv[middle + 1 :])
