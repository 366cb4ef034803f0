"""`granite-common`: an intrinsic's request, whose model is the adapter's name, and what it makes of the answer."""

import importlib.metadata
import json

import granite_common
import openai

from intrinsic import check_likelihood, configuration


def run(check):
    client = openai.OpenAI(base_url=f"{check.url}/v1", api_key="none", max_retries=0)

    def result(config, text):
        rewriter = granite_common.IntrinsicsRewriter(config_dict=config, model_name="check")
        request = rewriter.transform(
            granite_common.ChatCompletion.model_validate(
                {
                    "messages": [{"role": "user", "content": text}],
                    "extra_body": {"documents": [{"doc_id": "1", "text": "The lighthouse is 41 metres high."}]},
                }
            )
        )
        answer = client.chat.completions.create(**request.model_dump())
        processor = granite_common.IntrinsicsResultProcessor(config_dict=config)
        processed = processor.transform(answer.model_dump(), request)
        return json.loads(processed.choices[0].message.content)

    for expected, text in check.questions.items():
        assert result(configuration("answerability"), text) == {"answerability": expected}
        # It finds the value's token by its place in the text.
        check_likelihood(expected, result(configuration("likelihood", is_likelihood=True), text)["likelihood"])
    return f"granite-common {importlib.metadata.version('granite-common')}: an answer with a schema, likelihoods"
