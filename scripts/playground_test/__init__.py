"""Checks the playground of a running node in headless Chromium."""
