"""Programs written by a running node, with a real model.

    code_generation.py BASE_URL NODE_PID [MODEL]

Nothing is assumed of what the model writes, only of what every search must keep to: its events, its budget, fair turns,
an end when the client leaves. With a NODE_PID the node is killed at the end, in the middle of a search, and nothing of it
may be left. NODE_PID 0 leaves the node alone.
"""

import http.client
import json
import os
import signal
import sys
import threading
import time
import urllib.parse

BASE = urllib.parse.urlparse(sys.argv[1])
NODE = int(sys.argv[2])
TASK = {
    "task": "Write a function to find the shared elements of two lists, sorted.",
    "tests": ["assert shared([3, 4, 5, 6], [5, 7, 4, 10]) == [4, 5]"],
    "budget": {"tokens": 200, "seconds": 120},
}
if len(sys.argv) > 3:
    TASK["model"] = sys.argv[3]


def call(path, body, timeout=600, method="POST", headers={}):
    connection = http.client.HTTPConnection(BASE.hostname, BASE.port, timeout=timeout)
    connection.request(method, path, json.dumps(body), {"content-type": "application/json", **headers})
    return connection, connection.getresponse()


def events(body):
    connection, response = call("/v1/prsm/code", {**body, "stream": True})
    assert response.status == 200, (response.status, response.read())
    found, name = [], None
    for line in response:
        line = line.decode().rstrip("\n")
        if line.startswith("event: "):
            name = line[7:]
        elif line.startswith("data: ") and line != "data: [DONE]":
            found.append((name, json.loads(line[6:])))
    connection.close()
    return found


def a_search_tells_what_it_does():
    found = events(TASK)
    names = [name for name, _ in found]
    assert names[0] == "started" and names[-1] == "result", names
    assert "candidate" in names and "progress" in names, names
    result = found[-1][1]
    assert result["cost"]["generated_tokens"] <= 200, result
    assert result["passes"] == (result["ending"] == "passed"), result
    for name, data in found:
        if name == "candidate":
            assert data["runs"] and isinstance(data["runs"][0]["trace"], list), data


def a_search_may_be_asked_for_as_a_whole():
    _, response = call("/v1/prsm/code", TASK)
    result = json.loads(response.read())
    assert response.status == 200 and result["object"] == "prsm.code", result


def what_is_wrong_is_named():
    for change, parameter in (
        ({"task": ""}, "task"), ({"tests": [1]}, "tests[0]"), ({"gammas": [99]}, "gammas"), ({"styles": ["x"]}, "styles"),
        ({"budget": {"tokens": 1}}, "budget.tokens"), ({"nonsense": 1}, "nonsense"),
    ):
        _, response = call("/v1/prsm/code", {**TASK, **change})
        error = json.loads(response.read())["error"]
        assert response.status == 400 and error["param"] == parameter, (change, error)
    _, response = call("/v1/prsm/code", {**TASK, "model": "no-such-model"})
    assert response.status == 404, response.status


def a_program_runs_by_itself():
    _, response = call("/v1/prsm/execute", {"program": "def f(x):\n    return x + 1\nprint(f(1))", "trace": True})
    result = json.loads(response.read())
    assert result["outcome"] == "completed" and result["stdout"] == "2\n" and result["trace"], result
    _, response = call("/v1/prsm/execute", {"program": "import socket\nsocket.socket()"})
    assert json.loads(response.read())["outcome"] == "blocked_system_call"
    _, response = call("/v1/prsm/execute", {"program": "def f(x): return x", "test": "assert f(1) == 2"})
    assert json.loads(response.read())["outcome"] == "failed"


def chat_with_the_virtual_model_gives_a_program():
    model = "egcfg:" + (TASK.get("model") or models()[0])
    content = TASK["task"] + "\n" + TASK["tests"][0]
    body = {"model": model, "messages": [{"role": "user", "content": content}], "seed": 1}
    _, response = call("/v1/chat/completions", body)
    answer = json.loads(response.read())
    assert response.status == 200, answer
    text = answer["choices"][0]["message"]["content"]
    assert text.startswith("```python") or "No program" in text, text
    assert answer["usage"]["completion_tokens"] > 0, answer
    for more in ({"stop": "return"}, {"logprobs": True}):
        _, response = call("/v1/chat/completions", {**body, **more})
        assert response.status == 400, (more, response.status)
        assert json.loads(response.read())["error"]["param"] == list(more)[0], more


def models():
    connection = http.client.HTTPConnection(BASE.hostname, BASE.port, timeout=60)
    connection.request("GET", "/v1/models")
    return [model["id"] for model in json.loads(connection.getresponse().read())["data"]]


def sixteen_at_once_are_all_served():
    results, failures = [], []

    def one(number):
        try:
            results.append(events({**TASK, "budget": {"tokens": 48, "seconds": 300}, "seed": number})[-1])
        except Exception as error:  # noqa: BLE001
            failures.append(repr(error))

    threads = [threading.Thread(target=one, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures, failures[:3]
    assert len(results) == 16 and all(name == "result" for name, _ in results), results


def a_search_that_is_to_finish_gives_what_it_has_found():
    name = f"finish-{time.time_ns()}"
    task = {**TASK, "tests": ["assert shared([1], [2]) == 'never'"], "budget": {"tokens": 20000, "seconds": 600}, "stream": True}
    connection, response = call("/v1/prsm/code", task, headers={"x-request-id": name})
    seen = b""
    while b"event: candidate" not in seen:
        seen += response.read1(4096)
    _, missing = call("/v1/prsm/code/" + name + "x", None, method="DELETE")
    assert missing.status == 404, missing.status
    began = time.time()
    _, answer = call("/v1/prsm/code/" + name, None, method="DELETE")
    assert answer.status == 200 and json.loads(answer.read())["finishing"] is True, answer.status
    seen += response.read()
    connection.close()
    result = json.loads(seen.split(b"event: result\ndata: ")[1].split(b"\n")[0])
    assert result["program"] and not result["passes"] and result["ending"] == "seconds", result
    assert time.time() - began < 10, time.time() - began


def those_beyond_the_queue_are_told_to_come_back():
    statuses, connections, lock = [], [], threading.Lock()

    def one():
        connection, response = call("/v1/prsm/code", {**TASK, "budget": {"tokens": 20000, "seconds": 600}, "stream": True})
        with lock:
            statuses.append((response.status, response.getheader("retry-after")))
            connections.append(connection)

    threads = [threading.Thread(target=one, daemon=True) for _ in range(40)]
    for thread in threads:
        thread.start()
    deadline = time.time() + 60
    while time.time() < deadline and not any(status == 429 for status, _ in statuses):
        time.sleep(0.1)
    refused = [retry for status, retry in statuses if status == 429]
    assert refused and all(refused), statuses
    for connection in connections:
        connection.close()
    # Those that left make room: a search is answered soon.
    for thread in threads:
        thread.join(1)
    began = time.time()
    assert events({**TASK, "budget": {"tokens": 32, "seconds": 60}})[-1][0] == "result"
    assert time.time() - began < 120, time.time() - began


def children(process):
    found, folder = [], f"/proc/{process}/task"
    for task in os.listdir(folder):
        with open(f"{folder}/{task}/children") as file:
            for child in map(int, file.read().split()):
                found += [child] + children(child)
    return found


def a_node_that_is_killed_leaves_nothing():
    if NODE == 0:
        return
    connection, response = call("/v1/prsm/code", {**TASK, "budget": {"tokens": 20000, "seconds": 600}, "stream": True})
    seen = b""
    while b"event: candidate" not in seen:
        seen += response.read1(4096)
    left = children(NODE)
    assert left, "there is no sandbox to be left"
    os.kill(NODE, signal.SIGKILL)
    deadline = time.time() + 10
    while left and time.time() < deadline:
        time.sleep(0.05)
        left = [process for process in left if os.path.exists(f"/proc/{process}") and state(process) != "Z"]
    connection.close()
    assert not left, left


def state(process):
    try:
        with open(f"/proc/{process}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0]
    except OSError:
        return "Z"


CHECKS = [
    a_search_tells_what_it_does, a_search_may_be_asked_for_as_a_whole, what_is_wrong_is_named, a_program_runs_by_itself,
    a_search_that_is_to_finish_gives_what_it_has_found, chat_with_the_virtual_model_gives_a_program,
    sixteen_at_once_are_all_served, those_beyond_the_queue_are_told_to_come_back, a_node_that_is_killed_leaves_nothing,
]

failed = 0
for check in CHECKS:
    began = time.time()
    try:
        check()
        print(f"pass  {check.__name__.replace('_', ' ')}  ({time.time() - began:.1f} s)", flush=True)
    except Exception as error:  # noqa: BLE001
        failed += 1
        print(f"FAIL  {check.__name__.replace('_', ' ')}: {error!r}", flush=True)
sys.exit(1 if failed else 0)
