# torch.mm / torch.bmm peers. usage: OPENBLAS_NUM_THREADS=T OMP_NUM_THREADS=T python3 gemm_torch.py T [MODES] [RUNS]
# MODES is a list of NN NT TN square batch (default: all of them), RUNS the number of runs of each (default 7).
# CSV: lib,threads,mode,batch,M,K,N,GFLOPs_median,GFLOPs_best
import sys, time, statistics as st, torch
T = int(sys.argv[1]); WANT = (sys.argv[2] if len(sys.argv) > 2 else 'NN NT TN square batch').split(); RUNS = int(sys.argv[3]) if len(sys.argv) > 3 else 7
torch.set_num_threads(T)
def one(mode, B, M, K, N):
    a = torch.randn((B, M, K) if mode != 'TN' else (B, K, M)); b = torch.randn((B, N, K) if mode == 'NT' else (B, K, N))
    if mode == 'TN': a = a.transpose(1, 2)
    if mode == 'NT': b = b.transpose(1, 2)
    if B == 1: a, b, f = a[0], b[0], torch.mm
    else: f = torch.bmm
    c = f(a, b); rep = 1
    while True:
        t = time.perf_counter()
        for _ in range(rep): f(a, b, out=c)
        t = time.perf_counter() - t
        if t > 0.004: break
        rep = int(rep * 0.006 / max(t, 1e-5)) + 1
    r = []
    for _ in range(RUNS):
        t = time.perf_counter()
        for _ in range(rep): f(a, b, out=c)
        r.append(2 * B * M * K * N * rep / (time.perf_counter() - t) * 1e-9)
    print(f"torch,{T},{mode},{B},{M},{K},{N},{st.median(r):.1f},{max(r):.1f}", flush=True)
for K, N in [(128,128),(128,512),(512,128),(256,256),(256,1024),(1024,256)]:
    for M in (64, 256, 1024, 4096):
        for m in ('NN', 'NT', 'TN'):
            if m in WANT: one(m, 1, M, K, N)
for s in (512, 1024, 2048) if 'square' in WANT else ():
    for m in ('NN', 'NT', 'TN'): one(m, 1, s, s, s)
for B, M, K, N in [(64,32,32,32),(256,32,32,32),(256,64,32,64),(256,64,64,32),(256,128,32,128)] if 'batch' in WANT else []:
    for m in ('NN', 'NT'): one(m, B, M, K, N)
