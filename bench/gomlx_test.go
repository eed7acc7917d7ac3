package bench

import (
	"runtime"
	"strconv"

	"github.com/gomlx/gomlx/backends"
	"github.com/gomlx/gomlx/backends/simplego"
	"github.com/gomlx/gomlx/pkg/core/dtypes"
	"github.com/gomlx/gomlx/pkg/core/shapes"
)

// must panics on an error: here it means that the comparison itself is wrong.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// gomlxProgram compiles a computation for the pure-Go backend and returns a
// function that runs it on inputs made once.
func gomlxProgram(dims [][]int, data [][]float32, out []float32, build func(b backends.Builder, in []backends.Op) backends.Op) (run, close func()) {
	backend := must(simplego.New(""))
	builder := backend.Builder("bench")
	params := make([]backends.Op, len(dims))
	inputs := make([]backends.Buffer, len(dims))
	donate := make([]bool, len(dims))
	for i, d := range dims {
		shape := shapes.Make(dtypes.Float32, d...)
		params[i] = must(builder.Parameter(strconv.Itoa(i), shape, nil))
		inputs[i] = must(backend.BufferFromFlatData(0, data[i], shape))
	}
	program := must(builder.Compile([]backends.Op{build(builder, params)}, nil))
	first := true
	run = func() {
		results := must(program.Execute(inputs, donate, 0))
		if first { // for the check of the values; reading them back is not part of the computation
			first = false
			if err := backend.BufferToFlatData(results[0], out); err != nil {
				panic(err)
			}
		}
		if err := backend.BufferFinalize(results[0]); err != nil {
			panic(err)
		}
	}
	return run, func() {
		program.Finalize()
		backend.Finalize()
		runtime.GC()
	}
}

func gomlxGemm(p product, a, b, c []float32) (run, close func()) {
	da, db := []int{p.m, p.k}, []int{p.k, p.n}
	ca, cb := 1, 0
	if p.mode == "TN" {
		da, ca = []int{p.k, p.m}, 0
	}
	if p.mode == "NT" {
		db, cb = []int{p.n, p.k}, 1
	}
	var lead []int
	if p.batch > 1 {
		da, db = append([]int{p.batch}, da...), append([]int{p.batch}, db...)
		ca, cb, lead = ca+1, cb+1, []int{0}
	}
	return gomlxProgram([][]int{da, db}, [][]float32{a, b}, c, func(g backends.Builder, in []backends.Op) backends.Op {
		return must(g.DotGeneral(in[0], []int{ca}, lead, in[1], []int{cb}, lead))
	})
}

func gomlxUnary(op string) func(x, y, dst, dst2 []float32, cols int) func() {
	return func(x, _, dst, _ []float32, _ int) func() {
		run, _ := gomlxProgram([][]int{{len(x)}}, [][]float32{x}, dst, func(g backends.Builder, in []backends.Op) backends.Op {
			switch op {
			case "exp":
				return must(g.Exp(in[0]))
			case "tanh":
				return must(g.Tanh(in[0]))
			}
			return must(g.Logistic(in[0]))
		})
		return run
	}
}

// gomlxSoftmax is the softmax of gomlx's own graph library: exp(x-max)/sum.
func gomlxSoftmax(x, _, dst, _ []float32, cols int) func() {
	shape := shapes.Make(dtypes.Float32, len(x)/cols, cols)
	run, _ := gomlxProgram([][]int{{len(x) / cols, cols}}, [][]float32{x}, dst, func(g backends.Builder, in []backends.Op) backends.Op {
		top := must(g.BroadcastInDim(must(g.ReduceMax(in[0], 1)), shape, []int{0}))
		e := must(g.Exp(must(g.Sub(in[0], top))))
		sum := must(g.BroadcastInDim(must(g.ReduceSum(e, 1)), shape, []int{0}))
		return must(g.Div(e, sum))
	})
	return run
}
