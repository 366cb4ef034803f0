"""`mellea`: sessions on OpenAI's API and on Ollama's, and intrinsics."""

import importlib.metadata
import json
import logging
import os
import pathlib
import tempfile

os.environ.setdefault("MELLEA_LOG_LEVEL", "ERROR")

from intrinsic import check_likelihood, configuration
from server import serving

INTRINSICS = {"answerability": configuration("answerability"), "uncertainty": configuration("certainty", is_likelihood=True)}


def run(check):
    logging.disable(logging.INFO)
    chats(check)
    with (
        tempfile.TemporaryDirectory() as folder,
        serving(check.alora, check.model, {name: check.adapter for name in INTRINSICS}) as server,
    ):
        write_index(pathlib.Path(folder))
        intrinsics(check, server, folder)
    return f"mellea {importlib.metadata.version('mellea')}: chats by OpenAI's API and by Ollama's, RAG intrinsics"


def chats(check):
    from mellea import MelleaSession
    from mellea.backends import ModelOption
    from mellea.backends.ollama import OllamaModelBackend
    from mellea.backends.openai import OpenAIBackend
    from mellea.stdlib.context import ChatContext

    options = {ModelOption.TEMPERATURE: 0.0, ModelOption.MAX_NEW_TOKENS: 16}
    backends = {
        "OpenAI": OpenAIBackend(model_id="check", base_url=f"{check.url}/v1", api_key="none"),
        "Ollama": OllamaModelBackend(model_id="check:latest", base_url=check.url),
    }
    for name, backend in backends.items():
        for expected, text in check.questions.items():
            session = MelleaSession(backend, ctx=ChatContext())
            answer = session.chat(text, model_options=options)
            assert answer.content == expected, (name, answer)


def write_index(folder):
    """What mellea reads of a model with adapters. JSON is YAML, too."""
    entries = []
    for name, config in INTRINSICS.items():
        path = folder / "io_configs" / name / "io.yaml"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(config), encoding="utf-8")
        entries.append({"adapter_name": name, "technology": "alora", "io_config": str(path.relative_to(folder))})
    (folder / "adapter_index.json").write_text(json.dumps({"adapters": entries}), encoding="utf-8")


def intrinsics(check, server, folder):
    from mellea.backends.openai import OpenAIBackend
    from mellea.stdlib.components import Message
    from mellea.stdlib.components.intrinsic import rag
    from mellea.stdlib.components.intrinsic._util import call_intrinsic
    from mellea.stdlib.context import ChatContext

    backend = OpenAIBackend(
        model_id=server["base"][0], base_url=f"{server['url']}/v1", api_key="none", load_embedded_adapters=True,
        adapter_source=folder,
    )
    for expected, text in check.questions.items():
        document, _, question = text.partition("\n\nQuestion: ")
        found = rag.check_answerability(text, [document], ChatContext(), backend)
        assert found == expected, (question, found)
        result = call_intrinsic("uncertainty", ChatContext().add(Message("user", text)), backend)
        check_likelihood(expected, result["certainty"])
