package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/lassode/lassode"
)

// trainingRun is one training of the scaling study: SIZE-COUNT.safetensors with the log
// of its loss, and SIZE-COUNT.json from eval.
type trainingRun struct {
	size       string
	systems    float64
	parameters float64
	steps      []float64
	loss       []float64              // moving average
	final      float64                // median of the single losses over the last fifth
	scores     map[string]suiteScores // by suite and condition
}

// suiteScores is what eval found of the model.
type suiteScores struct{ share, median, clipped float64 }

// runScaling reads the runs of o.runs and prints how error falls with the
// parameters, with the number of unique systems, and along the training.
func runScaling(w io.Writer, o options) error {
	if o.runs == "" {
		return errors.New("-runs is missing, want the folder of the trained weights SIZE-COUNT.safetensors")
	}
	files, err := filepath.Glob(filepath.Join(o.runs, "*-*.safetensors"))
	if err != nil {
		return err
	}
	var runs []trainingRun
	for _, f := range files {
		r, err := readRun(strings.TrimSuffix(f, ".safetensors"))
		if err != nil {
			return err
		}
		runs = append(runs, r)
	}
	if len(runs) == 0 {
		return fmt.Errorf("%s has no weights named SIZE-COUNT.safetensors", o.runs)
	}
	slices.SortFunc(runs, func(a, b trainingRun) int {
		if a.parameters != b.parameters {
			return int(a.parameters - b.parameters)
		}
		return int(a.systems - b.systems)
	})
	keys := []string{"in-domain first50", "in-domain noisy", "zero-shot first50", "zero-shot noisy", "unseen first50", "unseen noisy"}
	fmt.Fprintf(w, "| parameters | unique systems | training loss | %s |\n|%s\n", strings.Join(keys, " | "), strings.Repeat("---|", len(keys)+3))
	for _, r := range runs {
		fmt.Fprintf(w, "| %.0f | %.0f | %.4f |", r.parameters, r.systems, r.final)
		for _, k := range keys {
			s, ok := r.scores[k]
			if !ok {
				return fmt.Errorf("%s-%.0f.json has no %s", r.size, r.systems, k)
			}
			fmt.Fprintf(w, " %.0f %%, %.3f / %.3f |", 100*s.share, s.median, s.clipped)
		}
		fmt.Fprintln(w)
	}
	fmt.Fprint(w, "\nExponents of power laws, error = c x^-a, least squares in logarithms; the mean over the lines and their range:\n\n| error | with parameters | with unique systems |\n|---|---|---|\n")
	measures := map[string]func(trainingRun) float64{"training loss": func(r trainingRun) float64 { return r.final }}
	names := []string{"training loss"}
	for _, k := range keys {
		name := "mean clipped error, " + k
		names = append(names, name)
		measures[name] = func(r trainingRun) float64 { return r.scores[k].clipped }
	}
	for _, name := range names {
		m := measures[name]
		bySize := exponents(runs, func(r trainingRun) string { return fmt.Sprint(r.systems) }, func(r trainingRun) float64 { return r.parameters }, m)
		byData := exponents(runs, func(r trainingRun) string { return r.size }, func(r trainingRun) float64 { return r.systems }, m)
		fmt.Fprintf(w, "| %s | %s | %s |\n", name, exponentText(bySize), exponentText(byData))
	}
	charts := []chart{{title: "training", x: "step", y: "loss, moving average", logX: true, logY: true}, {title: "unseen systems", x: "unique systems", y: "mean clipped error", logX: true}}
	var last string
	colour := -1
	for _, r := range runs {
		if r.size != last {
			last = r.size
			colour++
			for _, k := range []string{"zero-shot first50", "unseen first50"} {
				line := curve{name: fmt.Sprintf("%.0fk, %s", r.parameters/1000, k), colour: colour, dashed: k[0] == 'u'}
				for _, q := range runs {
					if q.size == r.size {
						line.x, line.y = append(line.x, q.systems), append(line.y, q.scores[k].clipped)
					}
				}
				charts[1].curves = append(charts[1].curves, line)
			}
		}
		from := len(r.steps) / 20
		charts[0].curves = append(charts[0].curves, curve{name: fmt.Sprintf("%.0fk, %.0f systems", r.parameters/1000, r.systems), x: r.steps[from:], y: r.loss[from:], colour: colour})
	}
	return writeSVG(o.out, "scaling.svg", "Loss and error against size and data", 2, charts)
}

// exponents fits the slope of each line of runs that share a key.
func exponents(runs []trainingRun, key func(trainingRun) string, x, y func(trainingRun) float64) []float64 {
	lines := map[string][][2]float64{}
	var order []string
	for _, r := range runs {
		k := key(r)
		if lines[k] == nil {
			order = append(order, k)
		}
		lines[k] = append(lines[k], [2]float64{math.Log(x(r)), math.Log(y(r))})
	}
	var out []float64
	for _, k := range order {
		var n, sx, sy, xx, xy float64
		for _, p := range lines[k] {
			n++
			sx += p[0]
			sy += p[1]
			xx += p[0] * p[0]
			xy += p[0] * p[1]
		}
		if d := n*xx - sx*sx; n > 1 && d > 0 {
			out = append(out, -(n*xy-sx*sy)/d)
		}
	}
	return out
}

func exponentText(a []float64) string {
	if len(a) == 0 {
		return "-"
	}
	mean := 0.
	for _, v := range a {
		mean += v / float64(len(a))
	}
	return fmt.Sprintf("%.3f (%.3f to %.3f)", mean, slices.Min(a), slices.Max(a))
}

func readRun(base string) (trainingRun, error) {
	name := filepath.Base(base)
	size, count, _ := strings.Cut(name, "-")
	systems, err := strconv.ParseFloat(count, 64)
	if err != nil || !(systems >= 1) {
		return trainingRun{}, fmt.Errorf("%s.safetensors: the name is to be SIZE-COUNT, the count of unique systems in digits", name)
	}
	r := trainingRun{size: size, systems: systems, scores: map[string]suiteScores{}}
	f, err := os.Open(base + ".safetensors")
	if err != nil {
		return r, err
	}
	model, err := lassode.Load(f)
	f.Close()
	if err != nil {
		return r, fmt.Errorf("%s.safetensors: %w", name, err)
	}
	r.parameters = float64(model.Info().Parameters)

	log, err := os.Open(base + ".safetensors.loss.jsonl")
	if err != nil {
		return r, err
	}
	defer log.Close()
	var single []float64
	for lines := bufio.NewScanner(log); lines.Scan(); {
		var e struct {
			Step    float64  `json:"step"`
			Loss    *float64 `json:"loss"`
			RunLoss *float64 `json:"run_loss"`
		}
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			return r, fmt.Errorf("%s.safetensors.loss.jsonl: %w", name, err)
		}
		if e.Loss == nil || e.RunLoss == nil {
			continue // a step left out
		}
		r.steps, r.loss = append(r.steps, e.Step), append(r.loss, *e.RunLoss)
		single = append(single, *e.Loss)
	}
	if len(single) < 20 {
		return r, fmt.Errorf("%s.safetensors.loss.jsonl has %d entries, want at least 20", name, len(single))
	}
	r.final = median(single[len(single)*4/5:])

	text, err := os.ReadFile(base + ".json")
	if err != nil {
		return r, err
	}
	var report struct {
		Suites []struct {
			Suite     string `json:"suite"`
			Condition struct {
				Key string `json:"key"`
			} `json:"condition"`
			Methods []struct {
				Method  string  `json:"method"`
				Median  float64 `json:"median"`
				Clipped float64 `json:"mean_clipped_at_2"`
				Share   float64 `json:"share_r2_over_0.9"`
			} `json:"methods"`
		} `json:"suites"`
	}
	if err := json.Unmarshal(text, &report); err != nil {
		return r, fmt.Errorf("%s.json: %w", name, err)
	}
	for _, s := range report.Suites {
		for _, m := range s.Methods {
			if m.Method == "model" {
				r.scores[s.Suite+" "+s.Condition.Key] = suiteScores{m.Share, m.Median, m.Clipped}
			}
		}
	}
	return r, nil
}
