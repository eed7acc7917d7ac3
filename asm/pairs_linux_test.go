package asm

import (
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestPairsPageEnd: as TestPageEnd, for the kernels on pairs and on stacks.
func TestPairsPageEnd(t *testing.T) {
	r := rand.New(rand.NewPCG(31, 32))
	what := ""
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if e := recover(); e != nil {
			require.FailNow(t, "fault", "%s: %v", what, e)
		}
	}()
	for trial := range 24 {
		n, pairs, queries := 1+trial%3, 1+r.IntN(18), 1+r.IntN(35)
		at := func(k int) []float32 { return atPageEnd(t, r, k) }
		p := &PairTokens{Tokens: n, Pairs: pairs, Queries: queries, Sigma: at(n * pairs), Omega: at(n * pairs),
			Z0: at(2 * n * pairs), B: at(2 * n * pairs), C: at(2 * pairs), Tau: at(n * queries)}
		if trial%4 == 3 {
			for i := range p.Omega {
				p.Omega[i] *= 1e5
			}
		}
		y, rate, z := at(n*queries), at(n*queries), at(2*n*queries*pairs)
		sums, states, work := at(n*pairs*PairsSumWidth), at(n*pairs*PairsStateSumWidth), at(PairsWork(pairs))
		order := 1 + trial%17
		var index [MaxStackLanes]int32
		eachTier(t, func(tier string) {
			what = fmt.Sprintf("%s, %d tokens, %d pairs, %d queries", tier, n, pairs, queries)
			PairsReadout(y, p, work)
			PairsEval(y, rate, p, work)
			PairsStates(z, p, work)
			PairsSums(sums, p, y, work)
			PairsStateSums(states, p, z, work)
			what = fmt.Sprintf("%s, order %d", tier, order)
			size := order * order * StackLanes(order)
			one, a, b, c, d := at(order*order), at(size), at(size), at(size), at(size)
			StackLoad(a, one, &index, order, 1)
			StackStore(one, a, &index, order)
			StackMul(c, a, b, d, order)
			StackLinear([][]float32{d}, &[4][]float32{a, b, c, a}, [][5]float32{{1, 2, 3, 4, 5}}, order)
			RowsNorm(at(1), one, order)
		})
	}
}
