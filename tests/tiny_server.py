"""A small server that speaks OpenAI's chat completions for a checkpoint, as vLLM and its kin do.

    python tests/tiny_server.py --path CHECKPOINT --port 8000 --name tiny

``--trouble`` makes it a bad one, without a model: ``dies`` before it answers, ``sleeps`` and never answers, ``echo``
answers each prompt with itself, ``dies-later`` only some of them, ``stubborn`` will not end when it is asked to.
It starts another process, in a session of its own, and writes the numbers of both to the file that ``--pids`` names.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

LOCK = threading.Lock()


class Writer:
    """A checkpoint, as transformers itself would sample it."""

    def __init__(self, path: str) -> None:
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer

        torch.set_num_threads(1)
        self.torch, self.tokenizer = torch, AutoTokenizer.from_pretrained(path)
        self.model = AutoModelForCausalLM.from_pretrained(path).eval()
        ends = self.model.generation_config.eos_token_id
        self.ends = {self.tokenizer.eos_token_id, *(ends if isinstance(ends, list) else [ends])}
        self.model.generation_config.eos_token_id = sorted(end for end in self.ends if end is not None)

    def write(self, body: dict[str, Any]) -> tuple[str, str, int, int]:
        """Text, why it ended, and the tokens of prompt and text."""
        text = self.tokenizer.apply_chat_template(body["messages"], add_generation_prompt=True, tokenize=False)
        ids = self.tokenizer(text, add_special_tokens=False, return_tensors="pt")["input_ids"]
        drawn = {}
        if body["temperature"] > 0:
            self.torch.manual_seed(body["seed"])
            drawn = {"do_sample": True, "temperature": body["temperature"], "top_p": body["top_p"], "top_k": 0}
        out = self.model.generate(ids, max_new_tokens=body["max_tokens"], pad_token_id=0, **drawn)[0, ids.shape[1] :]
        ended = int(out[-1]) in self.ends
        said = self.tokenizer.decode(out[:-1] if ended else out, skip_special_tokens=True)
        return said, "stop" if ended else "length", ids.shape[1], len(out)


class Echo:
    """No model at all. ``limit``: the answers after which it is gone."""

    def __init__(self, limit: int | None) -> None:
        self.limit = limit

    def write(self, body: dict[str, Any]) -> tuple[str, str, int, int]:
        time.sleep(0.02)
        if self.limit is not None:
            self.limit -= 1
            if self.limit < 0:
                print("out of memory, says the tiny server", flush=True)
                os._exit(3)
        return f"<think>hm</think>{body['messages'][-1]['content']} {body.get('seed')}", "stop", 3, 4


def handler(writer: Any, name: str) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.answer({"object": "list", "data": [{"id": name, "object": "model"}]})

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            if body["model"] != name:
                return self.answer({"error": {"message": f"no model {body['model']}"}}, 404)
            with LOCK:
                said, finish, prompt, tokens = writer.write(body)
            choice = {"index": 0, "finish_reason": finish, "message": {"role": "assistant", "content": said}}
            usage = {"prompt_tokens": prompt, "completion_tokens": tokens}
            return self.answer({"choices": [choice], "usage": usage})

        def answer(self, what: dict[str, Any], status: int = 200) -> None:
            content = json.dumps(what).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    return Handler


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--path")
    options.add_argument("--port", type=int, required=True)
    options.add_argument("--name", default="m")
    options.add_argument("--pids")
    options.add_argument("--trouble")
    chosen = options.parse_args()
    if chosen.pids:
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
        Path(chosen.pids).write_text(f"{os.getpid()} {child.pid}")
    if chosen.trouble == "dies":
        print("\x1b[31mno such GPU, says the tiny server", flush=True)
        sys.exit(7)
    if chosen.trouble == "sleeps":
        print("loading for ever", flush=True)
        time.sleep(600)
    if chosen.trouble == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    print("serving", flush=True)
    writer = Echo(30 if chosen.trouble == "dies-later" else None) if chosen.trouble else Writer(chosen.path)
    ThreadingHTTPServer.request_queue_size = 128  # many connect at once
    ThreadingHTTPServer(("127.0.0.1", chosen.port), handler(writer, chosen.name)).serve_forever()


if __name__ == "__main__":
    main()
