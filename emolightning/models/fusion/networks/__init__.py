"""One module a network; `blocks.py` has what several are made of. Names of weights are the released code's."""
