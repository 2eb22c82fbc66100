"""CLAP (Wu et al. 2023): audio and texts in one space, by laion-clap.

Nothing is downloaded: the checkpoint and the tokenizer are files that the user names,
and the SHA-256 of the checkpoint is checked before any of it is read. The weights are
read without unpickling (``weights_only``).
"""

import contextlib
import importlib.util
import pickle
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

from sunorecsys.audio import WINDOW_SECONDS
from sunorecsys.encoders import ClapFiles, torchvision_stand_in
from sunorecsys.errors import SunorecsysError, first_line
from sunorecsys.vectors import Matrix, unit_rows

DIMENSIONS = 512
# published music checkpoint, by the name that its authors gave it
ARCHITECTURES = ("HTSAT-base", "HTSAT-tiny")

# an empty tokenizer has five tokens, the whole one of RoBERTa 50,265
_LEAST_TOKENS = 1_000
_MOST_TOKENS = 50_265
# windows and texts that go through the network together: 0.3 GB on a processor
_BATCH = {"cpu": 8, "cuda": 64}
_INSTALL = (
    'laion-clap is not installed. Run "make clap", or set the encoder to another.'
)


def is_installed() -> bool:
    """Whether laion-clap and torch are there."""
    return all(importlib.util.find_spec(name) for name in ("laion_clap", "torch"))


class Clap:
    """The encoder of audio and texts; its weights are loaded when first needed."""

    name = "clap"
    is_fitted = False
    dimensions = DIMENSIONS
    sample_rate = 48_000

    def __init__(self, files: ClapFiles) -> None:
        """Check the settings.

        Raises:
            SunorecsysError: laion-clap is not installed, or a setting is missing.
        """
        if not is_installed():
            raise SunorecsysError(_INSTALL)
        if not files.checkpoint:
            raise SunorecsysError(
                "The encoder clap needs clap_checkpoint, the path of a checkpoint of "
                "laion-clap. Set it in dbt_project.yml."
            )
        sha256 = (files.sha256 or "").lower()
        if len(sha256) != 64 or set(sha256) - set("0123456789abcdef"):
            raise SunorecsysError(
                "The encoder clap needs clap_sha256, the SHA-256 that its publisher "
                "gives for clap_checkpoint: 64 hexadecimal digits. Set it in "
                "dbt_project.yml."
            )
        if files.architecture not in ARCHITECTURES:
            raise SunorecsysError(
                f"clap_architecture is {files.architecture!r}; "
                f"use {' or '.join(ARCHITECTURES)}, whichever the checkpoint is."
            )
        self._files = files
        self._sha256 = sha256
        self.version = f"{files.architecture}-{sha256[:12]}"
        self._loaded: Any = None

    def embed_texts(self, texts: Sequence[str]) -> Matrix:
        """Return one unit vector per text; what exceeds 77 tokens is left out."""
        module = self._module()
        parts = [
            module.get_text_embedding(
                texts[first : first + self._batch], tokenizer=self._tokens
            )
            for first in range(0, len(texts), self._batch)
        ]
        return _units(np.concatenate(parts)) if parts else _none()

    def embed_audio(self, clips: Sequence[Matrix]) -> Matrix:
        """Return the mean over the windows of a clip, at length 1."""
        windows = [window for clip in clips for window in clip]
        if not windows:
            return _none()
        length = WINDOW_SECONDS * self.sample_rate
        if any(len(window) != length for window in windows):
            # laion-clap would cut a longer one where chance says
            raise ValueError(f"CLAP takes windows of {length} samples.")
        module = self._module()
        vectors = np.concatenate(
            [
                module.get_audio_embedding_from_data(
                    np.stack(windows[first : first + self._batch])
                )
                for first in range(0, len(windows), self._batch)
            ]
        )
        ends = np.cumsum([len(clip) for clip in clips])[:-1]
        parts = np.split(vectors.astype(np.float64), ends)
        return _units(np.array([part.mean(axis=0) for part in parts]))

    def _tokens(self, texts: list[str]) -> Any:
        # of one length, or a vector would depend on its neighbors in the batch
        tokens = self._loaded.tokenize(
            list(texts),
            padding="max_length",
            truncation=True,
            max_length=77,
            return_tensors="pt",
        )
        return {name: value.to(self._device) for name, value in tokens.items()}

    def _module(self) -> Any:
        """Return the module with the weights, loaded when first asked for."""
        if self._loaded is None:
            import torch

            self._device = "cuda" if torch.cuda.is_available() else "cpu"
            self._batch = _BATCH[self._device]
            tokenizer = _tokenizer(self._files.tokenizer)
            weights = read_checkpoint(Path(str(self._files.checkpoint)), self._sha256)
            module = build(self._files.architecture, tokenizer, self._device)
            try:
                module.model.load_state_dict(weights)
            except RuntimeError as error:
                raise SunorecsysError(
                    f"clap_checkpoint does not fit clap_architecture "
                    f"{self._files.architecture}: {first_line(error)} Name the "
                    "architecture that it was trained with, without fusion."
                ) from error
            module.eval()
            self._loaded = module
        return self._loaded


def read_checkpoint(path: Path, sha256: str) -> dict[str, Any]:
    """Return the weights of a checkpoint by name, after its hash was checked.

    Raises:
        SunorecsysError: it is not there, is another file, is damaged, or holds more
            than numbers.
    """
    import hashlib

    import torch

    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
            if found != sha256:
                raise SunorecsysError(
                    f"{path} has the SHA-256 {found}, but clap_sha256 is {sha256}. It "
                    "is another file, or was not copied whole; nothing of it was "
                    "loaded. Fetch it again, or correct clap_sha256 if you trust it."
                )
            file.seek(0)
            with torch.serialization.safe_globals(_numpy_scalars()):
                read = torch.load(file, map_location="cpu", weights_only=True)
    except OSError as error:
        raise SunorecsysError(
            f"clap_checkpoint, {path}, cannot be read: {error.strerror or error}."
        ) from error
    except (
        RuntimeError,
        EOFError,
        ValueError,
        KeyError,
        pickle.UnpicklingError,
    ) as error:
        raise SunorecsysError(
            f"{path} is damaged, or no checkpoint of torch: {first_line(error)} "
            "Fetch it again."
        ) from error
    weights = read.get("state_dict", read) if isinstance(read, dict) else None
    if not weights or not all(
        isinstance(value, torch.Tensor) for value in weights.values()
    ):
        raise SunorecsysError(f"{path} holds no weights by name; name another file.")
    weights = {name.removeprefix("module."): value for name, value in weights.items()}
    # the model makes these itself
    weights.pop("text_branch.embeddings.position_ids", None)
    return weights


def _numpy_scalars() -> list[Any]:
    """Return what published checkpoints hold beside tensors: the best loss so far."""
    scalar = np.float64(0).__reduce__()[0]
    return [
        (scalar, "numpy.core.multiarray.scalar"),
        scalar,
        np.dtype,
        type(np.dtype(np.float64)),
    ]


def build(architecture: str, tokenizer: Any, device: str) -> Any:
    """Return laion-clap's own module without trained weights, and without a network."""
    from transformers import RobertaConfig, RobertaModel

    def roberta(*_: Any, **__: Any) -> Any:
        return RobertaModel(
            RobertaConfig(
                vocab_size=_MOST_TOKENS,
                max_position_embeddings=514,
                type_vocab_size=1,
                layer_norm_eps=1e-5,
            )
        )

    with _offline(tokenizer, roberta), torchvision_stand_in.registered():
        path = list(sys.path)
        # laion-clap puts its own folder there
        import laion_clap

        try:
            # it says on stdout what it does
            with contextlib.redirect_stdout(sys.stderr):
                return laion_clap.CLAP_Module(
                    enable_fusion=False, amodel=architecture, device=device
                )
        finally:
            sys.path[:] = path


@contextlib.contextmanager
def _offline(tokenizer: Any, roberta: Any) -> Iterator[None]:
    """Keep laion-clap from asking for models and tokenizers of the network."""
    import transformers

    with contextlib.ExitStack() as stack:
        for name in ("BertTokenizer", "RobertaTokenizer", "BartTokenizer"):
            stack.enter_context(
                mock.patch.object(
                    getattr(transformers, name),
                    "from_pretrained",
                    return_value=tokenizer,
                )
            )
        stack.enter_context(
            mock.patch.object(transformers.RobertaModel, "from_pretrained", roberta)
        )
        yield


def _tokenizer(folder: str | None) -> Any:
    """Return RoBERTa's tokenizer from a local folder.

    Raises:
        SunorecsysError: the folder does not hold it.
    """
    cure = (
        "Copy vocab.json and merges.txt of roberta-base into a folder and name it as "
        "clap_tokenizer in dbt_project.yml."
    )
    if not folder:
        raise SunorecsysError(f"The encoder clap needs a tokenizer. {cure}")
    for name in ("vocab.json", "merges.txt"):
        if not (Path(folder) / name).is_file():
            raise SunorecsysError(f"clap_tokenizer, {folder}, has no {name}. {cure}")
    from transformers import RobertaTokenizer

    try:
        tokenizer = RobertaTokenizer.from_pretrained(folder, local_files_only=True)
    except Exception as error:
        raise SunorecsysError(
            f"clap_tokenizer, {folder}, cannot be read: {first_line(error)} {cure}"
        ) from error
    # a tokenizer without words is no error to transformers
    if not _LEAST_TOKENS < len(tokenizer) <= _MOST_TOKENS:
        raise SunorecsysError(
            f"clap_tokenizer, {folder}, knows {len(tokenizer):,} tokens; that of "
            f"roberta-base knows {_MOST_TOKENS:,}. {cure}"
        )
    return tokenizer


def _units(vectors: Matrix) -> Matrix:
    return unit_rows(vectors.astype(np.float64)).astype(np.float32)


def _none() -> Matrix:
    return np.zeros((0, DIMENSIONS), dtype=np.float32)
