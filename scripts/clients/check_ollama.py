"""The `ollama` package."""

import importlib.metadata

import ollama


def run(check):
    client = ollama.Client(host=check.url)
    names = [model.model for model in client.list().models]
    assert names == [f"{check.base}:latest", "check:latest"], names
    assert [model.model for model in client.ps().models] == names
    for expected, text in check.questions.items():
        messages = [{"role": "user", "content": text}]
        for model in ["check", "check:latest"]:
            answer = client.chat(model=model, messages=messages, options={"temperature": 0, "num_predict": 16})
            assert answer.message.content == expected and answer.done_reason == "stop", answer
        parts = list(client.chat(model="check", messages=messages, options={"temperature": 0}, stream=True))
        assert "".join(part.message.content for part in parts) == expected
        base = client.generate(model=check.base, prompt=text, options={"temperature": 0, "num_predict": 16})
        assert base.response == check.run(text), base
    try:
        client.chat(model="nobody", messages=messages)
    except ollama.ResponseError as error:
        assert error.status_code == 404 and "nobody" in error.error
    else:
        raise AssertionError("an unknown model is answered")
    return f"ollama {importlib.metadata.version('ollama')}: list, ps, chat, generate, streams, errors"
