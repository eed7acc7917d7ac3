// Command compare measures the engine beside the fastest programs of the field
// on the machine that it runs on: OpenBLAS, oneDNN, PyTorch, numpy, scipy and
// vek, and the limits of the hardware. Run it in the directory bench:
//
//	go run ./cmd/compare                      # everything, about ten minutes
//	go run ./cmd/compare -rows gemm,exp       # the rows whose name contains one of these
//
// Ours and the peers run in turn, round after round, under a real-time policy,
// since only ratios within one run count; the table has medians over the rounds.
// A peer that has several settings is taken with the better one. Needed, and
// not installed here, are the Debian packages that a missing one is reported
// with.
package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

const packages = "libopenblas-dev libdnnl-dev python3-torch python3-numpy python3-scipy gcc util-linux"

// ours is the name of the engine among the implementations.
const ours = "lassode"

// program is one command that measures. Its output becomes values by
// implementation and key.
type program struct {
	argv    []string
	env     []string
	dir     string
	threads int
	parse   func(line string, put func(impl, key string, v float64))
}

// row is one line of the table: the geometric mean over keys.
type row struct {
	item           string
	keys           []string
	unit           string
	higher         bool // the greater number is the better one, and ratio is ours/peer
	peers          []string
	floor, stretch float64
}

// group is a set of rows from the same programs.
type group struct {
	threads  int
	programs []program
	rows     []row
}

// samples holds the values of one setting of one implementation by key.
type samples map[string][]float64

func main() {
	rows := flag.String("rows", "", "measure the rows whose name contains one of these words, separated by commas; empty: all")
	rounds := flag.Int("rounds", 5, "rounds of ours, peer, ours, peer")
	realtime := flag.Bool("realtime", true, "run under chrt -f 1, so that other processes do not disturb")
	list := flag.Bool("list", false, "list the rows and stop")
	flag.Parse()
	if err := run(*rows, *rounds, *realtime, *list); err != nil {
		fmt.Fprintln(os.Stderr, "compare:", err)
		os.Exit(1)
	}
}

func run(words string, rounds int, realtime, list bool) error {
	if _, err := os.Stat(filepath.Join("peers", "gemm.c")); err != nil {
		return fmt.Errorf("run me in the directory bench: %w", err)
	}
	var selected []group
	for _, g := range groups() {
		g.rows = slices.DeleteFunc(g.rows, func(r row) bool { return !matches(r.item, words) })
		if len(g.rows) > 0 {
			selected = append(selected, g)
		}
	}
	if list {
		for _, g := range selected {
			for _, r := range g.rows {
				fmt.Println(r.item)
			}
		}
		return nil
	}
	if realtime && exec.Command("chrt", "-f", "1", "true").Run() != nil {
		fmt.Fprintln(os.Stderr, "compare: no permission for chrt -f 1 (or no util-linux): timings will be disturbed by other processes")
		realtime = false
	}
	if err := build(selected); err != nil {
		return err
	}
	fmt.Println("| item | threads | ours | peer | ratio | floor | stretch | verdict |")
	fmt.Println("|---|---|---|---|---|---|---|---|")
	for _, g := range selected {
		results, err := measure(g, rounds, realtime)
		for _, r := range g.rows {
			fmt.Println(r.line(g.threads, results))
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "compare:", err)
		}
	}
	return nil
}

func matches(item, words string) bool {
	for _, w := range strings.Split(words, ",") {
		if strings.Contains(strings.ToLower(item), strings.ToLower(strings.TrimSpace(w))) {
			return true
		}
	}
	return false
}

// build makes the binaries that the groups use, in peers/bin.
func build(groups []group) error {
	bin, err := filepath.Abs(filepath.Join("peers", "bin"))
	if err != nil {
		return err
	}
	if err := os.MkdirAll(bin, 0o755); err != nil {
		return err
	}
	steps := map[string][]string{
		"bench.test":  {"", "go", "test", "-c", "-o", filepath.Join(bin, "bench.test"), "."},
		"root.test":   {"..", "go", "test", "-c", "-o", filepath.Join(bin, "root.test"), "."},
		"linode.test": {"..", "go", "test", "-c", "-o", filepath.Join(bin, "linode.test"), "./linode"},
		"ode.test":    {"..", "go", "test", "-c", "-o", filepath.Join(bin, "ode.test"), "./ode"},
		"gemm":        {"peers", "gcc", "-O3", "-o", filepath.Join(bin, "gemm"), "gemm.c", "-fopenmp", "-lopenblas", "-ldnnl", "-lm"},
		"peak":        {"peers", "gcc", "-O3", "-mavx2", "-mfma", "-pthread", "-o", filepath.Join(bin, "peak"), "peak.c"},
	}
	done := map[string]bool{}
	for _, g := range groups {
		for _, p := range g.programs {
			name := filepath.Base(p.argv[0])
			step, ok := steps[name]
			if !ok || done[name] {
				continue
			}
			done[name] = true
			cmd := exec.Command(step[1], step[2:]...)
			cmd.Dir = step[0]
			if out, err := cmd.CombinedOutput(); err != nil {
				return fmt.Errorf("%s: %w\n%sthe peers need the Debian packages %s", strings.Join(step[1:], " "), err, out, packages)
			}
		}
	}
	return nil
}

// measure runs the programs of a group in turn. The samples of program i for
// implementation x are under x and i.
func measure(g group, rounds int, realtime bool) (map[string]map[int]samples, error) {
	results := map[string]map[int]samples{}
	var failed error
	broken := make([]bool, len(g.programs))
	for range rounds {
		for i, p := range g.programs {
			if broken[i] {
				continue
			}
			out, err := p.run(realtime)
			if err != nil {
				broken[i] = true
				failed = err
				continue
			}
			for line := range strings.Lines(out) {
				p.parse(strings.TrimSpace(line), func(impl, key string, v float64) {
					if results[impl] == nil {
						results[impl] = map[int]samples{}
					}
					if results[impl][i] == nil {
						results[impl][i] = samples{}
					}
					results[impl][i][key] = append(results[impl][i][key], v)
				})
			}
		}
	}
	return results, failed
}

// limit ends a program that hangs: under a real-time policy it would take the
// machine with it.
const limit = 3 * time.Minute

func (p program) run(realtime bool) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	var argv []string
	if realtime {
		argv = append(argv, "chrt", "-f", "1")
	}
	if p.threads == 1 {
		argv = append(argv, "taskset", "-c", "0")
	}
	argv = append(argv, p.argv...)
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Env = append(os.Environ(), p.env...)
	cmd.Dir = p.dir
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%s: %w\n%sthe peers need the Debian packages %s", strings.Join(p.argv, " "), err, errs.String(), packages)
	}
	return out.String(), nil
}

// value is the geometric mean over keys of the medians of the better setting.
func value(results map[int]samples, keys []string, higher bool) (best float64, ok bool) {
	for _, s := range results {
		sum, n := 0.0, 0
		for _, k := range keys {
			if len(s[k]) > 0 {
				sum += math.Log(median(s[k]))
				n++
			}
		}
		if n < len(keys) {
			continue
		}
		v := math.Exp(sum / float64(n))
		if !ok || (v > best) == higher {
			best, ok = v, true
		}
	}
	return best, ok
}

func median(x []float64) float64 {
	x = slices.Clone(x)
	slices.Sort(x)
	return (x[len(x)/2] + x[(len(x)-1)/2]) / 2
}

func (r row) line(threads int, results map[string]map[int]samples) string {
	mine, have := value(results[ours], r.keys, r.higher)
	peer, name, found := 0.0, "", false
	for _, p := range r.peers {
		if v, ok := value(results[p], r.keys, r.higher); ok && (!found || (v > peer) == r.higher) {
			peer, name, found = v, p, true
		}
	}
	if !have || !found {
		return fmt.Sprintf("| %s | %d | %s | %s | | %.3g | %.3g | not measured |", r.item, threads, number(mine, r.unit, have), number(peer, r.unit, found), r.floor, r.stretch)
	}
	ratio := peer / mine
	if r.higher {
		ratio = mine / peer
	}
	verdict := "below the floor"
	switch {
	case ratio >= r.stretch:
		verdict = "stretch"
	case ratio >= r.floor:
		verdict = "floor"
	}
	return fmt.Sprintf("| %s | %d | %s | %s %s | %.2f | %.3g | %.3g | %s |", r.item, threads, number(mine, r.unit, true), name, number(peer, r.unit, true), ratio, r.floor, r.stretch, verdict)
}

func number(v float64, unit string, ok bool) string {
	if !ok {
		return "-"
	}
	return fmt.Sprintf("%s %s", strconv.FormatFloat(v, 'g', 3, 64), unit)
}
