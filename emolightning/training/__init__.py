"""The LightningModule and what it learns with."""
