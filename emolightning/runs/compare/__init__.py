"""Several systems on the same clips: `emolightning compare`."""
