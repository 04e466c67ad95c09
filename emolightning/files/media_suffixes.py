"""Suffixes of media files: which files are looked for. What is in a file is found out when it is opened."""

VIDEO_SUFFIXES = (
    ".mp4", ".avi", ".mkv", ".mov", ".webm", ".m4v", ".flv", ".mpg", ".mpeg", ".ts", ".mts", ".m2ts", ".wmv", ".3gp",
    ".ogv", ".asf", ".3g2", ".f4v", ".vob",
)  # fmt: skip
SOUND_SUFFIXES = (".wav", ".mp3", ".flac", ".m4a", ".ogg", ".oga", ".opus", ".aac", ".wma", ".mka")
"""They hold no picture: enough for a run that looks at none."""

MEDIA_SUFFIXES = VIDEO_SUFFIXES + SOUND_SUFFIXES
