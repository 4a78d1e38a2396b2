"""edgegsr: distill, compress and export grounded situation recognition for the edge."""

__version__ = "0.1.0"
