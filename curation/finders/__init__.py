"""What looks wrong in a dataset: one module a finder; cleanlab is imported only here."""
