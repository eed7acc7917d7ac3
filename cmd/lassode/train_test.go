package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lassode/lassode"
	"github.com/lassode/lassode/ode"
)

// toyConfig trains the smallest network in no time.
const toyConfig = `{"model":{"width":8,"blocks":1,"heads":2,"feed":8,"pairs":2,"hub_tokens":4,"phase_modes":2,"encoder":4,"mixer":4,"min_windows":8,"max_windows":16},"train":{"batch":64,"steps":4,"save_every":2}}`

func TestTrainingConfig(t *testing.T) {
	code, out, errs := lassodeRun(t, "", "pretrain", "-print-config")
	require.Equal(t, exitOK, code, errs)
	c, err := readTraining(strings.NewReader(out), "c.json")
	require.NoError(t, err)
	require.Equal(t, defaultTraining(), c)
	c, err = readTraining(strings.NewReader(`{"model":{"width":64},"train":{"steps":7}}`), "c.json")
	require.NoError(t, err)
	require.Equal(t, 64, c.Model.Width)
	require.Equal(t, defaultTraining().Model.Blocks, c.Model.Blocks)
	require.Equal(t, 7, c.Train.Steps)
	for text, want := range map[string]string{
		`{"model":{"widht":64}}`:          `unknown field "widht"`,
		`{"model":{"width":-3}}`:          "width is -3",
		`{"model":`:                       "c.json",
		`{"train":{"steps":"a"}}`:         "steps",
		`{"train":{"steps":0}}`:           "c.json: steps is 0, want 1 to",
		`{"train":{"learning_rate":0}}`:   "c.json: learning_rate is 0, want more than 0",
		`{} {"model":{}}`:                 "which ends at byte 2",
		``:                                "c.json: empty",
		strings.Repeat(" ", 1<<20) + `{}`: "longer than 1 MiB",
	} {
		_, err := readTraining(strings.NewReader(text), "c.json")
		require.ErrorContains(t, err, want)
	}
}

func TestLossLog(t *testing.T) {
	path := filepath.Join(t.TempDir(), "w.loss.jsonl")
	l, err := openLossLog(path, false)
	require.NoError(t, err)
	for step := 10; step <= 50; step += 10 {
		l.add(lossEntry{Step: step, RunLoss: number(1 / float64(step))})
	}
	require.NoError(t, l.Close())
	// A kill in the middle of a line, then a run resumed from step 30.
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = f.WriteString("{\"step\":60,\"lo")
	require.NoError(t, err)
	require.NoError(t, f.Close())
	l, err = openLossLog(path, true)
	require.NoError(t, err)
	require.Len(t, l.entries, 5)
	l.add(lossEntry{Step: 40, RunLoss: 0.5})
	require.NoError(t, l.Close())
	require.Len(t, l.entries, 4)
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	again := readLossLog(bytes.NewReader(b))
	require.Equal(t, l.entries, again)
	require.Equal(t, number(0.5), again[3].RunLoss)
	require.NotContains(t, string(b), "\n\n")
	var svg bytes.Buffer
	require.NoError(t, lossFigure(again, "w").draw(&svg, "svg"))
	require.Contains(t, svg.String(), "mixture of the guides")
}

// Steps that were left out and spikes between entries are in the log.
func TestLossLogOfTrouble(t *testing.T) {
	path := filepath.Join(t.TempDir(), "w.loss.jsonl")
	l, err := openLossLog(path, false)
	require.NoError(t, err)
	skipped := 0
	for step := 1; step <= 30; step++ {
		p := lassode.Progress{Step: step, Steps: 30, Loss: -1, RunLoss: -1, GradientNorm: 1}
		switch step {
		case 14:
			p.Loss = 50
		case 17:
			p.Loss, p.GradientNorm = math.Inf(1), math.NaN()
			skipped++
		}
		p.SkippedSteps = skipped
		l.step(p, 10)
	}
	require.NoError(t, l.Close())
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	for _, line := range bytes.Split(bytes.TrimSpace(b), []byte("\n")) {
		require.True(t, json.Valid(line), "%s", line)
	}
	require.Contains(t, string(b), `"loss":null`)
	entries := readLossLog(bytes.NewReader(b))
	require.Len(t, entries, 4) // 10, 17, 20, 30
	require.Equal(t, number(-1), entries[0].WorstLoss)
	require.Equal(t, 17, entries[1].Step)
	require.Equal(t, 1, entries[1].Skipped)
	require.True(t, entries[1].Loss != entries[1].Loss)
	require.Equal(t, number(-1), entries[2].WorstLoss)
	require.Equal(t, 1, entries[3].Skipped)

	// A log cut off in the middle of a line goes on with a line of its own.
	require.NoError(t, os.WriteFile(path, b[:len(b)-7], 0o644))
	l, err = openLossLog(path, true)
	require.NoError(t, err)
	for step := 21; step <= 30; step++ {
		loss := -1.
		if step == 24 {
			loss = 50
		}
		l.step(lassode.Progress{Step: step, Steps: 30, Loss: loss, SkippedSteps: 1}, 10)
	}
	require.NoError(t, l.Close())
	b, err = os.ReadFile(path)
	require.NoError(t, err)
	entries = readLossLog(bytes.NewReader(b))
	require.Equal(t, 30, entries[len(entries)-1].Step)
	require.Equal(t, number(50), entries[len(entries)-1].WorstLoss)
	require.Equal(t, number(-1), entries[len(entries)-1].Loss)
}

// A damaged shard stops training unless it is to be left out.
func TestSkipDamaged(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "zoo")
	_, err := ode.WriteCollection(t.Context(), dir, 4, 40, ode.WriteOptions{ShardTrajectories: 10})
	require.NoError(t, err)
	config := write(t, "c.json", toyConfig)
	pretrain := func(name string, more ...string) (int, string, string) {
		return lassodeRun(t, "", append([]string{"pretrain", "-data", dir, "-config", config, "-out", filepath.Join(t.TempDir(), name)}, more...)...)
	}
	code, out, errs := pretrain("whole", "-skip-damaged")
	require.Equal(t, exitOK, code, errs)
	require.NotContains(t, errs, "left out")
	require.Contains(t, out, "step 4")

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var stopped strings.Builder
	empty := t.TempDir()
	require.Equal(t, exitError, run(ctx, &environment{strings.NewReader(""), io.Discard, &stopped}, []string{"pretrain", "-data", dir, "-config", config, "-out", filepath.Join(empty, "w")}))
	require.Contains(t, stopped.String(), "interrupted")
	left, err := os.ReadDir(empty)
	require.NoError(t, err)
	require.Empty(t, left, "stopped before the training begins")

	// One shard is shorter, one has another bit among its values.
	short, flipped := filepath.Join(dir, "shard-000000.safetensors"), filepath.Join(dir, "shard-000002.safetensors")
	b, err := os.ReadFile(flipped)
	require.NoError(t, err)
	b[len(b)-100] ^= 4
	require.NoError(t, os.WriteFile(flipped, b, 0o644))
	code, _, errs = pretrain("refused")
	require.Equal(t, exitError, code)
	require.Contains(t, errs, "shard-000002.safetensors: SHA-256")
	require.Contains(t, errs, "-skip-damaged trains without damaged shards")
	require.NoError(t, os.Truncate(short, 1000))

	code, _, errs = pretrain("refused")
	require.Equal(t, exitError, code)
	require.Contains(t, errs, "shard-000000.safetensors: 1000 bytes long")
	code, out, errs = pretrain("rest", "-skip-damaged")
	require.Equal(t, exitOK, code, errs)
	require.Contains(t, errs, "left out: ode: not a valid collection: shard-000000.safetensors: 1000 bytes long")
	require.Contains(t, errs, "shard-000002.safetensors: SHA-256")
	require.Contains(t, out, "step 4")

	code, _, errs = lassodeRun(t, "", "inspect", dir, "-verify")
	require.Equal(t, exitError, code)
	require.Contains(t, errs, "shard-000000.safetensors")

	for _, i := range []string{"1", "3"} {
		require.NoError(t, os.Remove(filepath.Join(dir, "shard-00000"+i+".safetensors")))
	}
	code, _, errs = pretrain("none", "-skip-damaged")
	require.Equal(t, exitError, code)
	require.Contains(t, errs, "none of its 4 shards is whole")
	code, _, errs = lassodeRun(t, "", "pretrain", "-skip-damaged", "-out", filepath.Join(t.TempDir(), "w"))
	require.Equal(t, exitUsage, code)
	require.Contains(t, errs, "-skip-damaged")
}

func TestLoadSeries(t *testing.T) {
	dir := t.TempDir()
	env := &environment{stdin: strings.NewReader("")}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "a.csv"), []byte(waveCSV(30)), 0o644))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "b.jsonl"), []byte(`{"t":[0,1],"x":[[1],[2]]}`+"\n\n"+`{"t":[0],"x":[[1]]}`+"\n"), 0o644))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "notes.txt"), []byte("hello"), 0o644))
	all, names, err := loadSeries(context.Background(), env, dir, 100)
	require.NoError(t, err)
	require.Len(t, all, 3)
	require.Equal(t, []string{filepath.Join(dir, "a.csv"), filepath.Join(dir, "b.jsonl") + " line 1", filepath.Join(dir, "b.jsonl") + " line 3"}, names)
	code, _, errs := lassodeRun(t, "", "finetune", "-data", dir, "-out", filepath.Join(t.TempDir(), "w"))
	require.Equal(t, exitError, code)
	require.Contains(t, errs, "b.jsonl line 1 is 2 rows long, want at least 24 rows")
	all, _, err = loadSeries(context.Background(), env, dir, 2)
	require.NoError(t, err)
	require.Len(t, all, 2)
	_, _, err = loadSeries(context.Background(), env, write(t, "c.jsonl", `{"t":[0,0],"x":[[1],[2]]}`), 9)
	require.ErrorContains(t, err, "c.jsonl line 1: t[1] is 0")
	_, _, err = loadSeries(context.Background(), env, t.TempDir(), 9)
	require.ErrorContains(t, err, "holds neither")
}

// Channels are told by their names where all series have some.
func TestAlignChannels(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"1.csv": "t,a,b\n0,1,2\n1,3,\n", "2.csv": "t,b,a\n0,20,10\n", "3.jsonl": `{"t":[0],"x":[[200,100]],"names":["b","a"]}`,
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644))
	}
	load := func() ([]lassode.Series, error) {
		all, _, err := loadSeries(t.Context(), &environment{}, dir, 9)
		return all, err
	}
	all, err := load()
	require.NoError(t, err)
	require.Len(t, all, 3)
	for i, want := range [][]float64{{1, 2}, {10, 20}, {100, 200}} {
		require.Equal(t, []string{"a", "b"}, all[i].Names)
		require.Equal(t, want, all[i].Values[0])
	}
	other := filepath.Join(dir, "4.csv")
	for text, want := range map[string]string{
		"t,b,c\n0,1,2\n":     "4.csv has the channels b, c, want a, b as in " + filepath.Join(dir, "1.csv"),
		"t,a,b,c\n0,1,2,3\n": "4.csv has the channels a, b, c, want a, b as in",
	} {
		require.NoError(t, os.WriteFile(other, []byte(text), 0o644))
		_, err = load()
		require.ErrorContains(t, err, want)
	}
	// Without all names, by their places.
	require.NoError(t, os.Rename(other, filepath.Join(dir, "4.jsonl")))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "4.jsonl"), []byte(`{"t":[0],"x":[[5,6]]}`), 0o644))
	all, err = load()
	require.NoError(t, err)
	require.Equal(t, []float64{20, 10}, all[1].Values[0])
}

// TestTrainingCommands pretrains a toy, resumes it, inspects it, forecasts
// with it and fine-tunes it.
func TestTrainingCommands(t *testing.T) {
	dir := t.TempDir()
	config := filepath.Join(dir, "c.json")
	require.NoError(t, os.WriteFile(config, []byte(toyConfig), 0o644))
	weights := filepath.Join(dir, "w.safetensors")
	code, out, errs := lassodeRun(t, "", "pretrain", "-data", "zoo", "-out", weights, "-config", config, "-log-every", "1")
	require.Equal(t, exitOK, code, errs)
	require.Contains(t, out, "step 4")
	first, err := os.ReadFile(weights)
	require.NoError(t, err)
	b, err := os.ReadFile(weights + ".loss.jsonl")
	require.NoError(t, err)
	require.Len(t, readLossLog(bytes.NewReader(b)), 4)
	require.FileExists(t, weights+".loss.svg")

	code, _, errs = lassodeRun(t, "", "pretrain", "-out", weights, "-config", config)
	require.Equal(t, exitError, code, "a finished run is not thrown away")
	require.Contains(t, errs, "-resume")
	code, _, errs = lassodeRun(t, "", "pretrain", "-out", weights, "-config", config, "-resume")
	require.Equal(t, exitOK, code, errs)
	again, err := os.ReadFile(weights)
	require.NoError(t, err)
	require.Equal(t, first, again)

	code, out, errs = lassodeRun(t, "", "inspect", weights, "-json")
	require.Equal(t, exitOK, code, errs)
	var info struct {
		Config     struct{ Width int }
		Provenance struct {
			Step    int
			ZooHash string `json:"zoo_hash"`
		}
	}
	require.NoError(t, json.Unmarshal([]byte(out), &info))
	require.Equal(t, 8, info.Config.Width)
	require.Equal(t, 4, info.Provenance.Step)
	require.NotEmpty(t, info.Provenance.ZooHash)

	csv := filepath.Join(dir, "wave.csv")
	require.NoError(t, os.WriteFile(csv, []byte(waveCSV(60)), 0o644))
	code, out, errs = lassodeRun(t, "", "inspect", "-model", weights, "-in", csv)
	require.Equal(t, exitOK, code, errs)
	require.Contains(t, out, "hub tokens read")
	require.Contains(t, out, "hub usage over all windows")
	tuned := filepath.Join(dir, "tuned.safetensors")
	code, _, errs = lassodeRun(t, "", "finetune", "-model", weights, "-data", csv, "-out", tuned, "-steps", "2")
	require.Equal(t, exitOK, code, errs)
	require.Contains(t, errs, "error on parts of it")
	code, out, errs = lassodeRun(t, "", "forecast", "-model", tuned, "-in", csv, "-steps", "2")
	require.Equal(t, exitOK, code, errs)
	require.Equal(t, 3, strings.Count(out, "\n"))
	code, _, errs = lassodeRun(t, "", "finetune", "-model", weights, "-data", csv, "-out", tuned, "-scope", "hub", "-steps", "2", "-precision", "bfloat16")
	require.Equal(t, exitOK, code, errs)

	code, _, errs = lassodeRun(t, "", "finetune", "-model", weights, "-data", csv, "-out", tuned, "-precision", "int4")
	require.Equal(t, exitUsage, code)
	require.Contains(t, errs, "int8")

	// The built-in weights at every precision: sizes, and close forecasts.
	size := map[string]int64{}
	ahead := map[string]string{}
	for _, p := range []string{"float32", "bfloat16", "int8"} {
		file := filepath.Join(dir, p)
		code, _, errs = lassodeRun(t, "", "convert", "-precision", p, "-out", file)
		require.Equal(t, exitOK, code, errs)
		info, err := os.Stat(file)
		require.NoError(t, err)
		size[p] = info.Size()
		code, ahead[p], errs = lassodeRun(t, "", "forecast", "-model", file, "-in", csv, "-steps", "2")
		require.Equal(t, exitOK, code, errs)
	}
	require.Less(t, size["bfloat16"], size["float32"]*55/100)
	require.Less(t, size["int8"], size["float32"]*33/100)
	require.NotEqual(t, ahead["float32"], ahead["int8"])
	code, _, errs = lassodeRun(t, "", "convert", "-precision", "int8")
	require.Equal(t, exitUsage, code)
	require.Contains(t, errs, "-out")

	// Cut off anywhere, weights are refused.
	for _, n := range []int{0, 7, 8, 100, len(first) - 1} {
		cut := filepath.Join(dir, "cut.safetensors")
		require.NoError(t, os.WriteFile(cut, first[:n], 0o644))
		code, _, errs = lassodeRun(t, "", "forecast", "-model", cut, "-in", csv)
		require.Equal(t, exitError, code)
		require.Contains(t, errs, "cut.safetensors")
	}
}

func TestDemo(t *testing.T) {
	picture := filepath.Join(t.TempDir(), "demo.png")
	code, out, errs := lassodeRun(t, "", "demo", "-plot", picture)
	require.Equal(t, exitOK, code, errs)
	for _, scene := range demoScenes {
		require.Contains(t, out, scene.family)
	}
	for _, m := range demoMethods {
		require.Contains(t, out, m)
	}
	require.FileExists(t, picture)
}

// FuzzTrainingConfig reads arbitrary files as -config does.
func FuzzTrainingConfig(f *testing.F) {
	f.Add([]byte(`{"model":{"width":64},"train":{"steps":10,"note":"x"}}`))
	f.Add([]byte(`{"model":{"width":1e300}}`))
	f.Add([]byte(`{"train":{"learning_rate":-1}}`))
	f.Add([]byte(toyConfig))
	f.Add([]byte("{\"model\":{\"heads\":3,\"width\":16},\"train\":null}"))
	f.Add([]byte(`{"model":{"blocks":-1}}{"train":{"seed":18446744073709551616}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		if c, err := readTraining(bytes.NewReader(text), "c.json"); err == nil {
			require.NoError(t, c.Model.Validate())
		}
	})
}

// What fine-tuning writes into the hub is used for series with the same channels.
func TestLibraryOfAFleet(t *testing.T) {
	dir := t.TempDir()
	run := func(header string, k int) string {
		var b strings.Builder
		b.WriteString(header + "\n")
		x, v := 1+.2*float64(k), 0.
		for i := range 60 {
			fmt.Fprintf(&b, "%g,%g,%g\n", .15*float64(i), x, v)
			for range 15 {
				v -= .01 * (x + .4*x*x*x + .2*v)
				x += .01 * v
			}
		}
		return b.String()
	}
	fleet := filepath.Join(dir, "fleet")
	require.NoError(t, os.Mkdir(fleet, 0o755))
	for k := range 6 {
		require.NoError(t, os.WriteFile(filepath.Join(fleet, fmt.Sprintf("%d.csv", k)), []byte(run("t,angle,speed", k)), 0o644))
	}
	tuned := filepath.Join(dir, "w.safetensors")
	code, _, errs := lassodeRun(t, "", "finetune", "-data", fleet, "-out", tuned, "-scope", "hub")
	require.Equal(t, exitOK, code, errs)
	require.Contains(t, errs, "written into the hub", "or the test is of no use")
	code, out, errs := lassodeRun(t, "", "inspect", tuned)
	require.Equal(t, exitOK, code, errs)
	require.Contains(t, out, "360 rows of 6 runs of 2 channels")
	require.Contains(t, out, "channels angle, speed")
	for header, want := range map[string]string{"t,speed,angle": "", "t,angle,torque": "not angle, torque: forecast without them"} {
		lines := strings.SplitAfter(run(header, 9), "\n")
		code, _, errs = lassodeRun(t, strings.Join(lines[:20], ""), "forecast", "-in", "-", "-model", tuned, "-steps", "2")
		require.Equal(t, exitOK, code, errs)
		require.Contains(t, errs, want)
		require.Equal(t, want == "", !strings.Contains(errs, "without them"))
	}
}
