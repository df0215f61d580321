#!/usr/bin/env python3
"""Measure matrix products, grouped products, attention, memory and host copies on one NVIDIA GPU with PyTorch.

    tools/measure_kernels.py OUT.csv [--kind gemm,grouped,prefill,decode,copy] [--seconds 0.4]

writes rows in the form of docs/measured.md (kernels), one a shape, and everything that was read beside them to OUT.json.
How a row is measured:
- Random normal data (zeros draw less power and run faster); fp8 with one scale a tensor, bf16 out.
- Operands in sets that are used in turn, more than four times the L2 cache in all: every launch finds its operands in
  memory ("l2=cold"). Outputs rotate too.
- One CUDA graph holds all launches of a turn (at least 2 ms of them), so that the host is not timed. Time between two
  events around a replay, divided by the launches; the median over replays of at least --seconds after as long a
  warm-up, so that large products run at the clock that the power limit leaves ("power_w", "sm_mhz": read at the end).
- Grouped products: rows of a group drawn evenly from 0.7 to 1.3 of the mean, as DeepGEMM's generator does.
- Attention: the faster of PyTorch's FlashAttention and cuDNN backends, named in the remark. Decode gives the query
  heads of a group as rows of one key head, which computes the same.
It changes no setting of the card. Copies and reads are printed and go to the JSON only: the table has no such rows.
"""
import argparse
import csv
import datetime
import json
import statistics

import torch
import torch.nn.functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel

COLUMNS = ["id", "source", "url", "year", "chip", "op", "dtype", "shape", "value", "unit", "confidence", "remark"]
SOURCE = "slipstick measure_kernels"
# n, k: attention and FFN projections of Llama 3 8B and 70B (whole and one of eight ranks), DeepSeek-V3 and Qwen3
PRODUCTS = {"bf16": [(6144, 4096), (28672, 4096), (8192, 8192), (1280, 8192), (8192, 3584), (2112, 7168)],
            "fp8": [(6144, 4096), (28672, 4096), (8192, 8192), (1280, 8192), (8192, 3584), (24576, 1536)]}
ROWS = [1, 16, 64, 128, 512, 2048, 8192]
# groups, n, k: Mixtral, Qwen3 30B-A3B, DeepSeek-V3's on 8 local experts
GROUPED = [(8, 28672, 4096), (128, 1536, 2048), (8, 4096, 7168), (32, 7168, 2048)]
GROUP_ROWS = [4, 64, 512]
# b, h, h_kv, d, s
PREFILL = [(1, 32, 8, 128, s) for s in (512, 1024, 4096, 16384)] + [(1, 8, 1, 128, 4096), (8, 8, 1, 128, 2048), (1, 64, 64, 64, 4096)]
# b, h, h_kv, d, kv_len
DECODE = [(1, 32, 8, 128, 1024), (1, 32, 8, 128, 16384), (8, 32, 8, 128, 4096), (64, 32, 8, 128, 1024), (64, 32, 8, 128, 8192),
          (1, 8, 1, 128, 8192), (32, 8, 1, 128, 8192), (256, 8, 1, 128, 2048), (16, 64, 64, 128, 2048), (128, 16, 2, 128, 4096)]


class Meter:
    def __init__(self, seconds):
        self.seconds = seconds
        self.l2 = torch.cuda.get_device_properties(0).L2_cache_size
        try:
            import pynvml
            pynvml.nvmlInit()
            self.nvml, self.handle = pynvml, pynvml.nvmlDeviceGetHandleByIndex(0)
        except Exception:
            self.nvml = None

    def sets(self, bytes_of_one):
        free = torch.cuda.mem_get_info()[0] * 0.6
        return int(max(1, min(4 * self.l2 // bytes_of_one + 1, free // bytes_of_one, 256)))

    def read(self):
        if not self.nvml:
            return {}
        n, h = self.nvml, self.handle
        return {"power_w": round(n.nvmlDeviceGetPowerUsage(h) / 1000), "sm_mhz": n.nvmlDeviceGetClockInfo(h, n.NVML_CLOCK_SM)}

    def time(self, calls):
        """Median seconds of one of `calls` (functions that launch), run in turn."""
        stream = torch.cuda.Stream()
        with torch.cuda.stream(stream):
            for call in calls[:3]:
                call()
            torch.cuda.synchronize()
            begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
            begin.record()
            for call in calls[:3]:
                call()
            end.record()
            torch.cuda.synchronize()
            once = begin.elapsed_time(end) / 1e3 / len(calls[:3])
        turns = max(1, round(2e-3 / (once * len(calls))))
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            for _ in range(turns):
                for call in calls:
                    call()
        launches = turns * len(calls)
        replays = int(max(5, min(2000, self.seconds / (once * launches))))
        for _ in range(replays):
            graph.replay()
        torch.cuda.synchronize()
        marks = [torch.cuda.Event(enable_timing=True) for _ in range(replays + 1)]
        marks[0].record()
        for i in range(replays):
            graph.replay()
            marks[i + 1].record()
        marks[-2].synchronize()
        state = self.read()
        torch.cuda.synchronize()
        times = sorted(marks[i].elapsed_time(marks[i + 1]) / 1e3 / launches for i in range(replays))
        del graph
        state.update(launches=launches, replays=replays, sets=len(calls), spread=round(times[int(0.9 * replays)] / times[int(0.1 * replays)] - 1, 3))
        return statistics.median(times), state


def normal(*shape, dtype=torch.bfloat16):
    return torch.randn(*shape, device="cuda", dtype=torch.bfloat16).to(dtype)


def product_calls(meter, dtype, m, n, k):
    element = 2 if dtype == "bf16" else 1
    count = meter.sets(n * k * element + m * k * element + 2 * m * n)
    one = torch.ones((), device="cuda")
    calls = []
    for _ in range(count):
        kind = torch.bfloat16 if dtype == "bf16" else torch.float8_e4m3fn
        a, b = normal(m, k, dtype=kind), normal(n, k, dtype=kind).t()
        if dtype == "bf16":
            out = torch.empty(m, n, device="cuda", dtype=torch.bfloat16)
            calls.append(lambda a=a, b=b, out=out: torch.mm(a, b, out=out))
        else:
            calls.append(lambda a=a, b=b: torch._scaled_mm(a, b, one, one, out_dtype=torch.bfloat16, use_fast_accum=True))
    return calls


def grouped_calls(meter, groups, each, n, k):
    count = meter.sets(2 * (groups * n * k + groups * each * (n + k)))
    calls = []
    for _ in range(count):
        sizes = torch.clamp((each * (0.7 + 0.6 * torch.rand(groups))).round().int(), min=1)
        offsets = torch.cumsum(sizes, 0).int().cuda()
        a, b = normal(int(sizes.sum()), k), normal(groups, n, k).transpose(1, 2)
        calls.append(lambda a=a, b=b, offsets=offsets: torch._grouped_mm(a, b, offs=offsets))
    return calls


def attention_calls(meter, b, h, h_kv, d, keys, decode, backend):
    rows = h // h_kv if decode else keys
    heads = h_kv if decode else h
    count = meter.sets(2 * b * d * (2 * heads * rows + 2 * h_kv * keys))
    calls = []
    for _ in range(count):
        q, k, v = normal(b, heads, rows, d), normal(b, h_kv, keys, d), normal(b, h_kv, keys, d)

        def call(q=q, k=k, v=v):
            with sdpa_kernel(backend):
                return F.scaled_dot_product_attention(q, k, v, is_causal=not decode, enable_gqa=not decode and h != h_kv)

        calls.append(call)
    return calls


def fastest_attention(meter, *shape):
    best = None
    for name, backend in (("flash", SDPBackend.FLASH_ATTENTION), ("cudnn", SDPBackend.CUDNN_ATTENTION)):
        try:
            seconds, state = meter.time(attention_calls(meter, *shape, backend))
        except Exception as error:
            print("  no", name, shape, str(error).splitlines()[0][:100])
            continue
        print("   ", name, shape, f"{seconds * 1e6:.2f} us")
        if best is None or seconds < best[0]:
            best = (seconds, dict(state, backend=name))
    return best


def cases(kinds):
    for dtype in ("bf16", "fp8") if "gemm" in kinds else ():
        for n, k in PRODUCTS[dtype]:
            for m in ROWS:
                # cuBLASLt's fp8 takes rows in sixteens
                if dtype == "bf16" or m >= 16:
                    yield "gemm", dtype, {"m": m, "n": n, "k": k}, lambda meter, dtype=dtype, m=m, n=n, k=k: meter.time(product_calls(meter, dtype, m, n, k))
    for groups, n, k in GROUPED if "grouped" in kinds else ():
        for each in GROUP_ROWS:
            yield ("grouped_gemm", "bf16", {"groups": groups, "m_per_group": each, "n": n, "k": k},
                   lambda meter, g=groups, e=each, n=n, k=k: meter.time(grouped_calls(meter, g, e, n, k)))
    for b, h, h_kv, d, s in PREFILL if "prefill" in kinds else ():
        yield ("attn_prefill", "bf16", {"b": b, "h": h, "h_kv": h_kv, "s": s, "d": d, "causal": True},
               lambda meter, b=b, h=h, g=h_kv, d=d, s=s: fastest_attention(meter, b, h, g, d, s, False))
    for b, h, h_kv, d, s in DECODE if "decode" in kinds else ():
        yield ("attn_decode", "bf16 (kv bf16)", {"b": b, "h": h, "h_kv": h_kv, "kv_len": s, "d": d},
               lambda meter, b=b, h=h, g=h_kv, d=d, s=s: fastest_attention(meter, b, h, g, d, s, True))


def copies(meter):
    found = {}
    for mb in (1, 16, 256, 2048):
        count = meter.sets(2 * mb << 20)
        pairs = [(torch.empty(mb << 20, dtype=torch.uint8, device="cuda").random_(), torch.empty(mb << 20, dtype=torch.uint8, device="cuda")) for _ in range(min(count, 32))]
        seconds, _ = meter.time([lambda a=a, b=b: b.copy_(a) for a, b in pairs])
        found[f"copy_{mb}MiB_gbs_read_and_written"] = 2 * (mb << 20) / seconds / 1e9
        seconds, _ = meter.time([lambda a=a: torch.sum(a.view(torch.int32)) for a, _ in pairs])
        found[f"sum_{mb}MiB_gbs_read"] = (mb << 20) / seconds / 1e9
        del pairs
    for mb in (0.001, 1, 64, 1024):
        host = torch.empty(int(mb * 2**20), dtype=torch.uint8, pin_memory=True)
        device = torch.empty_like(host, device="cuda")
        for name, to, of in (("h2d", device, host), ("d2h", host, device)):
            times = []
            for _ in range(20):
                a, b = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
                a.record()
                to.copy_(of, non_blocking=True)
                b.record()
                b.synchronize()
                times.append(a.elapsed_time(b) / 1e3)
            seconds = statistics.median(times)
            found[f"{name}_{mb}MiB_us"] = seconds * 1e6
            found[f"{name}_{mb}MiB_gbs"] = host.numel() / seconds / 1e9
    return found


def main():
    parser = argparse.ArgumentParser(description="Measure kernels on one NVIDIA GPU; see the head of this file.")
    parser.add_argument("out")
    parser.add_argument("--kind", default="gemm,grouped,prefill,decode,copy")
    parser.add_argument("--seconds", type=float, default=0.4)
    args = parser.parse_args()
    torch.manual_seed(1)
    meter, name = Meter(args.seconds), torch.cuda.get_device_name(0)
    chip = "H200 SXM 141GB" if "H200" in name else "H100 SXM 80GB" if "H100" in name else name
    software = f"torch={torch.__version__}; cuda={torch.version.cuda}; cudnn={torch.backends.cudnn.version()}"
    today = datetime.date.today().isoformat()
    print(name, software)
    rows, log = [], {"device": name, "software": software, "date": today, "rows": []}
    with open(args.out, "w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        for number, (op, dtype, shape, measure) in enumerate(cases(args.kind.split(","))):
            try:
                answer = measure(meter)
            except Exception as error:
                print("failed", op, dtype, shape, str(error).splitlines()[0][:160])
                continue
            if answer is None:
                continue
            seconds, state = answer
            remark = f"{software}; measured={today}; l2=cold; graph=yes"
            for key in ("backend", "power_w", "sm_mhz"):
                if key in state:
                    remark += f"; {key}={state[key]}"
            row = dict(id=f"mk_{'h200' if 'H200' in name else 'h100'}_{number:03d}", source=SOURCE, url="", year=2026.9, chip=chip,
                       op=op, dtype=dtype, shape=json.dumps(shape, separators=(",", ":")), value=f"{seconds * 1e6:.5g}", unit="us", confidence="high", remark=remark)
            writer.writerow(row)
            file.flush()
            log["rows"].append(dict(row, **state))
            print(op, dtype, row["shape"], row["value"], "us", state)
            torch.cuda.empty_cache()
    if "copy" in args.kind:
        log["copies"] = copies(meter)
        for key, value in log["copies"].items():
            print(f"{key:40s} {value:.4g}")
    with open(args.out.rsplit(".", 1)[0] + ".json", "w") as file:
        json.dump(log, file)


if __name__ == "__main__":
    main()
