"""Runs the llama-server in xllamacpp until standard input ends; prints its address.

    start_xllamacpp.py MODEL ADAPTER …
"""

import sys

import xllamacpp

parameters = xllamacpp.CommonParams()
parameters.model.path, parameters.n_ctx, parameters.n_parallel = sys.argv[1], 2048, 1
parameters.lora_init_without_apply = True
loaded = []
for path in sys.argv[2:]:
    information = xllamacpp.CommonAdapterLoraInfo()
    information.path, information.scale = path, 1.0
    loaded.append(information)
parameters.lora_adapters = loaded
server = xllamacpp.Server(parameters)
print(server.listening_address, flush=True)
sys.stdin.read()
