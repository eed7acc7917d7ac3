package optim

import (
	"math"

	"github.com/lassode/lassode/asm"
)

// Newton-Schulz iteration of Muon: X <- a X + (b A + c A A) X with A = X X^T.
// The quintic's coefficients maximise the slope at zero; after five steps all
// singular values are within about 0.7 to 1.2, which is orthogonal enough.
const (
	nsA, nsB, nsC = 3.4445, -4.7750, 2.0315
	nsSteps       = 5
	nsEps         = 1e-7 // keeps a zero gradient zero
)

// muonScratch is the workspace of one Muon task.
type muonScratch struct{ x, y, a, b []float32 }

func (o *Optimizer) takeScratch() *muonScratch {
	o.mu.Lock()
	defer o.mu.Unlock()
	if n := len(o.free); n > 0 {
		s := o.free[n-1]
		o.free = o.free[:n-1]
		return s
	}
	return &muonScratch{
		x: make([]float32, o.size[0]), y: make([]float32, o.size[0]),
		a: make([]float32, o.size[1]), b: make([]float32, o.size[1]),
	}
}

func (o *Optimizer) giveScratch(s *muonScratch) {
	o.mu.Lock()
	o.free = append(o.free, s)
	o.mu.Unlock()
}

// muonStep updates one column block: momentum = mu*momentum + g, the Nesterov
// direction g + mu*momentum is orthogonalised, scaled by sqrt(max(1, out/in))
// and subtracted. Weights are stored [in, out], so out/in is cols/rows here;
// it is the rows/cols of the usual description, which stores [out, in].
func (o *Optimizer) muonStep(k *task, g *Group) {
	s := o.takeScratch()
	defer o.giveScratch(s)
	mu := float32(g.Momentum)
	// The iteration runs on the orientation with fewer rows.
	wide := k.rows <= k.cols
	m, n := k.rows, k.cols
	if !wide {
		m, n = n, m
	}
	x := s.x[:m*n]
	for r := 0; r < k.rows; r++ {
		at := r*k.ld + k.col
		buf := k.m[at : at+k.cols]
		grad := o.grads[k.offset+at : k.offset+at+k.cols]
		for c, gc := range grad {
			b := float32(mu*buf[c]) + gc
			buf[c] = b
			d := gc + float32(mu*b)
			if wide {
				x[r*n+c] = d
			} else {
				x[c*n+r] = d
			}
		}
	}
	x = newtonSchulz(x, s, m, n)
	lr := g.LR * o.scale
	keep := float32(1 - lr*g.WeightDecay)
	step := float32(lr * math.Sqrt(max(1, float64(k.cols)/float64(k.rows))))
	for r := 0; r < k.rows; r++ {
		at := k.offset + r*k.ld + k.col
		w := o.data[at : at+k.cols]
		for c := range w {
			var v float32
			if wide {
				v = x[r*n+c]
			} else {
				v = x[c*n+r]
			}
			w[c] = float32(keep*w[c]) - float32(step*v)
		}
	}
}

// newtonSchulz returns the approximately orthogonal factor of x, m x n with
// m <= n. It overwrites x, which is s.x, and the result is s.x or s.y.
func newtonSchulz(x []float32, s *muonScratch, m, n int) []float32 {
	y := s.y[:m*n]
	a, b := s.a[:m*m], s.b[:m*m]
	norm := math.Sqrt(sumSquares(x))
	asm.Scale(float32(1/(norm+nsEps)), x)
	for i := 0; i < nsSteps; i++ {
		asm.Gemm(false, true, m, m, n, x, n, x, n, a, m, false)
		asm.Gemm(false, false, m, m, m, a, m, a, m, b, m, false)
		for j, v := range a {
			b[j] = float32(nsB*v) + float32(nsC*b[j])
		}
		// The diagonal takes the a X term, so that one product does it all.
		for j := 0; j < m; j++ {
			b[j*m+j] += nsA
		}
		asm.Gemm(false, false, m, n, m, b, m, x, n, y, n, false)
		x, y = y, x
	}
	return x
}
