"""The model card that `save_pretrained` writes: what a reader of the folder wants to know."""

CARD = """---
{{ card_data }}
---

# {{ class_name }}

An encoder of ravlm {{ version }}, kind `{{ encoder.kind }}`.

| | |
|---|---|
| made from | {{ encoder.origin or "no other model: its weights began at random" }}{% if encoder.revision %}, \
revision `{{ encoder.revision }}`{% endif %} |
| parameters | {{ "{:,}".format(parameters) }}, of which {{ "{:,}".format(learning) }} learn (trainable: \
{{ encoder.trainable }}) |
| tokens | [b, n, {{ encoder.width }}] |
| pooled | [b, {{ encoder.pooled_width }}] |
| fingerprint | `{{ fingerprint }}` |

```python
from ravlm import load_encoder

encoder = load_encoder("FOLDER")
```

Settings:

```json
{{ settings }}
```
"""
