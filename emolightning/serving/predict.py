"""`POST /predict` and `POST /predict/batch`: clips as files of a form, answers as JSON."""

from collections import Counter
from collections.abc import Collection
from typing import Annotated

from fastapi import APIRouter, Depends, File, Form, Request, UploadFile, params

from emolightning.errors import shown
from emolightning.records.inputs import MODALITIES
from emolightning.serving.refusals import Refusal
from emolightning.serving.schema import REFUSALS, Batch, ClipAnswers
from emolightning.serving.service import Ask, Service

FIELDS = ("media", "transcript", "question", "runs", "modalities", "explain")
"""What both forms take."""

Runs = Annotated[list[str], Form(description="Models to ask, as /card names them; none means the first.")]
Modalities = Annotated[list[str], Form(description="Any of audio, video, text; the others are off.")]
Question = Annotated[str | None, Form(description="Left out, the model is asked as in training.")]
Explain = Annotated[bool, Form(description="Also ask the model for its reasons.")]


def routes(service: Service) -> APIRouter:
    """The two routes."""
    router = APIRouter(tags=["predict"], responses=REFUSALS)

    @router.post("/predict", dependencies=[_once("runs", "modalities", of=(*FIELDS, "pictures"))])
    async def predict(
        media: Annotated[UploadFile, File(description="A video, or a sound file.")],
        transcript: Annotated[str | None, Form(description="What is said in the clip.")] = None,
        question: Question = None,
        runs: Runs = [],  # noqa: B006  # FastAPI makes a new one each time.
        modalities: Modalities = list(MODALITIES),  # noqa: B006
        explain: Explain = False,
        pictures: Annotated[bool, Form(description="Also give the chosen frames, the face and the sound.")] = False,
    ) -> ClipAnswers:
        """Ask about one clip."""
        (result,) = await service.answer(
            Ask(
                (_text(transcript),),
                _text(question),
                tuple(runs),
                tuple(modalities),
                explains=explain,
                shows=pictures,
                files=((media.filename, media.file),),
            )
        )
        if not result.answers:
            raise Refusal(422, f"{result.clip}: {'; '.join(problem.reason for problem in result.problems)}")
        return result

    @router.post("/predict/batch", dependencies=[_once("media", "transcript", "runs", "modalities", of=FIELDS)])
    async def predict_batch(
        media: Annotated[list[UploadFile], File(description="Videos or sound files.")],
        transcript: Annotated[
            list[str], Form(description="What is said: one a clip, in the same order, or none at all.")
        ] = [],  # noqa: B006
        question: Question = None,
        runs: Runs = [],  # noqa: B006
        modalities: Modalities = list(MODALITIES),  # noqa: B006
        explain: Explain = False,
    ) -> Batch:
        """Ask about several clips; a clip without an answer says why in its own entry."""
        if transcript and len(transcript) != len(media):
            raise Refusal(422, f"transcript: {len(transcript)} for {len(media)} clips; send one for each, or none")
        said = tuple(map(_text, transcript)) or (None,) * len(media)
        files = tuple((upload.filename, upload.file) for upload in media)
        ask = Ask(said, _text(question), tuple(runs), tuple(modalities), explains=explain, files=files)
        return Batch(clips=await service.answer(ask))

    return router


def _once(*repeatable: str, of: Collection[str]) -> params.Depends:
    """Refuse fields of a form that nobody would read: unknown ones, and the first of two where one is taken."""

    async def check(request: Request) -> None:
        counts = Counter(name for name, _ in (await request.form()).multi_items())
        for name, number in counts.items():
            if name not in of:
                raise Refusal(422, f"{shown(name)!r} is no field of this form; choose from {', '.join(of)}")
            if number > 1 and name not in repeatable:
                batch = "; /predict/batch takes several clips" if name == "media" else ""
                raise Refusal(422, f"{name}: is there {number} times, and one is taken{batch}")

    return Depends(check)


def _text(text: str | None) -> str | None:
    """What was written; a form sends an empty field where nothing was."""
    return text if text is not None and text.strip() else None
