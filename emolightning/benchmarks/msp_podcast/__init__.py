"""MSP-Podcast and MSP-Face: emotion and three numbers of each turn, by several workers."""
