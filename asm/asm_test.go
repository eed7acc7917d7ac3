package asm

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

var (
	inf32 = float32(math.Inf(1))
	nan32 = float32(math.NaN())
)

// ulp is the spacing of float32 numbers at x.
func ulp(x float64) float64 {
	x = math.Abs(x)
	if x < 0x1p-126 {
		return 0x1p-149
	}
	_, e := math.Frexp(x)
	return math.Ldexp(1, max(e-24, -149))
}

// guarded allocates n elements at an offset in an array of sentinels; check fails if
// an element outside of the n was written.
func guarded(n, offset int) (x []float32, check func(t testing.TB, what string)) {
	const band, sentinel = 16, -12345.5
	all := make([]float32, band+offset+n+band)
	for i := range all {
		all[i] = sentinel
	}
	lo := band + offset
	return all[lo : lo+n : lo+n], func(t testing.TB, what string) {
		t.Helper()
		for i, v := range all {
			if (i < lo || i >= lo+n) && v != sentinel {
				require.FailNow(t, "write out of bounds", "%s: element %d of %d", what, i-lo, n)
			}
		}
	}
}

// mapCase is an element-wise kernel: out and in are rows of equal length, out holds
// old values when the kernel is called. want computes one element in float64; tol is
// the allowed absolute error (NaN: any value); a nil tol demands the bits of ref.
type mapCase struct {
	name      string
	outs, ins int
	run, ref  func(out, in [][]float32)
	want      func(out, in []float64) []float64
	tol       func(want float64, in []float64) float64
}

func ulps(n float64) func(float64, []float64) float64 {
	return func(w float64, _ []float64) float64 { return n * ulp(w) }
}

func one(y float64) []float64 { return []float64{y} }

func sigm(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

func phi1(x float64) float64 {
	if x == 0 {
		return 1
	}
	if math.IsInf(x, 1) {
		return x
	}
	return math.Expm1(x) / x
}

func softplusNaive(x float64) float64 { return max(x, 0) + math.Log1p(math.Exp(-math.Abs(x))) }

// geluArg is 2*sqrt(2/pi)*(x + 0.044715 x^3).
func geluArg(x float64) float64 { return 2 * math.Sqrt(2/math.Pi) * (x + 0.044715*x*x*x) }

func geluNaive(x float64) float64 {
	if math.IsInf(x, -1) {
		return 0
	}
	return x / (1 + math.Exp(-geluArg(x)))
}

func geluGradNaive(x float64) float64 {
	if math.Abs(x) > 50 {
		return sigm(x)
	}
	s := sigm(geluArg(x))
	return s + x*s*(1-s)*2*math.Sqrt(2/math.Pi)*(1+3*0.044715*x*x)
}

const (
	tLR, tB1, tB2, tEps, tDecay = 3e-3, 0.9, 0.98, 1e-8, 0.1
	tC1, tC2                    = 0.271, 0.0588
)

var adamTest = func() adamCoef {
	lr, b1, b2, decay, c1, c2 := float32(tLR), float32(tB1), float32(tB2), float32(tDecay), float32(tC1), float32(tC2)
	return adamCoef{b1, 1 - b1, b2, 1 - b2, lr / c1, 1 / c2, tEps, 1 - float32(lr*decay)}
}()

func mapCases() []mapCase {
	unary := func(name string, f, g func(dst, x []float32), want func(float64) float64, tol func(float64, []float64) float64) mapCase {
		return mapCase{name, 1, 1,
			func(o, x [][]float32) { f(o[0], x[0]) }, func(o, x [][]float32) { g(o[0], x[0]) },
			func(_, x []float64) []float64 { return one(want(x[0])) }, tol}
	}
	binary := func(name string, f, g func(dst, a, b []float32), want func(o, a, b float64) float64) mapCase {
		return mapCase{name, 1, 2,
			func(o, x [][]float32) { f(o[0], x[0], x[1]) }, func(o, x [][]float32) { g(o[0], x[0], x[1]) },
			func(o, x []float64) []float64 { return one(want(o[0], x[0], x[1])) }, nil}
	}
	geluGrad := func(acc bool) mapCase {
		return mapCase{fmt.Sprintf("GeluGrad/acc=%v", acc), 1, 2,
			func(o, x [][]float32) { GeluGrad(o[0], x[0], x[1], acc) },
			func(o, x [][]float32) { geluGradGo(o[0], x[0], x[1], acc) },
			func(o, x []float64) []float64 {
				y := geluGradNaive(x[0]) * x[1]
				if acc {
					y += o[0]
				}
				return one(y)
			},
			func(w float64, x []float64) float64 {
				if math.IsInf(x[1], 0) {
					return math.NaN() // Inf times a derivative that may round to zero
				}
				return 1e-6*math.Abs(x[1]) + 2*ulp(w)
			}}
	}
	// The gradients from an output are exact: the bits of the reference suffice.
	fromOutput := func(name string, acc bool, f, g func(dx, y, dy []float32, acc bool)) mapCase {
		return mapCase{fmt.Sprintf("%s/acc=%v", name, acc), 1, 2,
			func(o, x [][]float32) { f(o[0], x[0], x[1], acc) },
			func(o, x [][]float32) { g(o[0], x[0], x[1], acc) }, nil, nil}
	}
	return []mapCase{
		fromOutput("TanhGrad", false, TanhGrad, tanhGradGo), fromOutput("TanhGrad", true, TanhGrad, tanhGradGo),
		fromOutput("SigmoidGrad", false, SigmoidGrad, sigmoidGradGo), fromOutput("SigmoidGrad", true, SigmoidGrad, sigmoidGradGo),
		binary("Add", Add, addGo, func(_, a, b float64) float64 { return a + b }),
		binary("Sub", Sub, subGo, func(_, a, b float64) float64 { return a - b }),
		binary("Mul", Mul, mulGo, func(_, a, b float64) float64 { return a * b }),
		binary("MulAdd", MulAdd, mulAddGo, func(o, a, b float64) float64 { return o + float64(float32(a*b)) }),
		{"AddTo", 1, 1,
			func(o, x [][]float32) { AddTo(o[0], x[0]) }, func(o, x [][]float32) { addGo(o[0], o[0], x[0]) },
			func(o, x []float64) []float64 { return one(o[0] + x[0]) }, nil},
		{"Axpy", 1, 1,
			func(o, x [][]float32) { Axpy(-1.7, x[0], o[0]) }, func(o, x [][]float32) { axpyGo(-1.7, x[0], o[0]) },
			func(o, x []float64) []float64 {
				a := float32(-1.7)
				return one(o[0] + float64(float32(float64(a)*x[0])))
			}, nil},
		{"Scale", 1, 0,
			func(o, _ [][]float32) { Scale(-1.7, o[0]) }, func(o, _ [][]float32) { scaleGo(-1.7, o[0]) },
			func(o, _ []float64) []float64 { a := float32(-1.7); return one(float64(a) * o[0]) }, nil},
		{"AdamW", 3, 1,
			func(o, x [][]float32) { AdamW(o[0], x[0], o[1], o[2], tLR, tB1, tB2, tEps, tDecay, tC1, tC2) },
			func(o, x [][]float32) { adamWGo(o[0], x[0], o[1], o[2], &adamTest) },
			nil, nil}, // compared with float64 in TestAdamW
		unary("Exp", Exp, expGo, math.Exp, ulps(1.5)),
		unary("Tanh", Tanh, tanhGo, math.Tanh, ulps(3)),
		unary("Sigmoid", Sigmoid, sigmoidGo, sigm, ulps(4)),
		unary("Gelu", Gelu, geluGo, geluNaive, func(w float64, x []float64) float64 {
			if x[0] >= -1 {
				return 4 * ulp(w)
			}
			return 256 * ulp(w)
		}),
		unary("Expm1OverX", Expm1OverX, expm1OverXGo, phi1, ulps(2.5)),
		unary("Softplus", Softplus, softplusGo, softplusNaive, ulps(4)),
		geluGrad(false), geluGrad(true),
		{"SinCos", 2, 1,
			func(o, x [][]float32) { SinCos(o[0], o[1], x[0]) }, func(o, x [][]float32) { sinCosGo(o[0], o[1], x[0]) },
			func(_, x []float64) []float64 { return []float64{math.Sin(x[0]), math.Cos(x[0])} },
			func(w float64, _ []float64) float64 { return max(2*ulp(w), 1e-7) }},
	}
}

var specials = []float32{
	0, float32(math.Copysign(0, -1)), inf32, -inf32, nan32, 1, -1, 1e-45, -1e-45, 1e-39, -3e-39, 1.2e-38,
	math.MaxFloat32, -math.MaxFloat32, 88.7, 88.72283, 88.73, 89, 92, 93, 94, 96, 120, -87, -87.4, -88, -100, -103.9, -104, -105,
	-20, -19.9, 20, 87, 87.1, -87.1, 60, 61, -125, 150, 1e-8, -1e-8, 3e-8, 1e-4, -1e-4, 0.3466, 0.3465, 131072, 131072.02, -131080, 130000, 1e9, 1.1e9, 1e15, -1e9, 1e30, -1e30, 3.1415927, 1.5707964,
	-3e-30, 9, 9.01, -9.02, 10, -15, 6.5e4, 1e37,
}

func randomInput(r *rand.Rand, x []float32, special bool) {
	scale := []float64{1, 10, 1e-3, 40}[r.IntN(4)]
	for i := range x {
		x[i] = float32(r.NormFloat64() * scale)
		if special && r.IntN(4) == 0 {
			x[i] = specials[r.IntN(len(specials))]
		}
	}
}

func sameBits(a, b float32) bool {
	return math.Float32bits(a) == math.Float32bits(b) || (a != a && b != b)
}

// checkMap runs one case on random rows and compares with the naive formula and, for
// exact kernels, with the reference bit by bit.
func checkMap(t testing.TB, c mapCase, in, old [][]float32, offset int) {
	n := 0
	if len(in) > 0 {
		n = len(in[0])
	} else {
		n = len(old[0])
	}
	out := make([][]float32, c.outs)
	ref := make([][]float32, c.outs)
	checks := make([]func(testing.TB, string), c.outs)
	for j := range out {
		out[j], checks[j] = guarded(n, offset)
		copy(out[j], old[j])
		ref[j] = append([]float32(nil), old[j]...)
	}
	src := make([][]float32, c.ins)
	for j := range src {
		var chk func(testing.TB, string)
		src[j], chk = guarded(n, (offset+j)%4)
		copy(src[j], in[j])
		defer chk(t, c.name+" input")
	}
	c.run(out, src)
	c.ref(ref, in)
	for j := range out {
		checks[j](t, c.name)
	}
	for j := range src {
		for i := range src[j] {
			if !sameBits(src[j][i], in[j][i]) {
				require.FailNow(t, "input changed", c.name)
			}
		}
	}
	o64, i64 := make([]float64, c.outs), make([]float64, c.ins)
	for i := range n {
		for j := range o64 {
			o64[j] = float64(old[j][i])
		}
		for j := range i64 {
			i64[j] = float64(in[j][i])
		}
		if c.want != nil {
			for j, w := range c.want(o64, i64) {
				got := float64(out[j][i])
				tol := ulp(w) / 2
				if c.tol != nil {
					tol = c.tol(w, i64)
				}
				if !close64(got, w, tol) {
					require.FailNow(t, "wrong value", "%s n=%d offset=%d: out %d at %d: got %g, want %g +- %g, in %v, old %v", c.name, n, offset, j, i, got, w, tol, i64, o64)
				}
			}
		}
		if c.tol == nil {
			for j := range out {
				if !sameBits(out[j][i], ref[j][i]) {
					require.FailNow(t, "bits differ from reference", "%s n=%d: out %d at %d: got %g, reference %g, in %v, old %v", c.name, n, j, i, out[j][i], ref[j][i], i64, o64)
				}
			}
		}
	}
}

// close64 compares a float32 result with a float64 one: NaN with NaN, Inf with what
// overflows.
func close64(got, want, tol float64) bool {
	if tol != tol {
		return true
	}
	if want != want || got != got {
		return want != want && got != got
	}
	if math.IsInf(got, 0) || math.IsInf(want, 0) {
		return got == want || (math.IsInf(got, 0) && math.Signbit(got) == math.Signbit(want) && math.Abs(want)+tol >= 3.4028235677973366e38)
	}
	return math.Abs(got-want) <= tol
}

func TestMaps(t *testing.T) {
	eachTier(t, func(tier string) {
		for _, c := range mapCases() {
			t.Run(tier+"/"+c.name, func(t *testing.T) {
				r := rand.New(rand.NewPCG(1, 2))
				for n := 0; n <= 130; n++ {
					if raceEnabled && n > 40 && n%5 != 0 {
						continue // instrumented checks are slow; the lengths run without
					}
					for offset := range 4 {
						in, old := make([][]float32, c.ins), make([][]float32, c.outs)
						for j := range in {
							in[j] = make([]float32, n)
							randomInput(r, in[j], offset&1 == 1)
						}
						for j := range old {
							old[j] = make([]float32, n)
							randomInput(r, old[j], offset&1 == 1)
							if c.name == "AdamW" && j == 2 {
								Mul(old[j], old[j], old[j]) // second moments are not negative
							}
						}
						checkMap(t, c, in, old, offset)
					}
				}
			})
		}
	})
}

// Every special value through every unary function, at a place in a vector and in a
// tail.
func TestMapSpecials(t *testing.T) {
	eachTier(t, func(tier string) {
		for _, c := range mapCases() {
			if c.ins != 1 || c.want == nil {
				continue
			}
			for _, v := range specials {
				for _, n := range []int{1, 9} {
					x := make([]float32, n)
					for i := range x {
						x[i] = v
					}
					old := make([][]float32, c.outs)
					for j := range old {
						old[j] = make([]float32, n)
					}
					checkMap(t, c, [][]float32{x}, old, 1)
				}
			}
		}
	})
}

// A dense sweep of the range where each function does something, of small magnitudes
// and of all bit patterns; also reports the greatest error seen. With
// LASSODE_SWEEP=n the sweeps have n points each.
func TestElementaryAccuracy(t *testing.T) {
	n := 30000
	if v, err := strconv.Atoi(os.Getenv("LASSODE_SWEEP")); err == nil {
		n = v
	}
	if testing.Short() || raceEnabled {
		n = 2000
	}
	ranges := map[string][2]float64{
		"Exp": {-104, 89}, "Tanh": {-12, 12}, "Sigmoid": {-100, 40}, "Gelu": {-6, 8},
		"Expm1OverX": {-40, 94}, "SinCos": {-5000, 5000}, "Softplus": {-104, 40},
	}
	eachTier(t, func(tier string) {
		for _, c := range mapCases() {
			lim, ok := ranges[c.name]
			if !ok {
				continue
			}
			t.Run(tier+"/"+c.name, func(t *testing.T) {
				x := make([]float32, 3*n)
				for i := range n {
					x[2*n+i] = math.Float32frombits(uint32(float64(i) / float64(n) * (1 << 32)))
					x[i] = float32(lim[0] + (lim[1]-lim[0])*float64(i)/float64(n-1))
					x[n+i] = float32(math.Copysign(math.Exp(-25+27*float64(i)/float64(n-1)), float64(i&1)-0.5))
				}
				out := make([][]float32, c.outs)
				for j := range out {
					out[j] = make([]float32, len(x))
				}
				c.run(out, [][]float32{x})
				var worst, at float64
				for i, v := range x {
					in := []float64{float64(v)}
					for j, w := range c.want(nil, in) {
						got := float64(out[j][i])
						if !close64(got, w, c.tol(w, in)) {
							require.FailNow(t, "wrong value", "%s(%g) = %g, want %g", c.name, v, got, w)
						}
						if e := math.Abs(got-w) / ulp(w); math.Abs(w) > 1e-37 && !math.IsInf(got, 0) && e > worst && (c.name != "SinCos" || math.Abs(w) > 1e-2) {
							worst, at = e, float64(v)
						}
					}
				}
				t.Logf("worst error %.2f ulp at %g", worst, at)
			})
		}
	})
}

// unaryMaps are the kernels of one operand; two more of the same form stand for those
// with two outputs or more operands.
var unaryMaps = map[string]func(dst, x []float32){
	"Exp": Exp, "Tanh": Tanh, "Sigmoid": Sigmoid, "Gelu": Gelu, "Softplus": Softplus, "Expm1OverX": Expm1OverX,
	"Sin": func(dst, x []float32) { SinCos(dst, make([]float32, len(x)), x) },
	"Cos": func(dst, x []float32) { SinCos(make([]float32, len(x)), dst, x) },
}

// In place and out of place must give the same bits.
func TestMapAliasing(t *testing.T) {
	eachTier(t, func(tier string) {
		r := rand.New(rand.NewPCG(3, 4))
		for n := 0; n <= 70; n++ {
			x, y := make([]float32, n), make([]float32, n)
			randomInput(r, x, true)
			randomInput(r, y, true)
			dst, inPlace := make([]float32, n), make([]float32, n)
			equal := func(name string) {
				for i := range dst {
					require.True(t, sameBits(dst[i], inPlace[i]), "%s/%s n=%d at %d", tier, name, n, i)
				}
			}
			for name, f := range unaryMaps {
				copy(inPlace, x)
				f(dst, x)
				f(inPlace, inPlace)
				equal(name)
			}
			for name, f := range map[string]func(dst, a, b []float32){"Add": Add, "Sub": Sub, "Mul": Mul} {
				f(dst, x, y)
				copy(inPlace, x)
				f(inPlace, inPlace, y)
				equal(name + " first")
				copy(inPlace, y)
				f(inPlace, x, inPlace)
				equal(name + " second")
			}
			copy(inPlace, x)
			GeluGrad(dst, x, y, false)
			GeluGrad(inPlace, inPlace, y, false)
			equal("GeluGrad x")
			copy(inPlace, y)
			GeluGrad(inPlace, x, inPlace, false)
			equal("GeluGrad dy")
			for name, f := range map[string]func(dx, y, dy []float32, acc bool){"TanhGrad": TanhGrad, "SigmoidGrad": SigmoidGrad} {
				f(dst, x, y, false)
				copy(inPlace, x)
				f(inPlace, inPlace, y, false)
				equal(name + " y")
				copy(inPlace, y)
				f(inPlace, x, inPlace, false)
				equal(name + " dy")
			}
			c := make([]float32, n)
			SinCos(dst, c, x)
			copy(inPlace, x)
			SinCos(inPlace, c, inPlace)
			equal("SinCos sin")
			SinCos(c, dst, x)
			copy(inPlace, x)
			SinCos(c, inPlace, inPlace)
			equal("SinCos cos")
		}
	})
}

// The value at an element does not depend on where it stands, nor on its neighbours.
func TestMapPosition(t *testing.T) {
	eachTier(t, func(tier string) {
		r := rand.New(rand.NewPCG(5, 6))
		for range 20 {
			x, whole, single := make([]float32, 125), make([]float32, 125), make([]float32, 1)
			randomInput(r, x, true)
			for name, f := range unaryMaps {
				f(whole, x)
				for i := range x {
					f(single, x[i:i+1])
					require.True(t, sameBits(whole[i], single[0]), "%s/%s(%g)", tier, name, x[i])
				}
			}
		}
	})
}

func TestReductions(t *testing.T) {
	eachTier(t, func(tier string) {
		r := rand.New(rand.NewPCG(7, 8))
		lengths := []int{1000, sumBlock - 1, sumBlock, sumBlock + 1, 2*sumBlock + 77}
		for n := range 131 {
			lengths = append(lengths, n)
		}
		for _, n := range lengths {
			for offset := range 4 {
				a, _ := guarded(n, offset)
				b, _ := guarded(n, (offset+1)%4)
				randomInput(r, a, false)
				randomInput(r, b, false)
				var sum, mag, dot, dmag float64
				var sumRef, dotRef float32
				for i := range a {
					sum += float64(a[i])
					mag += math.Abs(float64(a[i]))
					dot += float64(a[i]) * float64(b[i])
					dmag += math.Abs(float64(a[i]) * float64(b[i]))
				}
				for i := 0; i < n; i += sumBlock {
					sumRef += sumGo(a[i:min(n, i+sumBlock)])
					dotRef += dotGo(a[i:min(n, i+sumBlock)], b[i:min(n, i+sumBlock)])
				}
				eps := 0x1p-24 * float64(n/32+8)
				require.InDelta(t, sum, float64(Sum(a)), eps*mag, "%s Sum n=%d", tier, n)
				require.InDelta(t, dot, float64(Dot(a, b)), eps*dmag, "%s Dot n=%d", tier, n)
				require.Equal(t, sumRef, Sum(a), "%s Sum bits n=%d", tier, n)
				require.Equal(t, dotRef, Dot(a, b), "%s Dot bits n=%d", tier, n)
				if n > 0 && n < 131 {
					i := r.IntN(n)
					a[i] = nan32
					require.True(t, math.IsNaN(float64(Sum(a))) && math.IsNaN(float64(Dot(a, b))), "NaN lost, n=%d", n)
					a[i] = inf32
					require.Equal(t, inf32, Sum(a), "n=%d", n)
				}
			}
		}
	})
}

func TestAdamW(t *testing.T) {
	eachTier(t, func(tier string) {
		r := rand.New(rand.NewPCG(9, 10))
		const n = 37
		w, g, m, v := make([]float32, n), make([]float32, n), make([]float32, n), make([]float32, n)
		randomInput(r, w, false)
		w64, m64, v64 := make([]float64, n), make([]float64, n), make([]float64, n)
		for i := range w {
			w64[i] = float64(w[i])
		}
		for step := 1; step <= 20; step++ {
			for i := range g {
				g[i] = float32(r.NormFloat64())
			}
			c1, c2 := 1-math.Pow(tB1, float64(step)), 1-math.Pow(tB2, float64(step))
			AdamW(w, g, m, v, tLR, tB1, tB2, tEps, tDecay, float32(c1), float32(c2))
			for i := range w {
				gi := float64(g[i])
				m64[i] = tB1*m64[i] + (1-tB1)*gi
				v64[i] = tB2*v64[i] + (1-tB2)*gi*gi
				w64[i] -= tLR * (m64[i]/c1/(math.Sqrt(v64[i]/c2)+tEps) + tDecay*w64[i])
			}
		}
		for i := range w {
			require.InDelta(t, w64[i], float64(w[i]), 1e-5*(1+math.Abs(w64[i])), "%s at %d", tier, i)
		}
	})
}

func TestLengthPanics(t *testing.T) {
	a, b := make([]float32, 3), make([]float32, 4)
	require.PanicsWithValue(t, "asm: Add: len(dst) = 3, len(b) = 4, want equal lengths", func() { Add(a, a, b) })
	require.PanicsWithValue(t, "asm: Dot: len(a) = 3, len(b) = 4, want equal lengths", func() { Dot(a, b) })
	require.PanicsWithValue(t, "asm: SoftmaxRows: len(x) = 3, want at least 4", func() { SoftmaxRows(b, a, 2, 2) })
	require.PanicsWithValue(t, "asm: Gemm: len(b) = 3, want at least 4 for 2 x 2 with ldb = 2", func() { Gemm(false, false, 2, 2, 2, b, 2, a, 2, b, 2, false) })
	require.PanicsWithValue(t, "asm: Gemm: lda = 1 is less than the 2 columns of a", func() { Gemm(false, false, 2, 2, 2, b, 1, b, 2, b, 2, false) })
	for name, f := range map[string]func(){
		"Sub": func() { Sub(a, b, b) }, "Mul": func() { Mul(a, b, b) }, "AddTo": func() { AddTo(a, b) }, "Axpy": func() { Axpy(1, a, b) },
		"MulAdd": func() { MulAdd(a, b, b) }, "Exp": func() { Exp(a, b) }, "Tanh": func() { Tanh(a, b) }, "Sigmoid": func() { Sigmoid(a, b) },
		"Gelu": func() { Gelu(a, b) }, "GeluGrad": func() { GeluGrad(a, a, b, false) }, "SinCos": func() { SinCos(a, a, b) },
		"Expm1OverX": func() { Expm1OverX(a, b) }, "AdamW": func() { AdamW(a, a, a, b, 1, 1, 1, 1, 1, 1, 1) },
		"Softplus": func() { Softplus(a, b) }, "TanhGrad": func() { TanhGrad(a, a, b, false) }, "SigmoidGrad": func() { SigmoidGrad(a, b, a, true) },
		"AddColumnSums": func() { AddColumnSums(a, b, 1, 4) }, "GluRows": func() { GluRows(a, b, 1, 3) }, "GluRowsGrad": func() { GluRowsGrad(a, b, b, 1, 2) },
		"SoftmaxRowsGrad": func() { SoftmaxRowsGrad(b, b, a, 1, 4, false) }, "RMSNormRows": func() { RMSNormRows(b, b, a, nil, 1, 4, 0) },
		"RMSNormRowsGrad": func() { RMSNormRowsGrad(b, b, b, b, nil, b, 1, 4) }, "LayerNormRows": func() { LayerNormRows(b, b, b, a, nil, nil, 1, 4, 0) },
		"LayerNormRowsGrad": func() { LayerNormRowsGrad(b, b, b, b, b, nil, b, b, 1, 4) },
		"GRUGates":          func() { GRUGates(a, b, b, b, nil, 1, 2) }, "GRUGatesGrad": func() { GRUGatesGrad(b, b, b, b, b, b, 1, 2) },
		"negative": func() { SoftmaxRows(a, a, -1, 2) }, "Gemm negative": func() { Gemm(false, false, -1, 2, 2, b, 2, b, 2, b, 2, false) },
	} {
		require.Panics(t, f, name)
	}
}
