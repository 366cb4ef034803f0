"""The `litellm` package, as a client of OpenAI's API and of Ollama's."""

import importlib.metadata
import os

# It asks the network for a table of prices otherwise.
os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"

import litellm


def run(check):
    for expected, text in check.questions.items():
        for model, base in [("openai/check", f"{check.url}/v1"), ("ollama_chat/check", check.url)]:
            answer = litellm.completion(
                model=model, api_base=base, api_key="none", messages=[{"role": "user", "content": text}],
                temperature=0, max_tokens=16,
            )
            assert answer.choices[0].message.content == expected, answer
        parts = litellm.completion(
            model="openai/check", api_base=f"{check.url}/v1", api_key="none",
            messages=[{"role": "user", "content": text}], temperature=0, stream=True,
        )
        assert "".join(part.choices[0].delta.content or "" for part in parts) == expected
    try:
        litellm.completion(
            model="openai/nobody", api_base=f"{check.url}/v1", api_key="none", messages=[{"role": "user", "content": "x"}]
        )
    except litellm.NotFoundError:
        pass
    else:
        raise AssertionError("an unknown model is answered")
    return f"litellm {importlib.metadata.version('litellm')}: OpenAI's API and Ollama's, streams, errors"
