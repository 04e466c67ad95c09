"""EmoPrefer: which of two descriptions suits a clip better."""
