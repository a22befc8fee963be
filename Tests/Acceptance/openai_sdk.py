"""The OpenAI Python SDK against a running node, with a real model.

    openai_sdk.py BASE_URL

Nothing is assumed of what the model says, only of what every server must keep to: shapes, limits, errors, streams.
"""

import asyncio
import base64
import json
import math
import struct
import sys
import threading
import traceback

import openai

BASE = sys.argv[1].rstrip("/") + "/v1"
client = openai.OpenAI(base_url=BASE, api_key="unused", timeout=120, max_retries=2)
MODEL = client.models.list().data[0].id
ASK = [{"role": "user", "content": "Name three colours."}]
CHECKS = []


def check(function):
    CHECKS.append(function)
    return function


def refused(expected, call, **arguments):
    try:
        call(**arguments)
    except expected as error:
        return error
    raise AssertionError(f"{arguments} was accepted; expected {expected.__name__}")


@check
def the_model_list_names_the_model():
    assert client.models.retrieve(MODEL).id == MODEL
    assert refused(openai.NotFoundError, client.models.retrieve, model="no-such-model").code == "model_not_found"


@check
def a_chat_answers_with_usage():
    answer = client.chat.completions.create(model=MODEL, messages=ASK, max_completion_tokens=16)
    choice = answer.choices[0]
    assert choice.message.role == "assistant" and choice.message.content
    assert choice.finish_reason in ("stop", "length")
    assert 0 < answer.usage.completion_tokens <= 16
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens


@check
def greedy_is_repeatable_and_streaming_says_the_same():
    options = dict(model=MODEL, messages=ASK, max_tokens=24, temperature=0)
    whole = client.chat.completions.create(**options).choices[0].message.content
    chunks = list(client.chat.completions.create(**options, stream=True, stream_options={"include_usage": True}))
    text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    assert text == whole, (text, whole)
    assert chunks[-1].usage.completion_tokens <= 24 and not chunks[-1].choices
    assert [c.choices[0].finish_reason for c in chunks if c.choices and c.choices[0].finish_reason]


@check
def a_seed_repeats_an_answer_in_any_company():
    options = dict(model=MODEL, messages=ASK, max_tokens=20, temperature=1, seed=7)
    alone = client.chat.completions.create(**options).choices[0].message.content
    answers = [None] * 6

    def ask(index):
        seed = 7 if index % 2 == 0 else index
        answers[index] = client.chat.completions.create(**{**options, "seed": seed}).choices[0].message.content

    threads = [threading.Thread(target=ask, args=(i,)) for i in range(6)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    assert {answers[0], answers[2], answers[4]} == {alone}, (alone, answers)


@check
def several_choices_differ():
    answer = client.chat.completions.create(model=MODEL, messages=ASK, n=3, max_tokens=12, temperature=1.2, seed=1)
    assert sorted(c.index for c in answer.choices) == [0, 1, 2]
    assert len({c.message.content for c in answer.choices}) > 1


@check
def stop_sequences_are_never_seen():
    options = dict(model=MODEL, messages=[{"role": "user", "content": "Count: 1, 2, 3, 4, 5, 6, 7, 8."}], max_tokens=60)
    free = client.chat.completions.create(**options, temperature=0).choices[0].message.content
    if len(free) < 12:
        return
    stop = free[5:9]
    cut = client.chat.completions.create(**options, temperature=0, stop=[stop])
    assert stop not in cut.choices[0].message.content
    assert cut.choices[0].message.content == free[: free.index(stop)]
    assert cut.choices[0].finish_reason == "stop"


@check
def log_probabilities_are_probabilities():
    answer = client.chat.completions.create(model=MODEL, messages=ASK, max_tokens=8, logprobs=True, top_logprobs=5)
    tokens = answer.choices[0].logprobs.content
    assert len(tokens) == answer.usage.completion_tokens or answer.choices[0].finish_reason == "stop"
    for token in tokens:
        assert token.logprob <= 1e-6 and len(token.top_logprobs) == 5
        assert sum(math.exp(t.logprob) for t in token.top_logprobs) <= 1.001
        assert [t.logprob for t in token.top_logprobs] == sorted((t.logprob for t in token.top_logprobs), reverse=True)


@check
def json_mode_and_json_schema_give_json():
    ask = [{"role": "user", "content": "Describe a person named Ada, 36, as JSON."}]
    schema = {
        "type": "object",
        "properties": {"name": {"type": "string", "maxLength": 20}, "age": {"type": "integer", "minimum": 0, "maximum": 150}},
        "required": ["name", "age"],
        "additionalProperties": False,
    }
    answer = client.chat.completions.create(
        model=MODEL, messages=ask, max_tokens=80,
        response_format={"type": "json_schema", "json_schema": {"name": "person", "schema": schema, "strict": True}})
    person = json.loads(answer.choices[0].message.content)
    assert list(person) == ["name", "age"] and 0 <= person["age"] <= 150, person
    answer = client.chat.completions.create(
        model=MODEL, messages=ask, max_tokens=200, temperature=0, response_format={"type": "json_object"})
    if answer.choices[0].finish_reason == "stop":
        assert isinstance(json.loads(answer.choices[0].message.content), dict)


@check
def a_required_tool_is_called_with_valid_arguments():
    tool = {
        "type": "function",
        "function": {
            "name": "get_weather",
            "description": "The weather of a city",
            "parameters": {
                "type": "object",
                "properties": {"city": {"type": "string", "maxLength": 30}, "unit": {"enum": ["c", "f"]}},
                "required": ["city", "unit"],
                "additionalProperties": False,
            },
        },
    }
    ask = [{"role": "user", "content": "What is the weather in Paris?"}]
    options = dict(model=MODEL, messages=ask, tools=[tool], tool_choice="required", max_tokens=120, temperature=0)
    answer = client.chat.completions.create(**options)
    call = answer.choices[0].message.tool_calls[0]
    assert answer.choices[0].finish_reason == "tool_calls" and call.function.name == "get_weather" and call.id
    assert json.loads(call.function.arguments)["unit"] in ("c", "f")
    pieces = [c.choices[0].delta for c in client.chat.completions.create(**options, stream=True) if c.choices]
    first = [t for p in pieces for t in p.tool_calls or [] if t.index == 0]
    arguments = "".join(t.function.arguments or "" for t in first)
    assert json.loads(arguments) == json.loads(call.function.arguments)
    follow_up = ask + [
        answer.choices[0].message.model_dump(exclude_none=True),
        {"role": "tool", "tool_call_id": call.id, "content": "21 degrees"},
    ]
    assert client.chat.completions.create(model=MODEL, messages=follow_up, tools=[tool], max_tokens=16).choices


@check
def completions_echo_score_and_batch():
    answer = client.completions.create(model=MODEL, prompt="The capital of France is", echo=True, logprobs=2, max_tokens=1)
    scores = answer.choices[0].logprobs
    assert answer.choices[0].text.startswith("The capital of France is")
    assert scores.token_logprobs[0] is None and all(x <= 1e-6 for x in scores.token_logprobs[1:])
    assert len(scores.tokens) == len(scores.token_logprobs) == len(scores.text_offset) == len(scores.top_logprobs)
    batch = client.completions.create(model=MODEL, prompt=["One", "Two"], n=2, max_tokens=4)
    assert [c.index for c in batch.choices] == [0, 1, 2, 3]
    tokens = client.completions.create(model=MODEL, prompt=[[1, 2, 3], [4, 5]], max_tokens=2, echo=True, logprobs=1)
    assert [len(c.logprobs.tokens) for c in tokens.choices] and tokens.usage.prompt_tokens == 5


@check
def responses_create_and_stream():
    answer = client.responses.create(model=MODEL, input="Say hello.", max_output_tokens=16, temperature=0)
    assert answer.output_text and answer.usage.output_tokens <= 16
    kinds, text = [], ""
    for event in client.responses.create(model=MODEL, input="Say hello.", max_output_tokens=16, temperature=0, stream=True):
        kinds.append(event.type)
        text += event.delta if event.type == "response.output_text.delta" else ""
    assert kinds[0] == "response.created" and kinds[-1] in ("response.completed", "response.incomplete")
    assert text == answer.output_text


@check
def embeddings_agree_in_both_encodings():
    texts = ["a cat", "a kitten", "stock market"]
    plain = client.embeddings.create(model=MODEL, input=texts, encoding_format="float").data
    packed = client.embeddings.create(model=MODEL, input=texts, encoding_format="base64").data
    for one, other in zip(plain, packed):
        raw = base64.b64decode(other.embedding)
        unpacked = struct.unpack(f"<{len(raw) // 4}f", raw)
        assert len(unpacked) == len(one.embedding)
        assert max(abs(a - b) for a, b in zip(unpacked, one.embedding)) < 1e-5
        assert abs(sum(x * x for x in one.embedding) - 1) < 1e-3
    short = client.embeddings.create(model=MODEL, input="a cat", dimensions=32).data[0].embedding
    assert len(short) == 32


@check
def wrong_requests_are_told_what_is_wrong():
    create = client.chat.completions.create
    assert refused(openai.NotFoundError, create, model="gpt-none", messages=ASK).code == "model_not_found"
    assert refused(openai.BadRequestError, create, model=MODEL, messages=[]).param == "messages"
    assert refused(openai.BadRequestError, create, model=MODEL, messages=ASK, temperature=9).param == "temperature"
    assert refused(openai.BadRequestError, create, model=MODEL, messages=ASK, top_p=-1).param == "top_p"
    long = [{"role": "user", "content": "word " * 400_000}]
    assert refused(openai.BadRequestError, create, model=MODEL, messages=long).code == "context_length_exceeded"


@check
def an_abandoned_stream_frees_its_place():
    for _ in range(12):
        stream = client.chat.completions.create(model=MODEL, messages=ASK, max_tokens=2000, stream=True)
        next(iter(stream))
        stream.close()
    assert client.chat.completions.create(model=MODEL, messages=ASK, max_tokens=4).choices


@check
def sixty_four_at_once_are_answered():
    async def main():
        patient = openai.AsyncOpenAI(base_url=BASE, api_key="unused", timeout=240, max_retries=20)
        answers = await asyncio.gather(
            *(patient.chat.completions.create(model=MODEL, messages=ASK, max_tokens=8) for _ in range(64)))
        assert all(a.choices[0].message.content is not None for a in answers)

    asyncio.run(main())


failed = 0
for function in CHECKS:
    try:
        function()
        print(f"ok      {function.__name__}", flush=True)
    except Exception:
        failed += 1
        print(f"FAILED  {function.__name__}\n{traceback.format_exc()}", flush=True)
print(f"{len(CHECKS) - failed} passed, {failed} failed", flush=True)
sys.exit(1 if failed else 0)
