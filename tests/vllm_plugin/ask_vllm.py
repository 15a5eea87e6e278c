"""Runs in an environment with vLLM: reads jobs from a file, writes the tokens that vLLM generated; no test by itself.

A job: folder, prompts (token ids), tokens (how many), ranks, and for multi-LoRA one adapter folder a prompt.
"""

import json
import os
import sys
from pathlib import Path

os.environ |= {"VLLM_NO_USAGE_STATS": "1", "HF_HUB_OFFLINE": "1"}
os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", "1")  # GiB


def run(job):
    from vllm import LLM, SamplingParams
    from vllm.lora.request import LoRARequest

    if job["ranks"] > 1:  # one core each: left alone, vLLM wants a memory node for every rank
        os.environ["VLLM_CPU_OMP_THREADS_BIND"] = "|".join(map(str, range(job["ranks"])))
    adapters = job.get("adapters")
    options = {"enable_lora": True, "max_loras": len(set(adapters)), "max_lora_rank": 8} if adapters else {}
    llm = LLM(
        job["folder"],
        dtype="float32",
        enforce_eager=True,
        skip_tokenizer_init=True,
        max_model_len=128,
        max_num_seqs=4,
        tensor_parallel_size=job["ranks"],
        **options,
    )
    sampling = SamplingParams(temperature=0, max_tokens=job["tokens"], ignore_eos=True, detokenize=False)
    requests = None
    if adapters:
        requests = [LoRARequest(Path(each).name, number + 1, each) for number, each in enumerate(adapters)]
    prompts = [{"prompt_token_ids": prompt} for prompt in job["prompts"]]
    answers = llm.generate(prompts, sampling, lora_request=requests, use_tqdm=False)
    llm.llm_engine.engine_core.shutdown()
    return [list(answer.outputs[0].token_ids) for answer in answers]


if __name__ == "__main__":
    jobs, out = map(Path, sys.argv[1:])
    out.write_text(json.dumps([run(job) for job in json.loads(jobs.read_text())]))
