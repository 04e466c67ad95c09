"""CMU-MOSI and CMU-MOSEI: sentiment of people who talk to a camera."""
