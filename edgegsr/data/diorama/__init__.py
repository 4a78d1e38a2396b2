"""Diorama, the staged world: scenes drawn from a seed, with every truth about them.

script      verbs, nouns, frames (verbs.toml, nouns.toml)
act         one verb performed; spots says where things go, figures and things how they look
stage       a scene: act, place, others, camera, light, and what is visible
annotators  three people who disagree
make        a dataset on disk in the SWiG layout
"""
