# Lorenz-63 by scipy's DOP853. usage: python3 lorenz_scipy.py [RUNS]
# 100 time units, 1000 outputs, rtol 1e-6. CSV: lib,what,trajectories_per_second_median,best,evaluations
import sys, time, statistics as st, numpy as np
from scipy.integrate import solve_ivp
RUNS = int(sys.argv[1]) if len(sys.argv) > 1 else 7
def f(t, u):
    x, y, z = u
    return (10. * (y - x), x * (28. - z) - y, x * y - 8. / 3 * z)
t = np.linspace(0, 100, 1001)[1:]
run = lambda: solve_ivp(f, (0, 100), (1., 1., 1.), method='DOP853', t_eval=t, rtol=1e-6, atol=1e-8)
r = []
for _ in range(RUNS):
    s = time.perf_counter(); y = run(); r.append(1 / (time.perf_counter() - s))
assert y.success and y.y.shape == (3, 1000)
print(f"scipy,lorenz63,{st.median(r):.4f},{max(r):.4f},{y.nfev}")
