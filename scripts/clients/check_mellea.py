"""`mellea`: sessions on OpenAI's API and on Ollama's."""

import importlib.metadata
import os

os.environ.setdefault("MELLEA_LOG_LEVEL", "ERROR")


def run(check):
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
    return f"mellea {importlib.metadata.version('mellea')}: chats by OpenAI's API and by Ollama's"
