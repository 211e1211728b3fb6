"""What a browser shows a learner; skipped where Chromium or its driver is missing (Debian: chromium-driver)."""
