"""What sampled pictures show, one after the other, and from it what each shot shows.

Kept for each sample are a few boxes and a vector in half precision, 4 KB in all. Shots need not be known while samples
come in.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from roadmap_cli.edl.subjects import bars, composition, saliency
from roadmap_cli.edl.subjects.composition import Box
from roadmap_cli.edl.subjects.faces import Faces
from roadmap_cli.edl.subjects.person import LEAST_TRUST, PersonMask
from roadmap_cli.edl.subjects.pictures import LEAST_PROBABLE, UNNAMED, Colours, Named, Pictures

if TYPE_CHECKING:
    import numpy

#: Names what looked; part of the identity of what was seen. A change of method is a new name.
METHOD = "subjects-1"
#: What each model is for, in words, by the name to pull it by.
MODELS = {
    "face-detection": "faces",
    "person-mask": "persons",
    "efficientnet-lite0": "names of things",
}
#: A lone face in a shot must be surer than MediaPipe asks: one glance of a detector at a wall is no face.
_LONE_SCORE = 0.75
#: No tile of 32 x 18 differs by so many code values: the picture is still as it was.
_STILL = 10
#: On their mean they differ by so much: another picture.
_SUDDEN = 20.0


@dataclass(frozen=True, slots=True)
class Seers:
    """The models that are here, and the names of those that are not."""

    faces: Faces | None
    person: PersonMask | None
    pictures: Pictures | Colours
    missing: tuple[str, ...]

    @property
    def method(self) -> str:
        """What looks, in one word."""
        return method(self.missing)


def method(missing: Sequence[str]) -> str:
    """What looks if some models are missing, in one word: it changes with the models at hand."""
    return "+".join((METHOD, *(name for name in MODELS if name not in missing)))


def lacking(missing: Sequence[str]) -> str | None:
    """What cannot be measured if some models are missing, in words; None if none is."""
    return f"not measured: {', '.join(MODELS[name] for name in missing)}" if missing else None


def missing_models(environ: Mapping[str, str]) -> tuple[str, ...]:
    """The models for pictures that were not pulled, or whose runtime is not installed; none is opened.

    Raises ConfigError if one is damaged.
    """
    from importlib.util import find_spec

    from roadmap_cli.models import sessions

    runtimes = {name: "onnxruntime" if name == "efficientnet-lite0" else "ai_edge_litert" for name in MODELS}
    return tuple(name for name in MODELS if find_spec(runtimes[name]) is None or sessions.paths(environ, name) is None)


def open_seers(environ: Mapping[str, str]) -> Seers:
    """The models for pictures that were pulled. Raises ConfigError if one is damaged.

    A model whose runtime is not installed counts as missing.
    """
    from roadmap_cli.models import sessions

    missing = missing_models(environ)
    opened: dict[str, Any] = {}
    for name in MODELS:
        files = None if name in missing else sessions.paths(environ, name)
        if files is not None:
            opened[name] = _opened(name, files)
    return Seers(
        opened.get("face-detection"),
        opened.get("person-mask"),
        opened.get("efficientnet-lite0", Colours()),
        missing,
    )


def none() -> Seers:
    """Eyes without any model."""
    return Seers(None, None, Colours(), tuple(MODELS))


def _opened(name: str, files: Mapping[str, Path]) -> Faces | PersonMask | Pictures:
    if name == "efficientnet-lite0":
        return Pictures(files["model.onnx"], files["labels.json"])
    (path,) = files.values()
    return Faces(path) if name == "face-detection" else PersonMask(path)


@dataclass(frozen=True, slots=True)
class Sight:
    """What one sampled picture shows. Boxes are shares of the picture inside its bars."""

    frame: int
    vector: Any
    named: Named
    #: None without the model.
    faces: list[tuple[Box, float, tuple[float, float]]] | None
    person: Box | None
    trust: float
    salient: Box | None
    #: Top, bottom, left and right of the picture inside its bars, in shares.
    inside: Box
    aspect: float


@dataclass(slots=True)
class Observer:
    """Looks at samples; `add` each, then ask for the shots."""

    seers: Seers
    sights: list[Sight] = field(default_factory=list)
    _small: Any = field(default=None)
    _rested: bool = field(default=False)

    def add(self, frame: int, rgb: numpy.ndarray[Any, Any]) -> None:
        """Look at the picture [height, width, 3], uint8, of a frame. Frames come in order.

        A picture that is still as the last one that was looked at shows the same; and where nothing suddenly changed,
        faces and persons are looked for in every other picture only.
        """
        import cv2
        import numpy

        small = cv2.resize(rgb, (32, 18), interpolation=cv2.INTER_AREA).astype(numpy.int16)
        change = None if self._small is None else numpy.abs(small - self._small)
        if change is not None and int(change.max()) < _STILL:
            self.sights.append(replace(self.sights[-1], frame=frame))
            return
        self._small = small
        again = not self._rested or change is None or float(change.mean()) > _SUDDEN
        self._rested = again
        last = None if again else self.sights[-1]
        height, width = rgb.shape[:2]
        top, bottom, left, right = bars.inside(rgb)
        inner = numpy.ascontiguousarray(rgb[top:bottom, left:right])
        vector, named = self.seers.pictures.see(inner, self.sights[-1].named if self.sights else UNNAMED)
        place = (left / width, top / height, (right - left) / width, (bottom - top) / height)
        faces, person, trust = (last.faces, last.person, last.trust) if last else self._people(inner)
        box = saliency.box(saliency.of(inner))
        self.sights.append(
            Sight(
                frame=frame,
                vector=vector.astype(numpy.float16),
                named=named,
                faces=faces,
                person=person,
                trust=trust,
                salient=box,
                inside=place,
                aspect=(right - left) / (bottom - top),
            )
        )

    def _people(self, inner: Any) -> tuple[list[tuple[Box, float, tuple[float, float]]] | None, Box | None, float]:
        """The faces in a picture without bars, and where no face is sure, the person and how far to trust that."""
        found = self.seers.faces.find(inner) if self.seers.faces else None
        faces = None if found is None else [(face.box, face.score, face.eyes) for face in found]
        if self.seers.person is None or any(face.score >= _LONE_SCORE for face in found or ()):
            return faces, None, 0.0
        height, width = inner.shape[:2]
        person = self.seers.person.find(inner, (0, height, 0, width))
        return faces, person.box, person.trust


def of_shots(observer: Observer, ranges: Iterable[tuple[int, int]]) -> list[list[Sight]]:
    """The sights of each shot of ranges in order; one walk, however many there are."""
    found: list[list[Sight]] = []
    place, sights = 0, observer.sights
    for first, end in ranges:
        while place < len(sights) and sights[place].frame < first:
            place += 1
        start = place
        while place < len(sights) and sights[place].frame < end:
            place += 1
        found.append(sights[start:place])
    return found


def vector(sights: Sequence[Sight]) -> Any:
    """The mean vector of a shot's sights, float32, of length one; None without any."""
    import numpy

    if not sights:
        return None
    mean = numpy.mean([sight.vector.astype(numpy.float32) for sight in sights], axis=0)
    return mean / max(float(numpy.linalg.norm(mean)), 1e-9)


def described(sights: Sequence[Sight]) -> dict[str, Any]:
    """The fields of an edl.shot that tell its subject and composition; only what was seen and can be told.

    The subject is a face if faces are seen in a third of the samples, else a person likewise, else what is salient.
    """
    if not sights:
        return {}
    found: dict[str, Any] = {}
    name = _name(sights)
    if name:
        found |= {"label": name[0], "label_ratio": round(name[1], 3)}
    with_faces = [sight for sight in sights if _faces(sight, lone=len(sights) < 3)]
    by_face = 3 * len(with_faces) >= len(sights) and bool(with_faces)
    if sights[0].faces is not None:
        counts = sorted(len(_faces(sight, lone=len(sights) < 3)) for sight in sights)
        found["faces"] = counts[len(counts) // 2] if not by_face else max(1, counts[len(counts) // 2])
    persons = [sight for sight in sights if sight.person and sight.trust >= LEAST_TRUST]
    seen = 3 * len(persons) >= len(sights) and bool(persons)
    if by_face:
        found |= _by_face(with_faces)
    elif seen and (not name or name[0] in _WORN):
        found |= _by_person(persons)
    else:
        # What the mask holds together is in front of the rest, whether it is a person or a cup.
        boxes = [(sight, sight.person if seen and sight in persons else sight.salient) for sight in sights]
        kept = [(sight, box) for sight, box in boxes if box is not None]
        if kept:
            found |= _placed("salient", kept)
            centre = composition.middle([box for _, box in kept])
            found["thirds_distance"] = round(
                composition.thirds_distance((centre[0] + centre[2] / 2, centre[1] + centre[3] / 2)), 3
            )
    return found


def _faces(sight: Sight, *, lone: bool) -> list[tuple[Box, float, tuple[float, float]]]:
    return [face for face in sight.faces or () if not lone or face[1] >= _LONE_SCORE]


def _by_face(sights: Sequence[Sight]) -> dict[str, Any]:
    """Fields from the largest face of each sight."""
    import numpy

    largest = [max(sight.faces or (), key=lambda face: face[0][2] * face[0][3]) for sight in sights]
    face = composition.middle([box for box, _, _ in largest])
    eyes = numpy.median([point for _, _, point in largest], axis=0)
    return _placed("face", [(sight, box) for sight, (box, _, _) in zip(sights, largest, strict=True)]) | {
        "shot_size": composition.size(composition.heads_by_face(face)),
        "headroom_ratio": round(composition.headroom_by_face(face), 3),
        "thirds_distance": round(composition.thirds_distance((float(eyes[0]), float(eyes[1]))), 3),
    }


def _by_person(sights: Sequence[Sight]) -> dict[str, Any]:
    boxes = [sight.person for sight in sights if sight.person]
    person = composition.middle(boxes)
    heads = composition.heads_by_person(person, sights[0].aspect)
    head = min(1 / heads, person[3]) / 2
    return _placed("person", list(zip(sights, boxes, strict=True))) | {
        "shot_size": composition.size(heads),
        "headroom_ratio": round(person[1], 3),
        "thirds_distance": round(composition.thirds_distance((person[0] + person[2] / 2, person[1] + head)), 3),
    }


def _placed(subject: str, boxes: Sequence[tuple[Sight, Box]]) -> dict[str, Any]:
    """The subject and its box in shares of the whole picture, bars included, to a ten-thousandth."""
    whole = [
        (
            sight.inside[0] + box[0] * sight.inside[2],
            sight.inside[1] + box[1] * sight.inside[3],
            box[2] * sight.inside[2],
            box[3] * sight.inside[3],
        )
        for sight, box in boxes
    ]
    return {"subject": subject, "subject_box": [round(side, 4) for side in composition.middle(whole)]}


def _name(sights: Sequence[Sight]) -> tuple[str, float] | None:
    """What a shot shows most probably, and how probable on the mean of its samples; None if unsure."""
    shares: Counter[str] = Counter()
    for sight in sights:
        for name, share in sight.named.names:
            shares[name] += share / len(sights)  # type: ignore[assignment]
    if not shares:
        return None
    name, share = max(shares.items(), key=lambda item: item[1])
    return (name, min(1.0, float(share))) if share >= LEAST_PROBABLE else None


#: What people wear or hold: where ImageNet, which has no name for a person, says these, a person may well be.
_WORN = frozenset(
    """suit;T-shirt;sweatshirt;cardigan;trench coat;military uniform;academic gown;gown;abaya;kimono;sarong;
    poncho;cloak;fur coat;lab coat;swimming cap;swim trunks / shorts;bikini;one-piece bathing suit;bulletproof vest;
    bow tie;bolo tie;Windsor tie;sunglasses;hair spray;lipstick;neck brace;stethoscope;apron;miniskirt;
    overskirt;jeans;pajamas;sombrero;cowboy hat;baseball player;scuba diver;bridegroom;microphone;violin;flute;
    saxophone;cello;trombone;acoustic guitar;electric guitar;hand-held computer;umbrella;
    football helmet;crash helmet;mask;bath towel;shower cap;feather boa;hoop skirt;vestment;
    mobile phone;iPod;backpack;bra;diaper;dumbbell;barbell;tripod;reflex camera;stage;barbershop;library"""
    .replace("\n", "").replace("    ", "").split(";")
)  # fmt: skip
