"""A rendered benchmark of six emotions: labelled mp4 clips with a face, a voice and words."""
