"""Shapes and types of the tensor rooms are checked while tests run; importing the product alone checks nothing."""

from jaxtyping import install_import_hook

_CHECKED = ["ravlm.tensors", "ravlm.encoders", "ravlm.fusion", "ravlm.heads", "ravlm.model.vlm", "ravlm.training.match"]
install_import_hook(_CHECKED, "beartype.beartype")
