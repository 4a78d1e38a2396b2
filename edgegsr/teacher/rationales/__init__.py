"""Rationales: short texts of what shows in a training image, and of what plausibly could and does not."""
