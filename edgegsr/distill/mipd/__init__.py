"""MIPD, Multimodal Interactive Prompt Distillation (arXiv 2507.14686), as its authors intended it."""
