# Linear-ODE tokens of 8 complex pairs at 32 times, 4096 tokens, float32, forward, 1 thread:
# the closed form in torch, and torchdiffeq's dopri5 (rtol 1e-5) on the same tokens.
# OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 python3 closed_form_torch.py
# CSV: lib,kernel,shape,us_per_token_median,best. Peer of BenchmarkPairsTokens in linode.
import time, statistics as st, torch
torch.set_num_threads(1); torch.set_grad_enabled(False); torch.manual_seed(1)
n, p, q = 4096, 8, 32
sigma, omega = -5 * torch.rand(n, p), 2 * torch.randn(n, p)
z0r, z0i, br, bi = (2 * torch.randn(n, p) for _ in range(4))
cr, ci = 2 * torch.randn(p), 2 * torch.randn(p)
tau = torch.rand(n, q).sort(1).values

def closed():
    # E = e^(lambda t), M = expm1(x) cos y - 2 sin^2(y/2) + i e^x sin y
    t = tau.unsqueeze(1)
    x, h = sigma.unsqueeze(2) * t, 0.5 * omega.unsqueeze(2) * t
    s, c = torch.sin(h), torch.cos(h)
    e, m, s2 = torch.exp(x), torch.expm1(x), 2 * s * s
    er, ei, mr = e - e * s2, 2 * e * s * c, m - m * s2 - s2
    d = sigma * sigma + omega * omega
    ir, ii = sigma / d, -omega / d
    ur, ui = cr * z0r + ci * z0i, cr * z0i - ci * z0r
    tr, ti = cr * br + ci * bi, cr * bi - ci * br
    vr, vi = tr * ir - ti * ii, tr * ii + ti * ir
    u = lambda a: a.unsqueeze(2)
    return (u(ur) * er + u(vr) * mr - u(ui + vi) * ei).sum(1)

def closed_complex():
    lam = torch.complex(sigma, omega)
    e = torch.exp(lam.unsqueeze(2) * tau.unsqueeze(1))
    c = torch.complex(cr, -ci)
    u, v = c * torch.complex(z0r, z0i), c * torch.complex(br, bi) / lam
    return (u.unsqueeze(2) * e + v.unsqueeze(2) * (e - 1)).real.sum(1)

def say(lib, k, f, runs=7):
    f(); r = []
    for _ in range(runs):
        t = time.perf_counter(); f(); r.append(time.perf_counter() - t)
    print(f"{lib},{k},{n}x{p}x{q},{st.median(r)*1e6/n:.3f},{min(r)*1e6/n:.3f}", flush=True)

say('torch', 'closed_form', closed)
say('torch', 'closed_form_complex', closed_complex)
try:
    from torchdiffeq import odeint
except ImportError:
    print("# torchdiffeq is not installed (pip install torchdiffeq)")
else:
    # One system of 4096 x 16 states, stepped together; 32 common times, as torchdiffeq has
    # no times of its own for each sample.
    grid = torch.linspace(0, 1, q)
    z = torch.stack((z0r, z0i))
    b = torch.stack((br, bi))
    def f(t, z):
        return torch.stack((sigma * z[0] - omega * z[1] + b[0], omega * z[0] + sigma * z[1] + b[1]))
    def solve():
        y = odeint(f, z, grid, rtol=1e-5, atol=1e-6, method='dopri5')
        return (y[:, 0] * cr + y[:, 1] * ci).sum(2)
    say('torchdiffeq', 'dopri5_rtol1e-5', solve, 5)
