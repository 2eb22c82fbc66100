"""What laion-clap imports of torchvision, where that is not installed.

Models without fusion use none of it. It goes when laion-clap has been imported, so that
nothing else takes it for torchvision.
"""

import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.machinery import ModuleSpec
from types import ModuleType

_NAMES = {
    "torchvision": (),
    "torchvision.datasets": (),
    "torchvision.transforms": (
        "CenterCrop",
        "Compose",
        "InterpolationMode",
        "Normalize",
        "RandomResizedCrop",
        "Resize",
        "ToTensor",
    ),
    "torchvision.ops": (),
    "torchvision.ops.misc": ("FrozenBatchNorm2d",),
}


@contextmanager
def registered() -> Iterator[None]:
    """Stand in for torchvision while the block runs, if it is not installed."""
    if importlib.util.find_spec("torchvision") is not None:
        yield
        return
    for name, members in _NAMES.items():
        module = ModuleType(name)
        module.__spec__ = ModuleSpec(name, None)
        for member in members:
            setattr(module, member, type(member, (), {}))
        sys.modules[name] = module
        parent, _, child = name.rpartition(".")
        if parent:
            setattr(sys.modules[parent], child, module)
    try:
        yield
    finally:
        for name in _NAMES:
            sys.modules.pop(name, None)
