"""What runs on the device: numpy, pillow and one engine, nothing of torch.

from edgegsr.runtime import SituationRecognizer
SituationRecognizer("bundle").predict("photo.jpg")

from edgegsr.runtime import InteractionRecognizer
InteractionRecognizer("bundle of pairs").predict("photo.jpg")

from edgegsr.runtime import BothRecognizer
BothRecognizer("bundle of both").predict("photo.jpg")
"""

from edgegsr.runtime.both import Both, BothRecognizer
from edgegsr.runtime.interactions import InteractionRecognizer
from edgegsr.runtime.recognizer import Look, SituationRecognizer

__all__ = ["Both", "BothRecognizer", "InteractionRecognizer", "Look", "SituationRecognizer"]
