"""The `openai` package."""

import openai


def run(check):
    client = openai.OpenAI(base_url=f"{check.url}/v1", api_key="none", max_retries=0)
    assert [model.id for model in client.models.list()] == [check.base, "check"]
    for expected, text in check.questions.items():
        messages = [{"role": "user", "content": text}]
        answer = client.chat.completions.create(
            model="check", messages=messages, temperature=0, max_tokens=16, logprobs=True, top_logprobs=5
        )
        choice = answer.choices[0]
        assert choice.message.content == expected, choice
        assert "".join(token.token for token in choice.logprobs.content) == expected
        assert choice.finish_reason == "stop" and answer.usage.total_tokens > 50
        stream = client.chat.completions.create(
            model="check", messages=messages, temperature=0, stream=True, stream_options={"include_usage": True}
        )
        chunks = list(stream)
        assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == expected
        assert chunks[-1].usage.prompt_tokens_details.cached_tokens > 0
        base = client.chat.completions.create(model=check.base, messages=messages, temperature=0, max_tokens=16)
        assert base.choices[0].message.content == check.run(text), base
        named = client.chat.completions.create(
            model=check.base, messages=messages, temperature=0, max_tokens=16,
            extra_body={"chat_template_kwargs": {"adapter_name": "check"}},
        )
        assert named.choices[0].message.content == expected
    texts = client.completions.create(model=check.base, prompt=["Once", "Twice"], max_tokens=4, temperature=0)
    assert [choice.index for choice in texts.choices] == [0, 1]
    for error, arguments in [
        (openai.NotFoundError, {"model": "nobody"}), (openai.BadRequestError, {"model": "check", "n": 1000}),
        (openai.BadRequestError, {"model": "check", "frequency_penalty": 1}),
    ]:
        try:
            client.chat.completions.create(messages=messages, **arguments)
        except error as found:
            assert found.body["message"] and found.type and found.code, found.body
        else:
            raise AssertionError(f"{arguments} is not refused")
    return f"openai {openai.__version__}: chats, streams, log-probabilities, texts, errors"
