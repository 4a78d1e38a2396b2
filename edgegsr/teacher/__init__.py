"""Teachers: what a big vision-language model sees in an image, and what can be said of it."""
