"""Models: whatever writes traces, teachers and students alike."""
