"""The writer that is an image-text-to-text model of transformers, from a folder or the hub; many images at a time."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from edgegsr.errors import InputError
from edgegsr.hub import loading, locate
from edgegsr.images import open_image
from edgegsr.teacher.rationales.answers import Answers
from edgegsr.teacher.rationales.dialogue import Manner, Question, converse_together, talk
from edgegsr.teacher.rationales.rationale import Rationale
from edgegsr.teacher.rationales.report import Report
from edgegsr.teacher.rationales.subject import Subject


@dataclass(frozen=True)
class VlmOptions:
    """Which model writes and how."""

    model: str = ""  # folder or hub id
    batch: int = 8  # images at a time
    side: int = 512  # longest side of the image that is shown, in pixels
    max_new_tokens: int = 400
    temperature: float = 0.0  # 0: the likeliest word each time

    def __post_init__(self) -> None:
        for name, least in (("batch", 1), ("side", 32), ("max_new_tokens", 1), ("temperature", 0)):
            if getattr(self, name) < least:
                raise InputError(f"{name} must be at least {least}, got {getattr(self, name)}")


class Vlm:
    """A model that answers questions about images."""

    def __init__(self, options: VlmOptions, seed: int) -> None:
        if not options.model:
            raise InputError("--vlm: wanted the folder or hub id of a model that writes, got none")
        self.options, self.seed = options, seed
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        self.processor, self.model = load_vlm(locate(options.model), self.device)
        self.yes, self.no = (_first_tokens(self.processor.tokenizer, word) for word in ("yes", "no"))

    def write(self, questions: Sequence[Question]) -> list[str]:
        """What the model writes."""
        sampling = {"do_sample": True, "temperature": self.options.temperature, "top_k": 0, "top_p": 1.0}
        how = sampling if self.options.temperature else {"do_sample": False}
        inputs = self._inputs(questions)
        with torch.random.fork_rng():
            torch.manual_seed(int(questions[0].key(str(self.seed))[:12], 16))
            told = self.model.generate(**inputs, max_new_tokens=self.options.max_new_tokens, **how)
        new = told[:, inputs["input_ids"].shape[1] :]
        return list(self.processor.batch_decode(new, skip_special_tokens=True))

    def judge(self, questions: Sequence[Question]) -> list[str]:
        """Yes or no, whichever the model would rather begin its answer with."""
        told = self.model.generate(
            **self._inputs(questions),
            max_new_tokens=1,
            do_sample=False,
            output_logits=True,
            return_dict_in_generate=True,
        )
        logits: Tensor = told.logits[0].float()
        yes, no = (logits[:, tokens].logsumexp(-1) for tokens in (self.yes, self.no))
        return ["yes" if more else "no" for more in (yes > no).tolist()]

    def _inputs(self, questions: Sequence[Question]) -> Any:
        asked = [(_picture(question.subject.path, self.options.side), question.text) for question in questions]
        return put(self.processor, asked).to(self.device, dtype=self.model.dtype)


def write_with_vlm(
    todo: Sequence[Subject], manner: Manner, options: VlmOptions, folder: Path, report: Report
) -> Iterator[Rationale]:
    """The rationales in the order of the subjects; where the model's answers cannot be used, the template's."""
    model = Vlm(options, manner.seed)
    who = {**asdict(replace(options, batch=1)), "seed": manner.seed, "prompt_id": manner.prompts.prompt_id}
    answers = Answers(folder, json.dumps(who, sort_keys=True))

    def answer(questions: Sequence[Question]) -> list[str]:
        new = [question for question in questions if answers.get(question) is None]
        report.asked += len(new)
        report.remembered += len(questions) - len(new)
        if new:
            for question, said in zip(new, (model.write if new[0].kind == "write" else model.judge)(new)):
                answers.add(question, said)
        return [answers.known[question.key(answers.who)] for question in questions]

    for start in range(0, len(todo), options.batch):
        talks = [talk(subject, manner) for subject in todo[start : start + options.batch]]
        for outcome in converse_together(talks, answer):
            report.count(outcome)
            yield outcome.rationale


def put(processor: Any, asked: Sequence[tuple[Image.Image, str]]) -> Any:
    """Questions about pictures, each with its picture, as a model takes them: padded on the left."""
    talks = [
        [{"role": "user", "content": [{"type": "image", "image": picture}, {"type": "text", "text": text}]}]
        for picture, text in asked
    ]
    return processor.apply_chat_template(
        talks,
        add_generation_prompt=True,
        tokenize=True,
        return_dict=True,
        return_tensors="pt",
        processor_kwargs={"padding": True},
    )


def load_vlm(folder: Path, device: str) -> tuple[Any, Any]:
    """The processor and the model."""
    import transformers

    with loading(folder, "an image-text-to-text model with its processor and chat template, weights as safetensors"):
        processor = transformers.AutoProcessor.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        model = transformers.AutoModelForImageTextToText.from_pretrained(
            folder,
            use_safetensors=True,
            local_files_only=True,
            trust_remote_code=False,
            dtype=torch.bfloat16 if device == "cuda" else torch.float32,
        )
    if not getattr(processor, "chat_template", None):
        raise InputError(f"{folder}: wanted a model that chats, got a processor without a chat template")
    processor.tokenizer.padding_side = "left"  # new tokens follow the last one of every row
    if processor.tokenizer.pad_token is None:
        processor.tokenizer.pad_token = processor.tokenizer.eos_token
    return processor, model.to(device).eval()


def _first_tokens(tokenizer: Any, word: str) -> list[int]:
    """The tokens with which a word may begin, however it is written."""
    spelled = (lead + form for lead in ("", " ") for form in (word, word.capitalize(), word.upper()))
    return sorted({tokens[0] for text in spelled if (tokens := tokenizer.encode(text, add_special_tokens=False))})


def _picture(path: Path, side: int) -> Image.Image:
    image = Image.fromarray(open_image(path, side))
    image.thumbnail((side, side))
    return image
