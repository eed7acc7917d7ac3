# Reference training step / inference of small pre-norm transformer encoders and a GRU in PyTorch.
# usage: OPENBLAS_NUM_THREADS=T OMP_NUM_THREADS=T python3 train_torch.py T [REGEX] [RUNS]
# REGEX selects measurements by "case,what"; RUNS is the number of runs of each (default 9, inference 51).
# Architecture ("tfm"): x (B,S,d) -> L x [x += Wo*MHA(LN(x)); x += W2*gelu(W1*LN(x))] -> LN -> Linear(d,d)
# bidirectional attention, no mask, no dropout, exact gelu, MLP ratio 4, MSE loss against a fixed target,
# full step = zero_grad + forward + backward + AdamW (lr 1e-4, wd 0.01). Inputs are fixed random N(0,1).
import re, sys, time, statistics as st, torch, torch.nn as nn, torch.nn.functional as F
T = int(sys.argv[1]); torch.set_num_threads(T); torch.manual_seed(0)
WANT = re.compile(sys.argv[2] if len(sys.argv) > 2 else ""); RUNS = int(sys.argv[3]) if len(sys.argv) > 3 else 0
class Block(nn.Module):
    def __init__(s, d, h):
        super().__init__(); s.h = h; s.n1 = nn.LayerNorm(d); s.n2 = nn.LayerNorm(d)
        s.qkv = nn.Linear(d, 3*d); s.o = nn.Linear(d, d); s.f1 = nn.Linear(d, 4*d); s.f2 = nn.Linear(4*d, d)
    def forward(s, x):
        B, S, d = x.shape; dh = d // s.h
        q, k, v = s.qkv(s.n1(x)).view(B, S, 3, s.h, dh).permute(2, 0, 3, 1, 4).unbind(0)
        a = torch.softmax(q @ k.transpose(-1, -2) * dh ** -0.5, -1) @ v
        x = x + s.o(a.transpose(1, 2).reshape(B, S, d))
        return x + s.f2(F.gelu(s.f1(s.n2(x))))
class Tfm(nn.Module):
    def __init__(s, d, h, L):
        super().__init__(); s.b = nn.Sequential(*[Block(d, h) for _ in range(L)]); s.n = nn.LayerNorm(d); s.p = nn.Linear(d, d)
    def forward(s, x): return s.p(s.n(s.b(x)))
class Gru(nn.Module):
    def __init__(s): super().__init__(); s.g = nn.GRU(4, 128, batch_first=True)
    def forward(s, x): return s.g(x)[1][0]
def med(f, n, warm=2):
    for _ in range(warm): f()
    r = []
    for _ in range(n):
        t = time.perf_counter(); f(); r.append((time.perf_counter() - t) * 1e3)
    return st.median(r), min(r)
def step(m, x):
    with torch.no_grad(): y = torch.zeros_like(m(x)) + .1
    opt = torch.optim.AdamW(m.parameters(), lr=1e-4)
    def fb():
        opt.zero_grad(set_to_none=True); F.mse_loss(m(x), y).backward()
    def f(): fb(); opt.step()
    def fwd():
        with torch.no_grad(): m(x)
    return f, fb, fwd
def flops_fwd(B, S, d, L):   # multiply-add = 2
    return B*S*(L*(2*12*d*d + 4*S*d) + 2*d*d)
def say(c, w, f, n, note=lambda r: "", warm=2):
    if not WANT.search(f"{c},{w}"): return
    r = med(f, RUNS or n, warm); print(f"{T},{c},{w},{r[0]:.3f},{r[1]:.3f},{note(r)}", flush=True)
print("threads,case,what,median_ms,best_ms,note")
for d, h, L, B, S in [(128, 4, 4, 32, 64), (256, 8, 6, 16, 128)]:
    m = Tfm(d, h, L); x = torch.randn(B, S, d); c = f"tfm d{d} h{h} L{L} {B}x{S}"
    np_ = sum(p.numel() for p in m.parameters()); G = flops_fwd(B, S, d, L) * 1e-9
    f, fb, fwd = step(m, x)
    say(c, "train step", f, 9, lambda r: f"{B*S/r[0]*1e3:.0f} tok/s; {3*G/r[0]*1e3:.1f} GFLOP/s; {np_} params")
    say(c, "fwd+bwd", fb, 9); say(c, "forward", fwd, 9, lambda r: f"{B*S/r[0]*1e3:.0f} tok/s; {G/r[0]*1e3:.1f} GFLOP/s")
    m.eval(); x1 = torch.randn(1, S, d)
    with torch.no_grad():
        say(c, f"infer 1x{S} eager", lambda: m(x1), 51, warm=5)
        tr = torch.jit.freeze(torch.jit.trace(m, x1)); say(c, f"infer 1x{S} jit.trace+freeze", lambda: tr(x1), 51, warm=10)
m = Gru(); x = torch.randn(2048, 16, 4); f, fb, fwd = step(m, x); c = "gru in4 h128 2048x16"
say(c, "train step", f, 7, lambda r: f"{2048*16/r[0]*1e3:.0f} steps/s"); say(c, "forward", fwd, 7, lambda r: f"{2048*16/r[0]*1e3:.0f} steps/s")
x1 = torch.randn(1, 16, 4)
with torch.no_grad(): say(c, "infer 1x16 eager", lambda: m(x1), 51, warm=5)
