"""Experiments and measurements on models; imports what it needs, is imported by nothing left of it."""
