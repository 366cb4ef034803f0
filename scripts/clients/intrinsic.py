"""What the real adapter is as an intrinsic: one of two words as JSON, and how sure the model is of it."""

SCHEMA = {"type": "string", "enum": ["answerable", "unanswerable"]}
LIKELIHOOD = {"type": "likelihood", "categories_to_values": {"answerable": 1.0, "unanswerable": 0.0}, "input_path": []}


def configuration(field, *, is_likelihood=False):
    """The contents of an io.yaml whose result is an object with one field."""
    return {
        "model": None, "response_format": SCHEMA,
        "transformations": [LIKELIHOOD] * is_likelihood + [{"type": "nest", "input_path": [], "field_name": field}],
        "instruction": None, "parameters": {"temperature": 0.0, "max_completion_tokens": 16}, "sentence_boundaries": None,
        "docs_as_message": None,
    }


def check_likelihood(expected, likelihood):
    assert (likelihood > 0.5) == (expected == "answerable") and 0 <= likelihood <= 1, (expected, likelihood)
