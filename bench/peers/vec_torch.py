# Vector kernels, float32: PyTorch and numpy, 1 thread. OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 python3 vec_torch.py [REGEX] [RUNS]
# REGEX selects kernels by lib,kernel,n; RUNS is the number of runs of each (default 7).
# CSV: lib,kernel,n,ns_per_elem_median,best   (outputs preallocated where the API allows)
import re, sys, time, statistics as st, torch, numpy as np, torch.nn.functional as F
WANT = re.compile(sys.argv[1] if len(sys.argv) > 1 else ""); RUNS = int(sys.argv[2]) if len(sys.argv) > 2 else 7
torch.set_num_threads(1); torch.set_grad_enabled(False)
def bench(f):
    f(); rep = 1
    while True:
        t = time.perf_counter()
        for _ in range(rep): f()
        t = time.perf_counter() - t
        if t > 0.003: break
        rep = int(rep * 0.005 / max(t, 1e-6)) + 1
    r = []
    for _ in range(RUNS):
        t = time.perf_counter()
        for _ in range(rep): f()
        r.append((time.perf_counter() - t) / rep)
    return st.median(r), min(r)
def say(lib, k, n, f):
    if not WANT.search(f"{lib},{k},{n}"): return
    m, b = bench(f); print(f"{lib},{k},{n},{m*1e9/n:.3f},{b*1e9/n:.3f}", flush=True)
for n in (1024, 65536, 1 << 22):
    x, y, z, o, o2 = (torch.randn(n) for _ in range(5))
    say('torch', 'exp', n, lambda: torch.exp(x, out=o)); say('torch', 'tanh', n, lambda: torch.tanh(x, out=o))
    say('torch', 'sigmoid', n, lambda: torch.sigmoid(x, out=o)); say('torch', 'gelu(erf)', n, lambda: F.gelu(x))
    say('torch', 'gelu(tanh)', n, lambda: F.gelu(x, approximate='tanh'))
    say('torch', 'sincos', n, lambda: (torch.sin(x, out=o), torch.cos(x, out=o2)))
    for c in (64, 512):
        v = x.view(-1, c); say('torch', f'softmax{c}', n, lambda: torch.softmax(v, -1))
    for c in (128, 256):
        v = x.view(-1, c); g, b = torch.ones(c), torch.zeros(c); say('torch', f'layernorm{c}', n, lambda: F.layer_norm(v, (c,), g, b))
    say('torch', 'sum', n, lambda: torch.sum(x)); say('torch', 'dot', n, lambda: torch.dot(x, y)); say('torch', 'axpy', n, lambda: y.add_(x, alpha=1e-9))
    a, b2, c2 = x.numpy().copy(), y.numpy().copy(), np.empty(n, np.float32)
    say('numpy', 'exp', n, lambda: np.exp(a, out=c2)); say('numpy', 'tanh', n, lambda: np.tanh(a, out=c2))
    say('numpy', 'sincos', n, lambda: (np.sin(a, out=c2), np.cos(a, out=c2)))
    say('numpy', 'sum', n, lambda: a.sum()); say('numpy', 'dot', n, lambda: a.dot(b2))
n = 1 << 20
p = torch.randn(n, requires_grad=True); p.grad = torch.randn(n)
for fe in (False, True):
    opt = torch.optim.AdamW([p], lr=1e-4, foreach=fe); say('torch', f'adamw foreach={fe}', n, opt.step)
