"""A module for each program, or for a few that are alike."""
