"""One run, evaluated in many ways: `emolightning ablate` and `emolightning robustness`."""
