package asm

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// rowLengths covers every remainder of the vector width and the block width.
func rowLengths() []int {
	n := []int{}
	for i := 1; i <= 70; i++ {
		n = append(n, i)
	}
	return append(n, 96, 127, 128, 129, 130)
}

func fill(r *rand.Rand, x []float32) []float32 {
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	return x
}

func floats(r *rand.Rand, n int) []float32 { return fill(r, make([]float32, n)) }

func inDelta(t testing.TB, want float64, got float32, tol float64, what string, args ...any) {
	t.Helper()
	if !close64(float64(got), want, tol) {
		require.FailNow(t, "wrong value", "%s %v: got %g, want %g +- %g", what, args, got, want, tol)
	}
}

func TestSoftmaxRows(t *testing.T) {
	eachTier(t, func(tier string) {
		r := rand.New(rand.NewPCG(11, 12))
		for _, cols := range rowLengths() {
			rows := 3
			x := floats(r, rows*cols)
			Scale(5, x)
			if cols > 2 {
				x[1] = -inf32  // a masked entry
				x[cols] = -200 // underflows
			}
			y, check := guarded(rows*cols, cols%4)
			SoftmaxRows(y, x, rows, cols)
			check(t, "SoftmaxRows")
			for i := range rows {
				top, sum := math.Inf(-1), 0.0
				for _, v := range x[i*cols:][:cols] {
					top = max(top, float64(v))
				}
				for _, v := range x[i*cols:][:cols] {
					sum += math.Exp(float64(v) - top)
				}
				for j, v := range x[i*cols:][:cols] {
					w := math.Exp(float64(v)-top) / sum
					// x-max rounds once: the relative error grows with its size.
					tol := (8+float64(cols)/8)*ulp(w) + w*0x1p-24*math.Abs(float64(v)-top)
					if w == 0 {
						tol = 0
					}
					inDelta(t, w, y[i*cols+j], tol, tier+" softmax", cols, i, j)
				}
			}
			inPlace := append([]float32(nil), x...)
			SoftmaxRows(inPlace, inPlace, rows, cols)
			require.Equal(t, y[:rows*cols], inPlace)

			dy, old := floats(r, rows*cols), floats(r, rows*cols)
			for _, acc := range []bool{false, true} {
				dx, check := guarded(rows*cols, cols%3)
				copy(dx, old)
				SoftmaxRowsGrad(dx, y, dy, rows, cols, acc)
				check(t, "SoftmaxRowsGrad")
				for i := range rows {
					var s, mag float64
					for j := range cols {
						s += float64(y[i*cols+j]) * float64(dy[i*cols+j])
						mag += math.Abs(float64(y[i*cols+j]) * float64(dy[i*cols+j]))
					}
					for j := range cols {
						k := i*cols + j
						w := float64(y[k]) * (float64(dy[k]) - s)
						if acc {
							w += float64(old[k])
						}
						inDelta(t, w, dx[k], 2e-7*(math.Abs(float64(dy[k]))+mag+math.Abs(w)), tier+" softmax grad", cols, i, j)
					}
				}
			}
		}
	})
}

func TestSoftmaxSpecialRows(t *testing.T) {
	eachTier(t, func(tier string) {
		for _, cols := range []int{1, 5, 8, 19} {
			for at := range cols {
				x, y := make([]float32, cols), make([]float32, cols)
				for i := range x {
					x[i] = -inf32
				}
				SoftmaxRows(y, x, 1, cols)
				require.Equal(t, make([]float32, cols), y, "%s: all masked", tier)
				x[at] = 3
				SoftmaxRows(y, x, 1, cols)
				for i, v := range y {
					require.Equal(t, i == at, v == 1, "%s: one left", tier)
				}
				for _, bad := range []float32{nan32, inf32} {
					for _, rest := range []float32{-inf32, 0.5} {
						for i := range x {
							x[i] = rest
						}
						x[at] = bad
						if bad == inf32 && rest == -inf32 && cols > 1 {
							// exp(-Inf) = 0 there, the entry itself is NaN and spoils the sum.
							continue
						}
						SoftmaxRows(y, x, 1, cols)
						for i, v := range y {
							require.True(t, v != v, "%s: %g at %d of %d among %g: y[%d] = %g", tier, bad, at, cols, rest, i, v)
						}
					}
				}
			}
		}
	})
}

// Rows that the kernel declines stand between others, over several calls of it.
func TestSoftmaxDeclinedRows(t *testing.T) {
	eachTier(t, func(tier string) {
		r := rand.New(rand.NewPCG(21, 22))
		const rows, cols = 500, 67
		x, y, alone := floats(r, rows*cols), make([]float32, rows*cols), make([]float32, cols)
		for i := range rows {
			switch {
			case i%7 == 3 || i == rows-1:
				for j := range cols {
					x[i*cols+j] = -inf32
				}
			case i%11 == 0:
				x[i*cols+i%cols] = nan32
			case i%13 == 0:
				x[i*cols+i%cols] = inf32
			}
		}
		SoftmaxRows(y, x, rows, cols)
		for i := range rows {
			SoftmaxRows(alone, x[i*cols:][:cols], 1, cols)
			for j, v := range alone {
				require.True(t, sameBits(v, y[i*cols+j]), "%s: row %d", tier, i)
			}
		}
	})
}

// A kernel call takes many rows; each must come out as when it is alone.
func TestRowsTogether(t *testing.T) {
	eachTier(t, func(tier string) {
		r := rand.New(rand.NewPCG(23, 24))
		for _, s := range [][2]int{{700, 33}, {41, 130}, {9, 4096}, {2, maxCall + 5}, {1000, 1}, {37, 64}} {
			rows, cols := s[0], s[1]
			n := rows * cols
			x, dy, old := floats(r, 3*n), floats(r, n), floats(r, 3*n)
			gh, save := floats(r, 3*n), floats(r, 4*n)
			gain, bias := floats(r, cols), floats(r, cols)
			rstd, mean := floats(r, rows), floats(r, rows)
			type output struct {
				width int // elements per row
				data  []float32
			}
			run := func(x, gh, save, dy, mean, rstd []float32, lo, rows int) (out []output) {
				at := func(x []float32, width int) []float32 { return x[lo*width:][:rows*width] }
				add := func(width int) []float32 {
					y := append([]float32(nil), at(old, width)...)
					out = append(out, output{width, y})
					return y
				}
				SoftmaxRows(add(cols), at(x, cols), rows, cols)
				SoftmaxRowsGrad(add(cols), at(x, cols), at(dy, cols), rows, cols, true)
				RMSNormRows(add(cols), at(x, cols), gain, add(1), rows, cols, 1e-5)
				LayerNormRows(add(cols), at(x, cols), gain, bias, add(1), add(1), rows, cols, 1e-5)
				RMSNormRowsGrad(add(cols), make([]float32, cols), at(x, cols), gain, at(rstd, 1), at(dy, cols), rows, cols)
				LayerNormRowsGrad(add(cols), make([]float32, cols), make([]float32, cols), at(x, cols), gain, at(mean, 1), at(rstd, 1), at(dy, cols), rows, cols)
				GluRows(add(cols), at(x, 2*cols), rows, cols)
				GluRowsGrad(add(2*cols), at(x, 2*cols), at(dy, cols), rows, cols)
				GRUGates(add(cols), at(x, 3*cols), at(gh, 3*cols), at(dy, cols), nil, rows, cols)
				GRUGatesGrad(add(3*cols), add(3*cols), add(cols), at(dy, cols), at(save, 4*cols), at(x, cols), rows, cols)
				return out
			}
			together := run(x, gh, save, dy, mean, rstd, 0, rows)
			for i := 0; i < rows; i += 1 + rows/10 {
				for k, alone := range run(x, gh, save, dy, mean, rstd, i, 1) {
					whole := together[k]
					require.Equal(t, whole.data[i*whole.width:][:whole.width], alone.data, "%s: output %d, row %d of %d x %d", tier, k, i, rows, cols)
				}
			}
		}
	})
}

func TestGluRows(t *testing.T) {
	eachTier(t, func(tier string) {
		r := rand.New(rand.NewPCG(25, 26))
		for _, h := range rowLengths() {
			const rows = 3
			x, dy, old := floats(r, rows*2*h), floats(r, rows*h), floats(r, rows*2*h)
			Scale(2, x)
			y, check := guarded(rows*h, h%4)
			GluRows(y, x, rows, h)
			check(t, "GluRows")
			dx, check := guarded(rows*2*h, (h+1)%4)
			copy(dx, old)
			GluRowsGrad(dx, x, dy, rows, h)
			check(t, "GluRowsGrad")
			for i := range rows {
				for j := range h {
					u, v, d := float64(x[i*2*h+j]), float64(x[i*2*h+h+j]), float64(dy[i*h+j])
					g := geluNaive(u)
					inDelta(t, g*v, y[i*h+j], 1e-6*math.Abs(v)*(1+math.Abs(u)), tier+" glu", h, i, j)
					inDelta(t, float64(old[i*2*h+j])+d*v*geluGradNaive(u), dx[i*2*h+j], 3e-6*(1+math.Abs(d*v)), tier+" du", h, i, j)
					inDelta(t, float64(old[i*2*h+h+j])+d*g, dx[i*2*h+h+j], 1e-6*(1+math.Abs(d*g)), tier+" dv", h, i, j)
				}
			}
		}
	})
}

func TestAddColumnSums(t *testing.T) {
	eachTier(t, func(tier string) {
		r := rand.New(rand.NewPCG(27, 28))
		for _, cols := range append(rowLengths(), 5000, maxCall+1) {
			for _, rows := range []int{0, 1, 5, 9} {
				x, old := floats(r, rows*cols), floats(r, cols)
				dst, check := guarded(cols, cols%4)
				copy(dst, old)
				AddColumnSums(dst, x, rows, cols)
				check(t, "AddColumnSums")
				for i := range rows {
					addGo(old, old, x[i*cols:][:cols])
				}
				require.Equal(t, old, []float32(dst), "%s %d x %d", tier, rows, cols)
			}
		}
	})
}

// Neither do they force buffers of their callers to the heap.
func TestRowsAndMapsDoNotAllocate(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	const rows, cols = 40, 33
	const n = rows * cols
	x, y, z, w := make([]float32, 4*n), make([]float32, 4*n), make([]float32, 4*n), make([]float32, 4*n)
	eachTier(t, func(tier string) {
		for name, f := range map[string]func(){
			"maps": func() {
				var buf [40]float32 // must not escape
				Exp(buf[:], x[:40])
				Add(x, y, z)
				MulAdd(x, y, z)
				Axpy(1, x, y)
				Scale(0.5, x)
				sink = Sum(x) + Dot(x, y)
				Exp(x, y)
				Tanh(x, y)
				Sigmoid(x, y)
				Gelu(x, y)
				Softplus(x, y)
				Expm1OverX(x, y)
				SinCos(x, y, z)
				GeluGrad(x, y, z, true)
				TanhGrad(x, y, z, true)
				SigmoidGrad(x, y, z, true)
				AdamW(x, y, z, w, 1e-3, 0.9, 0.9, 1e-8, 0, 1, 1)
			},
			"rows": func() {
				SoftmaxRows(y, x, rows, cols)
				SoftmaxRowsGrad(z, y, x, rows, cols, true)
				RMSNormRows(y, x, z, w, rows, cols, 1e-5)
				LayerNormRows(y, x, z, z, w, w[rows:], rows, cols, 1e-5)
				RMSNormRowsGrad(y, z, x, w, w, x, rows, cols)
				LayerNormRowsGrad(y, z, z[cols:], x, w, w, w, x, rows, cols)
				AddColumnSums(z, x, rows, cols)
				GluRows(y, x, rows, cols)
				GluRowsGrad(z, x, y, rows, cols)
				GRUGates(y, x, x, w, z, rows, cols)
				GRUGatesGrad(y, z, w[n:], w, x, w, rows, cols)
			},
		} {
			require.Zero(t, testing.AllocsPerRun(3, f), "%s %s", tier, name)
		}
	})
}

// normNaive computes a normalised row and its gradients in float64.
func normNaive(x, gain, bias, dy []float32, eps float64, centred bool) (y, dx, dgain []float64, mean, rstd float64) {
	n := float64(len(x))
	if centred {
		for _, v := range x {
			mean += float64(v) / n
		}
	}
	for _, v := range x {
		rstd += (float64(v) - mean) * (float64(v) - mean) / n
	}
	rstd = 1 / math.Sqrt(rstd+eps)
	y, dx, dgain = make([]float64, len(x)), make([]float64, len(x)), make([]float64, len(x))
	var s1, s2 float64
	for i, v := range x {
		h := (float64(v) - mean) * rstd
		y[i] = h * float64(gain[i])
		if centred {
			y[i] += float64(bias[i])
		}
		d := float64(dy[i]) * float64(gain[i])
		if centred {
			s1 += d / n
		}
		s2 += d * h / n
		dgain[i] = float64(dy[i]) * h
	}
	for i, v := range x {
		h := (float64(v) - mean) * rstd
		dx[i] = rstd * (float64(dy[i])*float64(gain[i]) - s1 - h*s2)
	}
	return
}

func TestNormRows(t *testing.T) {
	const rows, eps = 3, 1e-5
	eachTier(t, func(tier string) {
		for _, centred := range []bool{false, true} {
			r := rand.New(rand.NewPCG(13, 14))
			for _, cols := range rowLengths() {
				n := rows * cols
				x, gain, bias, dy := floats(r, n), floats(r, cols), floats(r, cols), floats(r, n)
				if centred {
					for i := range x {
						x[i] += 3
					}
				}
				y, checkY := guarded(n, cols%4)
				mean, rstd := make([]float32, rows), make([]float32, rows)
				dx, checkX := guarded(n, (cols+1)%4)
				dgain, checkG := guarded(cols, (cols+2)%4)
				dbias, checkB := guarded(cols, (cols+3)%4)
				oldX, oldG, oldB := floats(r, n), floats(r, cols), floats(r, cols)
				copy(dx, oldX)
				copy(dgain, oldG)
				copy(dbias, oldB)
				if centred {
					LayerNormRows(y, x, gain, bias, mean, rstd, rows, cols, eps)
					LayerNormRowsGrad(dx, dgain, dbias, x, gain, mean, rstd, dy, rows, cols)
				} else {
					RMSNormRows(y, x, gain, rstd, rows, cols, eps)
					RMSNormRowsGrad(dx, dgain, x, gain, rstd, dy, rows, cols)
				}
				checkY(t, "y")
				checkX(t, "dx")
				checkG(t, "dgain")
				checkB(t, "dbias")

				wantG, wantB := make([]float64, cols), make([]float64, cols)
				for j := range cols {
					wantG[j], wantB[j] = float64(oldG[j]), float64(oldB[j])
				}
				for i := range rows {
					yi, dxi, dg, mu, s := normNaive(x[i*cols:][:cols], gain, bias, dy[i*cols:][:cols], eps, centred)
					// With few columns the spread may be tiny and rstd large.
					scale := 1 + s
					if centred {
						inDelta(t, mu, mean[i], 1e-6*(1+math.Abs(mu)), tier+" mean", cols, i)
					}
					inDelta(t, s, rstd[i], 2e-6*s*scale, tier+" rstd", cols, i)
					for j := range cols {
						inDelta(t, yi[j], y[i*cols+j], 4e-6*scale, tier+" y", centred, cols, i, j)
						inDelta(t, dxi[j]+float64(oldX[i*cols+j]), dx[i*cols+j], 2e-5*scale*scale, tier+" dx", centred, cols, i, j)
						wantG[j] += dg[j]
						wantB[j] += float64(dy[i*cols+j])
					}
				}
				for j := range cols {
					inDelta(t, wantG[j], dgain[j], 1e-4, tier+" dgain", centred, cols, j)
					if centred {
						inDelta(t, wantB[j], dbias[j], 1e-5, tier+" dbias", cols, j)
					}
				}

				// In place, and each gradient alone, give the same bits.
				inPlace := append([]float32(nil), x...)
				dx2, dgain2 := append([]float32(nil), oldX...), append([]float32(nil), oldG...)
				if centred {
					LayerNormRows(inPlace, inPlace, gain, bias, nil, nil, rows, cols, eps)
					LayerNormRowsGrad(dx2, nil, nil, x, gain, mean, rstd, dy, rows, cols)
					LayerNormRowsGrad(nil, dgain2, nil, x, gain, mean, rstd, dy, rows, cols)
				} else {
					RMSNormRows(inPlace, inPlace, gain, nil, rows, cols, eps)
					RMSNormRowsGrad(dx2, nil, x, gain, rstd, dy, rows, cols)
					RMSNormRowsGrad(nil, dgain2, x, gain, rstd, dy, rows, cols)
				}
				require.Equal(t, []float32(y), inPlace)
				require.Equal(t, []float32(dx), dx2)
				require.Equal(t, []float32(dgain), dgain2)
			}
		}
	})
}

// The ordered-sum and exact classes give the same bits on every tier.
func TestRowsSameBitsOnEveryTier(t *testing.T) {
	var first [][]float32
	eachTier(t, func(tier string) {
		r := rand.New(rand.NewPCG(15, 16))
		var got [][]float32
		for _, cols := range rowLengths() {
			const rows = 2
			n := rows * cols
			x, gain, bias, dy, save := floats(r, n), floats(r, cols), floats(r, cols), floats(r, n), floats(r, 4*n)
			y, mean, rstd := make([]float32, n), make([]float32, rows), make([]float32, rows)
			dx, dg, db := make([]float32, n), make([]float32, cols), make([]float32, cols)
			LayerNormRows(y, x, gain, bias, mean, rstd, rows, cols, 1e-5)
			LayerNormRowsGrad(dx, dg, db, x, gain, mean, rstd, dy, rows, cols)
			AddColumnSums(db, dy, rows, cols)
			y2, r2 := make([]float32, n), make([]float32, rows)
			RMSNormRows(y2, x, gain, r2, rows, cols, 1e-5)
			RMSNormRowsGrad(dx, dg, x, gain, r2, dy, rows, cols)
			SoftmaxRowsGrad(dx, y, dy, rows, cols, true)
			dgi, dgh := make([]float32, 3*n), make([]float32, 3*n)
			GRUGatesGrad(dgi, dgh, dx, dy, save, x, rows, cols)
			got = append(got, y, mean, rstd, y2, r2, dx, dg, db, dgi, dgh)
		}
		if first == nil {
			first = got
			return
		}
		require.Equal(t, first, got)
	})
}

func TestGRUGates(t *testing.T) {
	eachTier(t, func(tier string) {
		r := rand.New(rand.NewPCG(17, 18))
		for _, h := range rowLengths() {
			const rows = 2
			gi, gh, hPrev := floats(r, rows*3*h), floats(r, rows*3*h), floats(r, rows*h)
			Scale(3, gi)
			hNew, checkH := guarded(rows*h, h%4)
			save, checkS := guarded(rows*4*h, (h+1)%4)
			GRUGates(hNew, gi, gh, hPrev, save, rows, h)
			checkH(t, "hNew")
			checkS(t, "save")
			dh, old := floats(r, rows*h), floats(r, rows*h)
			dgi, check1 := guarded(rows*3*h, h%4)
			dgh, check2 := guarded(rows*3*h, (h+1)%4)
			dhp, check3 := guarded(rows*h, (h+2)%4)
			copy(dhp, old)
			GRUGatesGrad(dgi, dgh, dhp, dh, save, hPrev, rows, h)
			check1(t, "dgi")
			check2(t, "dgh")
			check3(t, "dhPrev")
			for i := range rows {
				for j := range h {
					at := func(x []float32, width, gate int) float64 { return float64(x[i*width*h+gate*h+j]) }
					rr := sigm(at(gi, 3, 0) + at(gh, 3, 0))
					z := sigm(at(gi, 3, 1) + at(gh, 3, 1))
					ghn := at(gh, 3, 2)
					n := math.Tanh(at(gi, 3, 2) + rr*ghn)
					hp := at(hPrev, 1, 0)
					for gate, w := range []float64{rr, z, n, ghn} {
						inDelta(t, w, save[i*4*h+gate*h+j], 1e-6, tier+" save", h, gate, j)
					}
					inDelta(t, (1-z)*n+z*hp, hNew[i*h+j], 2e-6, tier+" hNew", h, j)
					d := at(dh, 1, 0)
					dn := d * (1 - z) * (1 - n*n)
					dz := d * (hp - n) * z * (1 - z)
					dr := dn * ghn * rr * (1 - rr)
					for gate, w := range []float64{dr, dz, dn} {
						inDelta(t, w, dgi[i*3*h+gate*h+j], 1e-5, tier+" dgi", h, gate, j)
					}
					for gate, w := range []float64{dr, dz, dn * rr} {
						inDelta(t, w, dgh[i*3*h+gate*h+j], 1e-5, tier+" dgh", h, gate, j)
					}
					inDelta(t, at(old, 1, 0)+d*z, dhp[i*h+j], 1e-5, tier+" dhPrev", h, j)
				}
			}
			// In place and without save: the same bits.
			inPlace := append([]float32(nil), hPrev...)
			GRUGates(inPlace, gi, gh, inPlace, nil, rows, h)
			require.Equal(t, []float32(hNew), inPlace)
		}
		// NaN reaches the state.
		h := make([]float32, 9)
		gi := make([]float32, 27)
		gi[3] = nan32
		GRUGates(h, gi, make([]float32, 27), h, nil, 1, 9)
		for j, v := range h {
			require.Equal(t, j == 3, v != v)
		}
	})
}

// A row with NaN is NaN as a whole after normalisation.
func TestNormNaN(t *testing.T) {
	eachTier(t, func(tier string) {
		for _, cols := range []int{3, 8, 45} {
			x, gain := make([]float32, cols), make([]float32, cols)
			x[cols-1] = nan32
			y := make([]float32, cols)
			RMSNormRows(y, x, gain, nil, 1, cols, 1e-5)
			for _, v := range y {
				require.True(t, v != v, tier)
			}
			LayerNormRows(y, x, gain, gain, nil, nil, 1, cols, 1e-5)
			for _, v := range y {
				require.True(t, v != v, tier)
			}
		}
	})
}
