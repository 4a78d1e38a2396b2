"""Rationales in a cache: one line an image, and the token vectors of every text that they hold, each once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from edgegsr.card import read_card, with_value
from edgegsr.data.split import Split
from edgegsr.errors import InputError
from edgegsr.files import write_whole
from edgegsr.progress import track
from edgegsr.scoring.jsonlines import located, read_lines
from edgegsr.situation import Ontology
from edgegsr.teacher.rationales.dialogue import Outcome
from edgegsr.teacher.rationales.distractors import Distractors
from edgegsr.teacher.rationales.prompts import prompts
from edgegsr.teacher.rationales.rationale import FILE, Rationale, mirrored
from edgegsr.teacher.rationales.report import Report
from edgegsr.teacher.rationales.server import EndpointOptions
from edgegsr.teacher.rationales.subject import subjects
from edgegsr.teacher.rationales.template import PROMPT_ID, rough_tokens
from edgegsr.teacher.rationales.vlm import VlmOptions
from edgegsr.teacher.rationales.writers import WRITERS, RationaleOptions, written
from edgegsr.teacher.shards import ShardWriter, key_of
from edgegsr.text.embed import embed
from edgegsr.text.shipped import PATH as SHIPPED
from edgegsr.text.tables import TextTables
from edgegsr.text.tokens import TokenReader
from edgegsr.wording import ontology_hash

OPTIONS = {  # of the command line, which stand for values of a writer
    "writer": "--rationales",
    "vlm.model": "--vlm",
    "endpoint.url": "--endpoint",
    "endpoint.model": "--model",
    "endpoint.key_env": "--api-key-env",
    "endpoint.max_requests": "--max-requests",
    "endpoint.concurrency": "--concurrency",
}
TELLING = ("side", "max_new_tokens", "temperature", "settings")  # on which the texts of a model depend besides
UNWRITTEN_TOKENS = 20  # of a text that nobody has written yet: what templates have, rather too many than too few


class Note(NamedTuple):
    """A line of the cache: a rationale, what it is about, by whom, and why the template stood in for a model."""

    rationale: Rationale
    about: str  # hash of the photo and its annotations
    by: str
    fallback: str = ""
    silent: bool = False  # no answer came: worth asking again

    def texts(self, flipped: bool) -> tuple[str, str, str, str]:
        return (mirrored(self.rationale) if flipped else self.rationale).texts

    def to_json(self) -> str:
        return json.dumps({**asdict(self.rationale), **dict(zip(NOTED, self[1:]))}, ensure_ascii=False)


NOTED = Note._fields[1:]  # what a line has beside the rationale


def options_of(
    writer: str, vlm: str | None, server: Mapping[str, Any], more: Mapping[str, Any] | None = None
) -> RationaleOptions:
    """Who writes, from what a command line says.

    `server` may hold any option of an endpoint, None where not given, and `more` any other value by its name, those of
    the model and of the server with a dot: {"tries": 2, "endpoint.timeout_s": 120}.
    """
    given = {name: value for name, value in server.items() if value is not None}
    if writer not in WRITERS:
        raise InputError(f"--rationales: wanted one of {', '.join(WRITERS)}, got {writer!r}")
    if (writer == "vlm") != (vlm is not None):
        raise InputError(
            f"--rationales {writer}: wanted {'' if writer == 'vlm' else 'no '}--vlm, the model that writes"
        )
    if writer == "endpoint" and not given.keys() >= {"url", "model"}:
        raise InputError(
            "--rationales endpoint: wanted --endpoint, where a server answers, and --model, which one does"
        )
    if writer != "endpoint" and given:
        named = ", ".join(OPTIONS[f"endpoint.{name}"] for name in given)
        raise InputError(f"--rationales {writer}: asks no server; leave out {named}, or give --rationales endpoint")
    if owned := [name for name in more or {} if name in OPTIONS]:
        raise InputError(f"--set {owned[0]}: has an option of its own; give {OPTIONS[owned[0]]}")
    if foreign := [name for name in more or {} if (part := name.partition(".")[0]) in WRITERS and part != writer]:
        raise InputError(f"--set {foreign[0]}: is not of --rationales {writer}; leave it out")
    table: dict[str, Any] = {"writer": writer, "vlm": {"model": vlm or ""}, "endpoint": given}
    for name, value in (more or {}).items():
        table = with_value(table, name, value)
    try:
        return read_card(table, RationaleOptions)
    except InputError as error:
        raise InputError(f"--set and its kin: {str(error).removeprefix('card: ')}") from error


def writer_of(options: RationaleOptions) -> str:
    """Everything about a writer that its texts depend on, as one line."""
    name, seed = options.writer, options.seed
    if name == "template":
        return f"{PROMPT_ID} seed {seed}"
    model = {"vlm": options.vlm.model, "endpoint": options.endpoint.model}[name]
    judged = "judged" if options.judged else "not judged"
    line = f"{name} {model} {prompts().prompt_id} {PROMPT_ID} tries {options.tries} {judged} seed {seed}"
    how = asdict(options.vlm if name == "vlm" else options.endpoint)
    usual = asdict(VlmOptions() if name == "vlm" else EndpointOptions())
    return " ".join([line, *(f"{key} {how[key]}" for key in TELLING if how.get(key) != usual.get(key))])


def abouts_of(split: Split, photos: Sequence[str]) -> list[str]:
    """A hash for each row of what there is to write about: the photo, and what annotators say of it."""
    truth = split.annotations
    said = [_said(truth.ontology, verb, nouns) for verb, nouns in zip(truth.verbs.tolist(), truth.nouns.tolist())]
    boxes = [row[has].tolist() for row, has in zip(truth.boxes_xyxy, truth.has_box)]
    rows = zip(truth.images, photos, said, boxes, truth.has_box.tolist(), truth.sizes_wh.tolist())
    return [hashlib.sha256(json.dumps(row).encode()).hexdigest() for row in rows]


def _said(ontology: Ontology, verb: int, nouns: list[list[int]]) -> list[object]:
    return [ontology.verbs[verb], *([ontology.nouns[n].id if n >= 0 else None for n in row] for row in nouns)]


def read_notes(folder: Path) -> dict[str, Note]:
    """The notes of a cache by what they are about."""
    path, found = folder / FILE, dict[str, Note]()
    if path.is_file() and path.stat().st_size:
        try:
            for line, record in read_lines(path, ("image", *NOTED)):
                with located(path, line):
                    values = {name: record[name] for name in Rationale.__dataclass_fields__ if name in record}
                    found[record["about"]] = Note(Rationale(**values), *(record[name] for name in NOTED))
        except InputError as error:
            raise InputError(f"{error}; take the line out, and `edgegsr teach` writes it again") from error
    return found


def standing(notes: Mapping[str, Note], abouts: Sequence[str], writer: str) -> list[Note | None]:
    """The note of each row, None where there is none by this writer."""
    found = (notes.get(about) for about in abouts)
    return [note if note is not None and note.by == writer else None for note in found]


def write_notes(split: Split, abouts: Sequence[str], folder: Path, options: RationaleOptions, encoder: str) -> None:
    """Writes the notes that lack, and those anew for which no answer came; `encoder` tells which words are near."""
    by = writer_of(options)
    before = standing(read_notes(folder), abouts, by)
    todo = [row for row, note in enumerate(before) if note is None or note.silent]
    if not todo:
        return
    minutes, said, new = Minutes(), subjects(split), dict[str, Note]()
    distractors = Distractors(split, tables_of(split.annotations.ontology, encoder))
    texts = written([said[row] for row in todo], distractors, folder, options, minutes)
    for rationale, row in zip(track(texts, "writing rationales", len(todo)), todo):
        outcome = minutes.outcomes[rationale.image]
        new[abouts[row]] = Note(rationale, abouts[row], by, outcome.fallback, outcome.silent)
    notes = read_notes(folder) | new  # another data set may have come meanwhile
    write_whole(folder / FILE, "".join(note.to_json() + "\n" for note in notes.values()))


@dataclass
class Minutes(Report):
    """A report that also remembers how the talk about each image ended."""

    outcomes: dict[str, Outcome] = field(default_factory=dict)

    def count(self, outcome: Outcome) -> None:
        super().count(outcome)
        self.outcomes[outcome.rationale.image] = outcome


def tables_of(ontology: Ontology, encoder: str) -> TextTables:
    """The words of an ontology as vectors: the shipped ones where they fit."""
    shipped = TextTables.load(SHIPPED)
    return shipped if shipped.ontology == ontology_hash(ontology) else embed(ontology, encoder)


def text_key(text: str, revision: str) -> bytes:
    """What the vectors of a text hang on."""
    return key_of("text", text, revision)


def read_texts(texts: Sequence[str], reader: TokenReader, shards: ShardWriter, shown: bool) -> None:
    """Writes the token vectors of texts."""
    vectors = reader.read(texts)
    for i, found in track(vectors, "reading texts", len(texts)) if shown else vectors:
        shards.add(text_key(texts[i], reader.revision), vectors=found.half())


def forecast_tokens(texts: Iterable[str], unwritten: int) -> int:
    """About how many tokens these texts have, and as many more that are still to be written."""
    return sum(map(rough_tokens, texts)) + unwritten * UNWRITTEN_TOKENS
