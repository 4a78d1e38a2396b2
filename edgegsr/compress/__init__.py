"""Makes a student smaller and its arithmetic coarser, with its teacher watching: prune, fold, quantize."""
