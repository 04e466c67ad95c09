"""Parts that families share: towers, language models, adapters, projections."""
