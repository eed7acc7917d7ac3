"""Writes golden.json: results of four building blocks by code that shares
nothing with the Go sources. Needs numpy only:

    python golden.py > golden.json

Everything is computed in float64 (the exponentials in longdouble) from inputs
that are rounded to float32 first, so that both sides start from equal numbers.
"""
import json
import numpy as np

rng = np.random.default_rng(20260101)


def f32(*shape, scale=1.0):
    return (rng.standard_normal(shape) * scale).astype(np.float32).astype(np.float64)


def flat(x):
    return [float(v) for v in np.asarray(x, dtype=np.float64).ravel()]


def attention():
    """Self-attention over the last-but-one axis."""
    batch, steps, heads, d = 3, 5, 2, 8
    qkv = f32(batch, steps, 3 * d)
    q, k, v = (p.reshape(batch, steps, heads, d // heads).transpose(0, 2, 1, 3)
               for p in np.split(qkv, 3, axis=-1))
    s = np.einsum("bhid,bhjd->bhij", q, k) / np.sqrt(d // heads)
    p = np.exp(s - s.max(-1, keepdims=True))
    p /= p.sum(-1, keepdims=True)
    out = np.einsum("bhij,bhjd->bihd", p, v).reshape(batch, steps, d)
    return dict(batch=batch, steps=steps, heads=heads, d=d, qkv=flat(qkv), out=flat(out))


def gru():
    """torch.nn.GRU: gates r, z, n; weight_ih [3h, in], weight_hh [3h, h]; ragged batch."""
    lengths, n_in, h = [4, 0, 1, 6], 3, 4
    w_ih, w_hh = f32(3 * h, n_in, scale=0.7), f32(3 * h, h, scale=0.7)
    b_ih, b_hh = f32(3 * h, scale=0.3), f32(3 * h, scale=0.3)
    x = f32(sum(lengths), n_in)

    def sigmoid(a):
        return 1 / (1 + np.exp(-a))

    out, row = [], 0
    for length in lengths:
        state = np.zeros(h)
        for t in range(row, row + length):
            ir, iz, i_n = np.split(w_ih @ x[t] + b_ih, 3)
            hr, hz, hn = np.split(w_hh @ state + b_hh, 3)
            r, z = sigmoid(ir + hr), sigmoid(iz + hz)
            n = np.tanh(i_n + r * hn)
            state = (1 - z) * n + z * state
        row += length
        out.append(state)
    # The Go side stores weights [in, out]: transpose.
    return dict(lengths=lengths, inputs=n_in, hidden=h, x=flat(x), wi=flat(w_ih.T), wh=flat(w_hh.T),
                bi=flat(b_ih), bh=flat(b_hh), out=flat(out))


def expm(a):
    """Taylor series of 60 terms at norm <= 1/8 in longdouble, then squarings."""
    a = np.asarray(a, dtype=np.longdouble)
    squarings = max(0, int(np.ceil(np.log2(max(float(np.abs(a).sum(0).max()), 1e-30) * 8))))
    a = a / np.longdouble(2) ** squarings
    y = term = np.eye(len(a), dtype=np.longdouble)
    for k in range(1, 60):
        term = term @ a / k
        y = y + term
    for _ in range(squarings):
        y = y @ y
    return y


def propagate(a, z0, b, t):
    """z(t) of z' = A z + b by the exponential of the augmented matrix."""
    n = len(z0)
    m = np.zeros((n + 1, n + 1), dtype=np.longdouble)
    m[:n, :n], m[:n, n] = a, b
    return (expm(m * np.longdouble(t)) @ np.append(z0, 1.0))[:n]


def pairs():
    tokens, n, queries = 3, 4, 5
    sigma, omega = f32(tokens, n), f32(tokens, n, scale=3)
    sigma[0, 0], omega[0, 0] = 0, 0
    sigma[1, 1], omega[1, 1] = np.float32(-200), 0
    sigma[2, 2], omega[2, 2] = np.float32(1e-6), np.float32(-1e-5)
    z0, b, c, tau = f32(tokens, 2 * n), f32(tokens, 2 * n), f32(2 * n), f32(tokens, queries)
    tau = np.abs(tau)
    out = np.zeros((tokens, queries))
    states = np.zeros((tokens, queries, 2 * n))
    for i in range(tokens):
        a = np.zeros((2 * n, 2 * n))
        for p in range(n):
            s, w = sigma[i, p], omega[i, p]
            a[2 * p:2 * p + 2, 2 * p:2 * p + 2] = [[s, -w], [w, s]]
        for q in range(queries):
            z = propagate(a, z0[i], b[i], tau[i, q])
            states[i, q], out[i, q] = z, c @ z
    return dict(tokens=tokens, pairs=n, queries=queries, sigma=flat(sigma), omega=flat(omega), z0=flat(z0),
                b=flat(b), c=flat(c), tau=flat(tau), out=flat(out), states=flat(states))


def dense():
    cases = [f32(4, 4), f32(4, 4, scale=6), f32(4, 4, scale=1e-3),
             np.array([[-2, 1, 0, 0], [0, -2, 1, 0], [0, 0, -2, 1], [0, 0, 0, -2.0]])]  # the last is defective
    b, z0 = f32(len(cases), 4, scale=4), f32(len(cases), 4)
    t = [0.5, 0.25, 3.0, 1.5]
    return dict(n=4, a=flat(cases), b=flat(b), z0=flat(z0), t=t,
                exp=flat([expm(a) for a in cases]),
                out=flat([propagate(a, z, d, s) for a, z, d, s in zip(cases, z0, b, t)]))


print(json.dumps(dict(attention=attention(), gru=gru(), pairs=pairs(), dense=dense()), indent=None, separators=(",", ":")))
