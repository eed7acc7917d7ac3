package lassode

import (
	"fmt"
	"math"

	"github.com/lassode/lassode/asm"
	"github.com/lassode/lassode/classical"
	"github.com/lassode/lassode/tensor"
)

// The guides are mixed by convex weights that are softmax values at the edges
// of windows and run linearly between them, so that the mixture is continuous
// and its time derivative is known in closed form.

var (
	opGuideWeights = tensor.Register("lassode.GuideWeights", guideWeightsBackward)
	opRefine       = tensor.Register("lassode.RefineWeights", refineBackward)
	opMixGuides    = tensor.Register("lassode.MixGuides", mixGuidesBackward)
	opJoin         = tensor.Register("lassode.Join", joinBackward)
)

// horizonShare interpolates the three logits near, mid, far at share h of the
// horizon: it returns the first of the two that take part and the weight of
// the second.
func horizonShare(h float32) (int, float32) {
	if h < .5 {
		return 0, 2 * h
	}
	return 1, 2*h - 1
}

// guideWeights turns logits into weights of all guide slots at both edges of
// every window: ahead [rows, NumGuides, 3] for unseen windows, inside [rows,
// NumInside] for seen ones. seen has the number of seen windows per row. The
// result is [rows, windows, 2, guideSlots].
func guideWeights(t *tensor.Tape, ahead, inside *tensor.Tensor, seen []int32, windows int) *tensor.Tensor {
	const n = classical.NumGuides
	rows := len(seen)
	if ahead.Size() != rows*n*3 || inside.Size() != rows*classical.NumInside {
		panic(fmt.Sprintf("lassode: guideWeights: logits %v and %v for %d rows", ahead.Shape, inside.Shape, rows))
	}
	out := t.Output(tensor.MakeShape(rows, windows, 2, guideSlots), ahead, inside)
	clear(out.Data)
	var interpolants [classical.NumInside]float32 // the same in all seen windows of a row
	for r := range rows {
		asm.SoftmaxRows(interpolants[:], inside.Data[r*classical.NumInside:], 1, classical.NumInside)
		for k := range windows {
			for e := range 2 {
				w := out.Data[((r*windows+k)*2+e)*guideSlots:][:guideSlots]
				if k < int(seen[r]) {
					copy(w[n:], interpolants[:])
					continue
				}
				first, s := horizonShare(float32(k+e-int(seen[r])) / float32(windows-int(seen[r])))
				for i := range n {
					l := ahead.Data[(r*n+i)*3:][:3]
					w[i] = (1-s)*l[first] + s*l[first+1]
				}
				asm.SoftmaxRows(w, w, 1, n)
			}
		}
	}
	if node := t.Record(opGuideWeights, out, ahead, inside); node != nil {
		node.Index[0] = seen
		node.Ints[0] = windows
	}
	return out
}

func guideWeightsBackward(t *tensor.Tape, node *tensor.Node) {
	const n = classical.NumGuides
	ahead, inside := node.In[0], node.In[1]
	seen, windows := node.Index[0], node.Ints[0]
	for r := range len(seen) {
		for k := range windows {
			for e := range 2 {
				at := ((r*windows+k)*2 + e) * guideSlots
				w, dw := node.Out.Data[at:at+guideSlots], node.Out.Grad[at:at+guideSlots]
				if k < int(seen[r]) {
					if inside.Grad == nil {
						continue
					}
					w, dw = w[n:], dw[n:]
					mean := asm.Dot(w, dw)
					d := inside.Grad[r*classical.NumInside:][:classical.NumInside]
					for i := range d {
						d[i] += w[i] * (dw[i] - mean)
					}
					continue
				}
				if ahead.Grad == nil {
					continue
				}
				first, s := horizonShare(float32(k+e-int(seen[r])) / float32(windows-int(seen[r])))
				mean := asm.Dot(w[:n], dw[:n])
				for i := range n {
					g := w[i] * (dw[i] - mean)
					d := ahead.Grad[(r*n+i)*3:][:3]
					d[first] += (1 - s) * g
					d[first+1] += s * g
				}
			}
		}
	}
}

// refineWeights multiplies the weights [tokens, 2, guideSlots] of guideWeights by
// the exponential of what each token says [tokens, 2 guideSlots], and makes them
// sum to one again.
func refineWeights(t *tensor.Tape, weights, say *tensor.Tensor, seen []int32, windows int) *tensor.Tensor {
	if weights.Size() != say.Size() || weights.Size() != len(seen)*windows*2*guideSlots {
		panic(fmt.Sprintf("lassode: refineWeights: weights %v and %v for %d rows of %d windows", weights.Shape, say.Shape, len(seen), windows))
	}
	out := t.Output(weights.Shape, weights, say)
	clear(out.Data)
	for at := 0; at < len(out.Data); at += guideSlots {
		lo, hi := slotRange(at/(2*guideSlots), seen, windows)
		w, s, y := weights.Data[at+lo:at+hi], say.Data[at+lo:at+hi], out.Data[at+lo:at+hi]
		top := s[0]
		for _, v := range s[1:] {
			top = max(top, v)
		}
		for i, v := range s {
			y[i] = v - top
		}
		asm.Exp(y, y)
		var sum float32
		for i, v := range w {
			// The floor lets a token bring back what the mixer has ruled out.
			y[i] *= max(v, weightFloor)
			sum += y[i]
		}
		inv := 1 / sum
		for i := range y {
			y[i] *= inv
		}
	}
	if node := t.Record(opRefine, out, weights, say); node != nil {
		node.Index[0] = seen
		node.Ints[0] = windows
	}
	return out
}

// weightFloor is the least weight of a guide before a token speaks.
const weightFloor = 1e-6

// slotRange returns the slots that take part in the window of a token.
func slotRange(token int, seen []int32, windows int) (lo, hi int) {
	if token%windows < int(seen[token/windows]) {
		return classical.NumGuides, guideSlots
	}
	return 0, classical.NumGuides
}

func refineBackward(t *tensor.Tape, node *tensor.Node) {
	weights, say := node.In[0], node.In[1]
	seen, windows := node.Index[0], node.Ints[0]
	for at := 0; at < len(node.Out.Data); at += guideSlots {
		lo, hi := slotRange(at/(2*guideSlots), seen, windows)
		y, dy := node.Out.Data[at+lo:at+hi], node.Out.Grad[at+lo:at+hi]
		mean := asm.Dot(y, dy)
		if say.Grad != nil {
			d := say.Grad[at+lo : at+hi]
			for i := range d {
				d[i] += y[i] * (dy[i] - mean)
			}
		}
		if weights.Grad != nil {
			w, d := weights.Data[at+lo:at+hi], weights.Grad[at+lo:at+hi]
			for i := range d {
				if w[i] > weightFloor {
					d[i] += y[i] / w[i] * (dy[i] - mean)
				}
			}
		}
	}
}

// mixGuides evaluates the mixture at s sites per token: weights [tokens, 2,
// guideSlots] at the edges, guides [tokens, s, guideSlots] and tau [tokens, s]
// without gradient. It returns the mixture [tokens, s].
func mixGuides(t *tensor.Tape, weights *tensor.Tensor, guides, tau []float32, s int) *tensor.Tensor {
	tokens := len(tau) / s
	if weights.Size() != tokens*2*guideSlots || len(guides) != len(tau)*guideSlots {
		panic(fmt.Sprintf("lassode: mixGuides: weights %v for %d guide values at %d sites", weights.Shape, len(guides), len(tau)))
	}
	mix := t.Output(tensor.MakeShape(tokens, s), weights)
	for i, at := range tau {
		w := weights.Data[i/s*2*guideSlots:][:2*guideSlots]
		g := guides[i*guideSlots:][:guideSlots]
		left, right := asm.Dot(w[:guideSlots], g), asm.Dot(w[guideSlots:], g)
		mix.Data[i] = left + at*(right-left)
	}
	if node := t.Record(opMixGuides, mix, weights); node != nil {
		node.Saved[0], node.Saved[1] = guides, tau
		node.Ints[0] = s
	}
	return mix
}

// guideSpread returns the standard deviation of the guides about their mixture
// mix at local time tau, under weights [2, guideSlots] at the edges of the
// window.
func guideSpread(weights, guides []float32, mix, tau float32) float64 {
	w0, w1 := weights[:guideSlots], weights[guideSlots:][:guideSlots]
	var square float32
	for j, v := range guides[:guideSlots] {
		d := v - mix
		square += (w0[j] + tau*(w1[j]-w0[j])) * d * d
	}
	return math.Sqrt(float64(max(square, 0)))
}

func mixGuidesBackward(t *tensor.Tape, node *tensor.Node) {
	weights, guides, tau, s := node.In[0], node.Saved[0], node.Saved[1], node.Ints[0]
	if weights.Grad == nil {
		return
	}
	for i, at := range tau {
		d := weights.Grad[i/s*2*guideSlots:][:2*guideSlots]
		g := guides[i*guideSlots:][:guideSlots]
		right := node.Out.Grad[i] * at
		asm.Axpy(node.Out.Grad[i]-right, g, d[:guideSlots])
		asm.Axpy(right, g, d[guideSlots:])
	}
}

// join makes neighbouring windows meet: y [rows, windows, 2+q] holds the two
// edges of each window first, then its queries at tau. To each window it adds
// the straight line that takes its edges to the mean of the two windows that
// meet there, so the result [rows, windows, q] is continuous by construction.
func join(t *tensor.Tape, y *tensor.Tensor, tau []float32) *tensor.Tensor {
	rows, windows, q := y.Dim(0), y.Dim(1), y.Dim(2)-2
	if len(tau) != y.Size() {
		panic(fmt.Sprintf("lassode: join: %d times for states %v", len(tau), y.Shape))
	}
	out := t.Output(tensor.MakeShape(rows, windows, q), y)
	for r := range rows {
		for k := range windows {
			at := (r*windows + k) * (q + 2)
			left, right := jumps(y.Data, at, q, k, windows)
			for i := range q {
				u := tau[at+2+i]
				out.Data[(r*windows+k)*q+i] = y.Data[at+2+i] + (1-u)*left + u*right
			}
		}
	}
	if node := t.Record(opJoin, out, y); node != nil {
		node.Saved[0] = tau
	}
	return out
}

// jumps returns half the jumps at the two edges of the window whose values
// start at index at: what the line of join adds there.
func jumps(y []float32, at, q, k, windows int) (left, right float32) {
	if k > 0 {
		left = (y[at-(q+2)+1] - y[at]) / 2
	}
	if k+1 < windows {
		right = (y[at+(q+2)] - y[at+1]) / 2
	}
	return left, right
}

func joinBackward(t *tensor.Tape, node *tensor.Node) {
	y, tau := node.In[0], node.Saved[0]
	if y.Grad == nil {
		return
	}
	rows, windows, q := y.Dim(0), y.Dim(1), y.Dim(2)-2
	for r := range rows {
		for k := range windows {
			at := (r*windows + k) * (q + 2)
			var left, right float32
			for i := range q {
				g := node.Out.Grad[(r*windows+k)*q+i]
				u := tau[at+2+i]
				y.Grad[at+2+i] += g
				left += (1 - u) * g
				right += u * g
			}
			if k > 0 {
				y.Grad[at-(q+2)+1] += left / 2
				y.Grad[at] -= left / 2
			}
			if k+1 < windows {
				y.Grad[at+(q+2)] += right / 2
				y.Grad[at+1] -= right / 2
			}
		}
	}
}
