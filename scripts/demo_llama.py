"""Loads a model and an adapter into a real llama.cpp and compares the invocation tokens that it reads.

usage: demo_llama.py MODEL.gguf ADAPTER.gguf "[1, 2, 3]"
"""
import json
import os
import sys
import urllib.request

import xllamacpp

model, adapter, expected = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
info = xllamacpp.CommonAdapterLoraInfo()
info.path, info.scale = adapter, 1.0
params = xllamacpp.CommonParams()
params.model.path, params.lora_adapters, params.n_ctx, params.warmup = model, [info], 512, False
params.cpuparams.n_threads = min(2, os.cpu_count() or 1)

# llama.cpp writes its log to descriptor 2; it is kept for the case that something goes wrong.
sys.stderr.flush()
saved, log = os.dup(2), os.open(adapter + ".llama.log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
os.dup2(log, 2)
try:
    server = xllamacpp.Server(params)  # on a port of its own on 127.0.0.1
    with urllib.request.urlopen(server.listening_address + "/lora-adapters") as response:
        loaded = json.load(response)
    del server
except Exception as error:
    os.dup2(saved, 2)
    sys.exit(f"llama.cpp does not load it: {error} (log: {adapter}.llama.log)")
os.dup2(saved, 2)

print(json.dumps(loaded[0], indent=2))
if len(loaded) != 1 or loaded[0]["alora_invocation_tokens"] != expected:
    sys.exit(f"llama.cpp reads other invocation tokens than the file holds: {expected}")
print(f"llama.cpp accepts the file and reads the same invocation tokens: {expected}")
