"""Words to vectors: text tables for a student's vocabulary, made with any Hugging Face text encoder."""

from edgegsr.text.embed import embed, words
from edgegsr.text.encoders import minilm_folder
from edgegsr.text.tables import TextTables

__all__ = ["TextTables", "embed", "minilm_folder", "words"]
