package main

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
)

// Settings of the peers' libraries. Without the passive policy the two thread
// pools of PyTorch spin against each other. The allocator's settings keep large
// tensors from going back to the kernel.
var (
	oneThread  = []string{"OPENBLAS_NUM_THREADS=1", "OMP_NUM_THREADS=1"}
	twoThreads = []string{"OMP_WAIT_POLICY=PASSIVE", "OPENBLAS_NUM_THREADS=2", "OMP_NUM_THREADS=2"}
	allocator  = []string{"MALLOC_MMAP_THRESHOLD_=4294967296", "MALLOC_TRIM_THRESHOLD_=17179869184", "MALLOC_TOP_PAD_=268435456"}
)

func environment(threads int) []string {
	if threads == 1 {
		return oneThread
	}
	return twoThreads
}

// python is the interpreter that has PyTorch: the system's, if it does.
var python = sync.OnceValue(func() string {
	for _, p := range []string{"/usr/bin/python3", "python3"} {
		if exec.Command(p, "-c", "import torch, numpy").Run() == nil {
			return p
		}
	}
	return "python3"
})

func binary(name string) string {
	p, err := filepath.Abs(filepath.Join("peers", "bin", name))
	if err != nil {
		panic(err)
	}
	return p
}

type put = func(impl, key string, v float64)

// goBench runs benchmarks of a test binary. parse gets the parts key=value of
// the name and the metrics by unit.
func goBench(test, pattern, benchtime string, threads int, parse func(name map[string]string, metric map[string]float64, put put)) program {
	return program{
		argv:    []string{binary(test), "-test.run", "^$", "-test.bench", pattern, "-test.benchtime", benchtime, "-test.cpu", strconv.Itoa(threads), "-test.timeout", "2m"},
		threads: threads,
		parse: func(line string, put put) {
			f := strings.Fields(line)
			if len(f) < 4 || !strings.HasPrefix(f[0], "Benchmark") {
				return
			}
			full := f[0]
			if threads > 1 {
				full = strings.TrimSuffix(full, "-"+strconv.Itoa(threads))
			}
			name := map[string]string{}
			for _, part := range strings.Split(full, "/") {
				if k, v, ok := strings.Cut(part, "="); ok {
					name[k] = v
				}
			}
			metric := map[string]float64{}
			for i := 2; i+1 < len(f); i += 2 {
				if v, err := strconv.ParseFloat(f[i], 64); err == nil {
					metric[f[i+1]] = v
				}
			}
			parse(name, metric, put)
		},
	}
}

// script runs a Python peer with both settings of the allocator. parse gets the
// fields of a CSV line.
func script(file string, args []string, threads int, parse func(f []string, put put)) []program {
	var ps []program
	for _, extra := range [][]string{nil, allocator} {
		ps = append(ps, program{
			argv: append([]string{python(), file}, args...), dir: "peers", threads: threads,
			env:   append(append([]string{}, environment(threads)...), extra...),
			parse: csv(parse),
		})
	}
	return ps
}

func csv(parse func(f []string, put put)) func(line string, put put) {
	return func(line string, put put) {
		if f := strings.Split(line, ","); len(f) >= 4 {
			parse(f, put)
		}
	}
}

func parseFloat(s string) float64 {
	v, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return 0
	}
	return v
}

// groups is the whole table.
func groups() []group {
	var gs []group
	gs = append(gs, gemmGroups()...)
	gs = append(gs, vectorGroup(), linearODEGroup())
	gs = append(gs, networkGroups()...)
	return append(gs, lorenzGroup())
}

// rectangles are the 24 shapes of small transformers.
func rectangles(mode string) (keys []string) {
	for _, kn := range [][2]int{{128, 128}, {128, 512}, {512, 128}, {256, 256}, {256, 1024}, {1024, 256}} {
		for _, m := range []int{64, 256, 1024, 4096} {
			keys = append(keys, fmt.Sprintf("%s %dx%dx%d", mode, m, kn[0], kn[1]))
		}
	}
	return keys
}

func batches(mode string) []string {
	return []string{mode + " 64x32x32x32", mode + " 256x32x32x32", mode + " 256x64x32x64", mode + " 256x64x64x32", mode + " 256x128x32x128"}
}

func parseGemm(f []string, put put) {
	if len(f) < 8 {
		return
	}
	shape := strings.Join(f[4:7], "x")
	if f[3] != "1" {
		shape = f[3] + "x" + shape
	}
	put(map[string]string{"openblas": "OpenBLAS", "dnnl": "oneDNN", "torch": "torch"}[f[0]], f[2]+" "+shape, parseFloat(f[7]))
}

func gemmProgram(lib string, threads int, modes string) program {
	return program{argv: []string{binary("gemm"), lib, strconv.Itoa(threads), modes, "3"}, env: environment(threads), threads: threads, parse: csv(parseGemm)}
}

// peakProgram measures a limit of the hardware, under all the given keys.
func peakProgram(threads int, name string, keys []string) program {
	return program{argv: []string{binary("peak"), strconv.Itoa(threads), name}, threads: threads, parse: func(line string, put put) {
		_, rest, ok := strings.Cut(line, "median")
		if f := strings.Fields(rest); ok && len(f) > 0 {
			for _, k := range keys {
				put("limit", k, parseFloat(f[0]))
			}
		}
	}}
}

func gemmGroups() (gs []group) {
	bench := func(modes, shapes string, threads int) program {
		return goBench("bench.test", "^BenchmarkGemm$/^op="+modes+"$/^impl=lassode$/^shape="+shapes+"$", "10ms", threads,
			func(name map[string]string, metric map[string]float64, put put) {
				put(ours, name["op"]+" "+name["shape"], metric["GFLOP/s"])
			})
	}
	const rectangle, batch = "[0-9]+x(128|256|512|1024)x[0-9]+", "[0-9]+x[0-9]+x[0-9]+x[0-9]+"
	for _, mode := range []string{"NN", "NT", "TN"} {
		keys := rectangles(mode)
		gs = append(gs, group{1, []program{bench(mode, rectangle, 1), gemmProgram("openblas", 1, mode), peakProgram(1, "fma", keys)}, []row{
			{"gemm " + mode + ", 24 rectangles", keys, "GFLOP/s", true, []string{"OpenBLAS"}, .95, 1.15},
			{"gemm " + mode + ", 24 rectangles, share of FMA peak", keys, "GFLOP/s", true, []string{"limit"}, .70, .85},
		}})
	}
	for _, mode := range []string{"NN", "NT", "TN"} {
		programs := []program{bench(mode, rectangle, 2), gemmProgram("openblas", 2, mode), gemmProgram("dnnl", 2, mode)}
		programs = append(programs, script("gemm_torch.py", []string{"2", mode, "3"}, 2, parseGemm)...)
		gs = append(gs, group{2, programs, []row{
			{"gemm " + mode + ", 24 rectangles, 2 threads", rectangles(mode), "GFLOP/s", true, []string{"OpenBLAS", "oneDNN", "torch"}, .9, 1.15},
		}})
	}
	return append(gs, group{1, []program{bench("(NN|NT)", batch, 1), gemmProgram("dnnl", 1, "batch")}, []row{
		{"batched gemm NN, attention", batches("NN"), "GFLOP/s", true, []string{"oneDNN"}, 1, 1.4},
		{"batched gemm NT, attention", batches("NT"), "GFLOP/s", true, []string{"oneDNN"}, 1, 1.4},
	}})
}

func vectorGroup() group {
	const n = "65536"
	l1 := []string{"sum bandwidth", "dot bandwidth"}
	programs := []program{
		goBench("bench.test", "^(BenchmarkVector|BenchmarkAdamW)$/^op=(exp|tanh|sigmoid|gelu|sincos|sum|dot|softmax|layernorm|adamw)/^impl=(lassode|vek)$/^shape=(2048|65536|1048576)$", "5ms", 1,
			func(name map[string]string, metric map[string]float64, put put) {
				if op := name["op"]; name["shape"] == n || op == "adamw" {
					put(name["impl"], op, metric["ns/elem"])
				} else if name["shape"] == "2048" && (op == "sum" || op == "dot") {
					put(name["impl"], op+" bandwidth", metric["GB/s"])
				}
			}),
		peakProgram(1, "L1 16K read", l1),
	}
	programs = append(programs, script("vec_torch.py", []string{"(exp|tanh|sigmoid|gelu|sincos|softmax|layernorm).*,65536|adamw", "3"}, 1, func(f []string, put put) {
		if op, setting, ok := strings.Cut(f[1], " "); ok {
			put(f[0]+" "+setting, op, parseFloat(f[3]))
		} else {
			put(f[0], op, parseFloat(f[3]))
		}
	})...)
	ns := func(item, op, peer string, floor, stretch float64) row {
		return row{item, []string{op}, "ns", false, []string{peer}, floor, stretch}
	}
	return group{1, programs, []row{
		ns("exp, against vek", "exp", "vek", 1.3, 2), ns("exp, against torch", "exp", "torch", 2, 3.3),
		ns("sin and cos, against vek", "sincos", "vek", 1, 1.5), ns("sin and cos, against torch", "sincos", "torch", 4, 6),
		ns("tanh", "tanh", "torch", 4, 7), ns("sigmoid", "sigmoid", "torch", 1.8, 3), ns("gelu, tanh form", "gelu(tanh)", "torch", 4, 7),
		ns("softmax, rows of 64", "softmax64", "torch", 1.8, 3), ns("softmax, rows of 512", "softmax512", "torch", 1.8, 3),
		ns("layer norm, rows of 128", "layernorm128", "torch", 2.5, 4), ns("layer norm, rows of 256", "layernorm256", "torch", 2, 4),
		{"sum in L1, share of bandwidth", l1[:1], "GB/s", true, []string{"limit"}, .75, .9},
		{"dot in L1, share of bandwidth", l1[1:], "GB/s", true, []string{"limit"}, .75, .9},
		{"AdamW, per parameter", []string{"adamw"}, "ns", false, []string{"torch foreach=False", "torch foreach=True"}, 2, 4},
	}}
}

// linearODEGroup is what linode does: matrix exponentials and tokens in closed form.
func linearODEGroup() group {
	const shape = "4096x8x32"
	programs := []program{
		goBench("linode.test", "^(BenchmarkExpBatch|BenchmarkPairsTokens)$", "50ms", 1, func(name map[string]string, metric map[string]float64, put put) {
			if d := name["d"]; d != "" {
				put(ours, "expm "+d, metric["us/matrix"])
			} else if name["pass"] == "forward" {
				put(ours, "closed form", metric["us/token"])
			}
		}),
	}
	programs = append(programs, script("matrix_exp_torch.py", nil, 1, func(f []string, put put) {
		put("torch", "expm "+f[2][strings.LastIndex(f[2], "x")+1:], parseFloat(f[3]))
	})...)
	programs = append(programs, script("closed_form_torch.py", nil, 1, func(f []string, put put) {
		if _, complex, ok := strings.Cut(f[1], "closed_form_"); ok {
			put(f[0]+" "+complex, "closed form", parseFloat(f[3]))
		} else {
			put(f[0], "closed form", parseFloat(f[3]))
		}
	})...)
	us := func(item, key, peer string, floor, stretch float64) row {
		return row{item, []string{key}, "us", false, []string{peer}, floor, stretch}
	}
	return group{1, programs, []row{
		us("matrix exponential, d = 4", "expm 4", "torch", 15, 50), us("matrix exponential, d = 8", "expm 8", "torch", 20, 80),
		us("matrix exponential, d = 16", "expm 16", "torch", 10, 25),
		{"closed form, per token, against torch", []string{"closed form"}, "us", false, []string{"torch", "torch complex"}, 5, 12},
		us("closed form, per token, against torchdiffeq dopri5", "closed form", "torchdiffeq", 60, 140),
	}}
}

func networkGroups() (gs []group) {
	const d128, d256, gru = "tfm d128 h4 L4 32x64", "tfm d256 h8 L6 16x128", "gru in4 h128 2048x16"
	step := func(net string, threads int) program {
		return goBench("root.test", "^BenchmarkNetworkStep$/^net="+strings.ReplaceAll(net, " ", "_")+"$", "400ms", threads,
			func(name map[string]string, metric map[string]float64, put put) { put(ours, net, metric["ms/step"]) })
	}
	infer := func(net string) program {
		return goBench("root.test", "^BenchmarkNetworkInference$/^net="+strings.ReplaceAll(net, " ", "_")+"$", "100ms", 1,
			func(name map[string]string, metric map[string]float64, put put) { put(ours, net, metric["ms/sample"]) })
	}
	torch := func(net, what string, threads, runs int) []program {
		return script("train_torch.py", []string{strconv.Itoa(threads), net + "," + what, strconv.Itoa(runs)}, threads, func(f []string, put put) {
			if strings.HasPrefix(f[2], what) {
				put("torch", f[1], parseFloat(f[3]))
			}
		})
	}
	for _, c := range []struct {
		item, net      string
		threads        int
		floor, stretch float64
	}{
		{"training step d128 h4 L4, 32x64 tokens", d128, 1, 1.2, 1.5}, {"training step d128 h4 L4, 32x64 tokens, 2 threads", d128, 2, 1.8, 2.6},
		{"training step d256 h8 L6, 16x128 tokens", d256, 1, 1.15, 1.4}, {"training step d256 h8 L6, 16x128 tokens, 2 threads", d256, 2, 1.6, 2.2},
		{"GRU training step 4->128, 2048x16", gru, 1, 1.3, 1.8}, {"GRU training step 4->128, 2048x16, 2 threads", gru, 2, 1.7, 2.6},
	} {
		gs = append(gs, group{c.threads, append([]program{step(c.net, c.threads)}, torch(c.net, "train step", c.threads, 3)...),
			[]row{{c.item, []string{c.net}, "ms", false, []string{"torch"}, c.floor, c.stretch}}})
	}
	for _, c := range []struct {
		item, net, what string
		floor, stretch  float64
	}{
		{"inference of one sample, d128 1x64", d128, "infer 1x64 jit", 1.6, 2.4}, {"inference of one sample, d256 1x128", d256, "infer 1x128 jit", 1.2, 1.6},
	} {
		gs = append(gs, group{1, append([]program{infer(c.net)}, torch(c.net, c.what, 1, 15)...),
			[]row{{c.item, []string{c.net}, "ms", false, []string{"torch"}, c.floor, c.stretch}}})
	}
	for _, net := range []string{d128, d256, gru} {
		single := step(net, 1)
		parse := single.parse
		single.parse = func(line string, put put) {
			parse(line, func(_, key string, v float64) { put("one thread", key, v) })
		}
		gs = append(gs, group{2, []program{step(net, 2), single},
			[]row{{"our own training step, 2 threads against 1, " + net, []string{net}, "ms", false, []string{"one thread"}, 1.7, 1.9}}})
	}
	return gs
}

func lorenzGroup() group {
	const key = "lorenz63"
	return group{1, []program{
		goBench("ode.test", "^BenchmarkLorenz63$", "50ms", 1, func(_ map[string]string, metric map[string]float64, put put) {
			put(ours, key, metric["trajectories/s"])
		}),
		script("lorenz_scipy.py", []string{"3"}, 1, func(f []string, put put) { put("scipy", key, parseFloat(f[2])) })[0],
	}, []row{{"Lorenz-63, 100 time units, 1000 outputs, rtol 1e-6", []string{key}, "trajectories/s", true, []string{"scipy"}, 200, 500}}}
}
