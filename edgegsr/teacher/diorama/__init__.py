"""The Diorama teacher: a vision-language foundation model of the staged world, small enough to ship."""
