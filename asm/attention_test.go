package asm

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// attnCase is a call of Attention and AttentionGrad with everything it needs. Gaps
// between tokens hold NaN, so that reading one would show.
type attnCase struct {
	AttentionShape
	width                   int // of a token and the gap behind it
	q, k, v, out, dout      []float32
	dq, dk, dv, saved, work []float32
	checks                  []func(t testing.TB, what string)
}

// newAttnCase draws a case. The sequences lie one after the other, or interleaved as
// the channels of a grid do.
func newAttnCase(r *rand.Rand, sequences, rows, keys, heads, head int, interleave bool, gap, offset int) *attnCase {
	d := heads*head + gap
	c := &attnCase{width: d, AttentionShape: AttentionShape{
		Sequences: sequences, Rows: rows, Keys: keys, Heads: heads, Head: head,
		QStride: d, KStride: d, OStride: d,
		QNext: rows * d, KNext: keys * d, ONext: rows * d,
		Scale: float32(1 / math.Sqrt(float64(head))),
	}}
	if interleave {
		c.QStride, c.KStride, c.OStride = sequences*d, sequences*d, sequences*d
		c.QNext, c.KNext, c.ONext = d, d, d
	}
	tokens := func(n int) []float32 {
		x, check := guarded(max(0, sequences*n*d-gap), offset)
		c.checks = append(c.checks, check)
		for i := range x {
			if x[i] = float32(math.NaN()); i%d < d-gap {
				x[i] = float32(r.NormFloat64())
			}
		}
		return x
	}
	c.q, c.k, c.v, c.out, c.dout = tokens(rows), tokens(keys), tokens(keys), tokens(rows), tokens(rows)
	c.dq, c.dk, c.dv = tokens(rows), tokens(keys), tokens(keys)
	plain := func(n int) []float32 {
		x, check := guarded(n, offset)
		c.checks = append(c.checks, check)
		return fill(r, x)
	}
	c.saved, c.work = plain(c.SavedLen()), plain(c.WorkLen())
	return c
}

func (c *attnCase) forward() {
	Attention(&c.AttentionShape, c.out, c.q, c.k, c.v, c.saved, c.work)
}

func (c *attnCase) backward() {
	AttentionGrad(&c.AttentionShape, c.dq, c.dk, c.dv, c.dout, c.out, c.q, c.k, c.v, c.saved, c.work)
}

// want is the textbook formula in float64. dq to dv are without what was there.
func (c *attnCase) want() (out, dq, dk, dv []float64) {
	s := &c.AttentionShape
	out, dq = make([]float64, len(c.out)), make([]float64, len(c.q))
	dk, dv = make([]float64, len(c.k)), make([]float64, len(c.v))
	for i := range s.Sequences {
		for h := range s.Heads {
			for r := range s.Rows {
				qi, oi := i*s.QNext+r*s.QStride+h*s.Head, i*s.ONext+r*s.OStride+h*s.Head
				p, dp := make([]float64, s.Keys), make([]float64, s.Keys)
				top := math.Inf(-1)
				for j := range p {
					ki := i*s.KNext + j*s.KStride + h*s.Head
					for l := range s.Head {
						p[j] += float64(c.q[qi+l]) * float64(c.k[ki+l])
						dp[j] += float64(c.dout[oi+l]) * float64(c.v[ki+l])
					}
					p[j] *= float64(s.Scale)
					top = max(top, p[j])
				}
				sum, delta := 0.0, 0.0
				for j := range p {
					p[j] = math.Exp(p[j] - top)
					sum += p[j]
				}
				for j := range p {
					p[j] /= sum
					delta += p[j] * dp[j]
				}
				for j := range p {
					ki := i*s.KNext + j*s.KStride + h*s.Head
					ds := p[j] * (dp[j] - delta) * float64(s.Scale)
					for l := range s.Head {
						out[oi+l] += p[j] * float64(c.v[ki+l])
						dq[qi+l] += ds * float64(c.k[ki+l])
						dk[ki+l] += ds * float64(c.q[qi+l])
						dv[ki+l] += p[j] * float64(c.dout[oi+l])
					}
				}
			}
		}
	}
	return out, dq, dk, dv
}

// verify runs forward and backward and compares with want; gaps must stay NaN.
func (c *attnCase) verify(t testing.TB, what string) {
	t.Helper()
	out, dq, dk, dv := c.want()
	clone := func(x []float32) []float32 { return append([]float32(nil), x...) }
	oldQ, oldK, oldV := clone(c.dq), clone(c.dk), clone(c.dv)
	c.forward()
	kept := clone(c.out)
	equal := func(name string, want []float64, old, got []float32) {
		t.Helper()
		d, wide := c.Heads*c.Head, c.width
		for i := range got {
			if i%wide >= d {
				if got[i] == got[i] {
					require.FailNow(t, "gap written", "%s: %s: element %d", what, name, i)
				}
				continue
			}
			w := want[i]
			if old != nil {
				w += float64(old[i])
			}
			if !(math.Abs(float64(got[i])-w) <= 2e-5*(1+math.Abs(w))) {
				require.FailNow(t, "wrong", "%s: %s: element %d is %g, want %g", what, name, i, got[i], w)
			}
		}
	}
	equal("out", out, nil, c.out)
	saved := c.saved
	c.saved = nil
	c.forward()
	c.saved = saved
	for i, v := range kept {
		if !sameBits(v, c.out[i]) {
			require.FailNow(t, "out differs without saved", what)
		}
	}
	c.backward()
	equal("dq", dq, oldQ, c.dq)
	equal("dk", dk, oldK, c.dk)
	equal("dv", dv, oldV, c.dv)
	for _, check := range c.checks {
		check(t, what)
	}
}

func TestAttention(t *testing.T) {
	sizes := []struct{ sequences, rows, keys, heads, head int }{
		{3, 1, 1, 2, 8}, {5, 2, 2, 4, 24}, {9, 3, 3, 4, 24}, {40, 3, 3, 4, 8}, {4, 5, 5, 3, 16}, {3, 8, 8, 4, 32}, {3, 7, 7, 1, 40},
		{3, 9, 9, 2, 24}, {1, 24, 24, 4, 24}, {2, 33, 33, 1, 32}, {1, 41, 41, 1, 24}, {1, 64, 64, 2, 8}, {1, 71, 71, 1, 16}, {1, 130, 130, 1, 8}, {1, 20, 20, 1, 56},
		{1, 77, 32, 2, 24}, {2, 3, 50, 1, 8}, {1, 9, 1, 2, 8}, {1, 1, 9, 1, 8}, {2, 10, 5, 2, 16},
		{3, 4, 4, 2, 1}, {2, 6, 6, 2, 5}, {2, 12, 12, 3, 13}, {1, 20, 7, 2, 31}, {1, 0, 3, 1, 8}, {0, 3, 3, 1, 8},
	}
	eachTier(t, func(tier string) {
		r := rand.New(rand.NewPCG(1, 9))
		for i, s := range sizes {
			for _, variant := range [2]int{i % 4, 3 - i%4} {
				interleave := (i+variant)%2 == 0 && s.rows == s.keys
				c := newAttnCase(r, s.sequences, s.rows, s.keys, s.heads, s.head, interleave, (i+variant)%4*3, (i+variant)%4)
				c.verify(t, fmt.Sprintf("%s %+v interleave %v", tier, s, interleave))
			}
		}
	})
}

// TestAttentionNoKeys: queries without keys get zeros.
func TestAttentionNoKeys(t *testing.T) {
	eachTier(t, func(tier string) {
		c := newAttnCase(rand.New(rand.NewPCG(4, 9)), 2, 3, 0, 2, 8, false, 0, 1)
		c.forward()
		require.Equal(t, make([]float32, len(c.out)), c.out, tier)
	})
}

// TestAttentionIndependent: the bits of a sequence do not depend on the others, and
// NaN and infinities stay in their sequence, head and, from a query, row.
func TestAttentionIndependent(t *testing.T) {
	eachTier(t, func(tier string) {
		for _, n := range []int{3, 8, 11, 40} {
			r := rand.New(rand.NewPCG(5, uint64(n)))
			c := newAttnCase(r, 6, n, n, 2, 24, n%2 == 0, 0, 0)
			c.forward()
			c.backward()
			out, dk := append([]float32(nil), c.out...), append([]float32(nil), c.dk...)
			for _, bad := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
				r := rand.New(rand.NewPCG(5, uint64(n)))
				c := newAttnCase(r, 6, n, n, 2, 24, n%2 == 0, 0, 0)
				c.q[4*c.QNext+2*c.QStride+24] = float32(bad) // sequence 4, query 2, head 1
				c.k[2*c.KNext+c.KStride] = float32(bad)      // sequence 2, key 1, head 0
				c.forward()
				c.backward()
				for s := range 6 {
					for i := range n {
						for l := range 48 {
							at, h := s*c.ONext+i*c.OStride+l, l/24
							got, same := c.out[at], sameBits(c.out[at], out[at])
							switch {
							case s == 4 && i == 2 && h == 1:
								if bad != bad {
									require.True(t, got != got, "%s n %d: NaN in a query is lost", tier, n)
								}
							case s == 2 && h == 0:
								if bad != bad {
									require.True(t, got != got, "%s n %d: NaN in a key is lost", tier, n)
								}
							default:
								if !same {
									require.FailNow(t, "changed", "%s n %d: sequence %d row %d element %d", tier, n, s, i, l)
								}
							}
							if s != 4 && s != 2 && !sameBits(c.dk[at], dk[at]) {
								require.FailNow(t, "changed", "%s n %d: gradient of sequence %d", tier, n, s)
							}
						}
					}
				}
			}
		}
	})
}

// TestAttentionExtremes: large scores, equal scores and scores far apart.
func TestAttentionExtremes(t *testing.T) {
	eachTier(t, func(tier string) {
		for _, n := range []int{2, 8, 20} {
			for _, size := range []float32{0, 1e-20, 3, 100, 1e15} {
				c := newAttnCase(rand.New(rand.NewPCG(6, 9)), 2, n, n, 1, 8, false, 0, 0)
				for i := range c.q {
					c.q[i] *= size
				}
				out, _, _, _ := c.want()
				c.forward()
				c.backward()
				for i, w := range out {
					// The scores err relatively, so their exponentials by their size.
					if size <= 3 {
						require.InDelta(t, w, float64(c.out[i]), 1e-5, "%s n %d size %g", tier, n, size)
					}
					require.False(t, math.IsNaN(float64(c.out[i])) || math.IsInf(float64(c.out[i]), 0))
				}
			}
		}
	})
}

// TestAttentionWeights: the exponentials themselves against float64, down to the
// denormals and zero.
func TestAttentionWeights(t *testing.T) {
	eachTier(t, func(tier string) {
		const n = 4096
		e, inv, keep := make([]float32, n), make([]float32, 1), make([]float32, n)
		x := make([]float32, n)
		for i := range x {
			x[i] = -110 * float32(i) / n
			keep[i] = math.Float32frombits(math.MaxUint32)
		}
		copy(e, x)
		attnExp(e, inv, keep, 1, n)
		p := append([]float32(nil), x...)
		var sum float64
		for i, v := range x {
			w := math.Exp(float64(v))
			if math.Abs(w-float64(e[i])) > 4*ulp(w) {
				require.FailNow(t, "inaccurate", "%s exp(%g) = %g, want %g", tier, v, e[i], w)
			}
			sum += w
		}
		require.InEpsilon(t, 1/sum, float64(inv[0]), 1e-5)
		// Two keys: 0 and x.
		two := make([]float32, 2*n)
		copy(two[n:], p)
		attnPairSoftmax(two, 2, n, n)
		for i, v := range x {
			w := math.Exp(float64(v)) / (1 + math.Exp(float64(v)))
			if math.Abs(w-float64(two[n+i])) > 6*ulp(w) {
				require.FailNow(t, "inaccurate", "%s weight of %g is %g, want %g", tier, v, two[n+i], w)
			}
		}
	})
}

// TestAttentionPartial: gradients that nobody wants are left out and change nothing.
func TestAttentionPartial(t *testing.T) {
	eachTier(t, func(tier string) {
		for _, n := range []int{4, 20} {
			for _, head := range []int{8, 5} {
				run := func(wanted int) *attnCase {
					c := newAttnCase(rand.New(rand.NewPCG(7, 9)), 3, n, n, 2, head, false, 0, 0)
					for i, x := range []*[]float32{&c.dq, &c.dk, &c.dv} {
						if wanted>>i&1 == 0 {
							*x = nil
						}
					}
					c.forward()
					c.backward()
					return c
				}
				all := run(7)
				for wanted := range 7 {
					c := run(wanted)
					for i, x := range [][2][]float32{{c.dq, all.dq}, {c.dk, all.dk}, {c.dv, all.dv}} {
						if wanted>>i&1 == 1 {
							require.Equal(t, x[1], x[0], "%s n %d", tier, n)
						}
					}
				}
			}
		}
	})
}

func TestAttentionPanics(t *testing.T) {
	c := newAttnCase(rand.New(rand.NewPCG(8, 9)), 3, 4, 4, 2, 8, false, 0, 0)
	for i, x := range []*[]float32{&c.out, &c.q, &c.k, &c.v, &c.saved, &c.work} {
		old := *x
		*x = old[:len(old)-1]
		require.Panics(t, c.forward, "%d", i)
		*x = old
	}
	c.forward()
	for i, x := range []*[]float32{&c.dq, &c.dk, &c.dv, &c.dout, &c.out, &c.q, &c.k, &c.v, &c.saved, &c.work} {
		old := *x
		*x = old[:len(old)-1]
		require.Panics(t, c.backward, "%d", i)
		*x = old
	}
	c.Rows = -1
	require.Panics(t, c.forward)
}

func TestAttentionAllocations(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	for _, n := range []int{3, 20} {
		for _, head := range []int{8, 5} {
			c := newAttnCase(rand.New(rand.NewPCG(9, 9)), 3, n, n, 2, head, false, 0, 0)
			require.Zero(t, testing.AllocsPerRun(5, func() {
				c.forward()
				c.backward()
			}))
		}
	}
}

func FuzzAttention(f *testing.F) {
	f.Add(uint64(1), uint8(3), uint8(20), uint8(20), uint8(2), uint8(24), uint8(0))
	f.Add(uint64(2), uint8(40), uint8(3), uint8(3), uint8(4), uint8(8), uint8(12))
	f.Fuzz(func(t *testing.T, seed uint64, sequences, rows, keys, heads, head, flags uint8) {
		r := rand.New(rand.NewPCG(seed, 1))
		n, m := int(rows%70), int(keys%70)
		if flags&4 != 0 {
			m = n
		}
		c := newAttnCase(r, int(sequences%20), n, m, int(heads%5)+1, int(head%40)+1, flags&8 != 0 && n == m, int(flags>>6), int(flags>>4&3))
		if m > 0 {
			c.verify(t, Tier())
		}
	})
}
