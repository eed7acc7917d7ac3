# Matrix exponential of 4096 matrices in float32: torch.matrix_exp, 1 thread.
# OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 python3 matrix_exp_torch.py
# CSV: lib,kernel,shape,us_per_matrix_median,best; then the greatest error against float64,
# relative to the 1-norm of each result, as a comment. Peer of BenchmarkExpBatch in linode.
import time, statistics as st, torch
torch.set_num_threads(1); torch.set_grad_enabled(False); torch.manual_seed(1)
batch = 4096
for d in (4, 8, 16):
    a = torch.randn(batch, d, d)
    f = lambda: torch.matrix_exp(a)
    y = f(); r = []
    for _ in range(7):
        t = time.perf_counter(); f(); r.append(time.perf_counter() - t)
    print(f"torch,matrix_exp,{batch}x{d}x{d},{st.median(r)*1e6/batch:.3f},{min(r)*1e6/batch:.3f}", flush=True)
    w = torch.matrix_exp(a.double())
    e = ((y.double() - w).abs().sum(1).amax(1) / w.abs().sum(1).amax(1)).max()
    print(f"# d={d} max relative error {e:.3g}", flush=True)
