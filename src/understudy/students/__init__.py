"""Students: models to be trained, and how their first checkpoint is made."""
