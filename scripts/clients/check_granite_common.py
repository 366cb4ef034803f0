"""`granite-common`: an intrinsic's request, whose model is the adapter's name."""

import importlib.metadata

import granite_common
import openai


def run(check):
    client = openai.OpenAI(base_url=f"{check.url}/v1", api_key="none", max_retries=0)
    config = {
        "model": None, "response_format": None, "transformations": None, "instruction": None, "sentence_boundaries": None,
        "docs_as_message": None, "parameters": {"temperature": 0.0, "max_completion_tokens": 16},
    }
    rewriter = granite_common.IntrinsicsRewriter(config_dict=config, model_name="check")
    for expected, text in check.questions.items():
        request = rewriter.transform(
            granite_common.ChatCompletion.model_validate(
                {
                    "messages": [{"role": "user", "content": text}],
                    "extra_body": {"documents": [{"doc_id": "1", "text": "The lighthouse is 41 metres high."}]},
                }
            )
        )
        answer = client.chat.completions.create(**request.model_dump())
        assert answer.choices[0].message.content == expected, answer
    return f"granite-common {importlib.metadata.version('granite-common')}: rewritten requests, without a response format"
