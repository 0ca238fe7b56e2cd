"""Style: what a trace sounds like, measured on whole columns of text."""
