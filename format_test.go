package lassode

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// safetensorsParts cuts a safetensors file into its header and its data.
func safetensorsParts(t testing.TB, file []byte) (map[string]json.RawMessage, []byte) {
	t.Helper()
	n := binary.LittleEndian.Uint64(file)
	var header map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(file[8:8+n], &header))
	return header, file[8+n:]
}

// safetensorsFile is the inverse for any text.
func safetensorsFile(header string, data []byte) []byte {
	out := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	return append(append(out, header...), data...)
}

// allocated runs f and returns the bytes that were allocated meanwhile, freed or
// not.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// hostileHeaders edits the header of a valid file of one float32 tensor after the
// other. Each must be refused whatever the file is for.
func hostileHeaders(t testing.TB, file []byte) map[string][]byte {
	header, data := safetensorsParts(t, file)
	var first string // some tensor, the same each time
	for name := range header {
		if name != "__metadata__" && (first == "" || name < first) {
			first = name
		}
	}
	var entry tensorEntry
	require.NoError(t, json.Unmarshal(header[first], &entry))
	with := func(name string, value any) []byte {
		text, err := json.Marshal(value)
		require.NoError(t, err)
		other := map[string]json.RawMessage{}
		for k, v := range header {
			other[k] = v
		}
		other[name] = text
		all, err := json.Marshal(other)
		require.NoError(t, err)
		return safetensorsFile(string(all), data)
	}
	change := func(edit func(e *tensorEntry)) []byte {
		e := entry
		e.Shape = append([]int(nil), e.Shape...)
		edit(&e)
		return with(first, e)
	}
	whole, err := json.Marshal(header)
	require.NoError(t, err)
	lie := func(length uint64) []byte {
		out := bytes.Clone(file)
		binary.LittleEndian.PutUint64(out, length)
		return out
	}
	headLen := binary.LittleEndian.Uint64(file)
	nan := bytes.Clone(file)
	binary.LittleEndian.PutUint32(nan[len(nan)-4:], math.Float32bits(float32(math.NaN())))
	inf := bytes.Clone(file)
	binary.LittleEndian.PutUint32(inf[len(inf)-4:], math.Float32bits(float32(math.Inf(-1))))
	deep := strings.Repeat("[", 100000)
	return map[string][]byte{
		"empty":                          nil,
		"seven bytes":                    file[:7],
		"length of the header is zero":   lie(0),
		"length of the header is one":    lie(1),
		"length of the header too short": lie(headLen - 9),
		"length of the header too long":  lie(headLen + 4),
		"length of the header is 8 MiB":  lie(maxHeader),
		"length of the header is 2^60":   lie(1 << 60),
		"length of the header is 2^64-1": lie(math.MaxUint64),
		"header is not JSON":             safetensorsFile("hello world", data),
		"header is a list":               safetensorsFile("[1,2]", data),
		"header is null":                 safetensorsFile("null", data),
		"header is nested deeply":        safetensorsFile(deep, data),
		"header is not UTF-8":            safetensorsFile("{\"\xff\xfe\":1}", data),
		"tensor is a number":             with(first, 7),
		"tensor is null":                 with(first, nil),
		"shape is text":                  with(first, map[string]any{"dtype": "F32", "shape": "x", "data_offsets": []int{0, 4}}),
		"shape is fractional":            with(first, map[string]any{"dtype": "F32", "shape": []float64{.5}, "data_offsets": []int{0, 4}}),
		"offsets are missing":            with(first, map[string]any{"dtype": "F32", "shape": entry.Shape}),
		"type is F64":                    change(func(e *tensorEntry) { e.DType = "F64" }),
		"type is BF16, data are F32":     change(func(e *tensorEntry) { e.DType = "BF16" }),
		"type is unknown":                change(func(e *tensorEntry) { e.DType = "X" }),
		"shape does not fit the bytes":   change(func(e *tensorEntry) { e.Shape[0]++ }),
		"shape is negative":              change(func(e *tensorEntry) { e.Shape[0] = -e.Shape[0] }),
		"shape overflows":                change(func(e *tensorEntry) { e.Shape = []int{1 << 28, 1 << 28, 1 << 28} }),
		"shape overflows to zero":        change(func(e *tensorEntry) { e.Shape, e.Offsets = []int{1 << 28, 16, 0}, [2]int{0, 0} }),
		"shape has a thousand axes":      change(func(e *tensorEntry) { e.Shape = make([]int, 1000) }),
		"offsets are negative":           change(func(e *tensorEntry) { e.Offsets[0], e.Offsets[1] = -4, e.Offsets[1]-e.Offsets[0]-4 }),
		"offsets are swapped":            change(func(e *tensorEntry) { e.Offsets[0], e.Offsets[1] = e.Offsets[1], e.Offsets[0] }),
		"offsets go beyond the file":     change(func(e *tensorEntry) { e.Offsets[0] += 1 << 30; e.Offsets[1] += 1 << 30 }),
		"offsets wrap around":            change(func(e *tensorEntry) { e.Offsets = [2]int{math.MaxInt, math.MinInt + 3} }),
		"tensors overlap":                change(func(e *tensorEntry) { e.Offsets[0] += 4; e.Offsets[1] += 4 }),
		"tensor twice over the same":     with("zz", entry),
		"tensor key twice":               safetensorsFile(fmt.Sprintf(`{%q:%s,%s`, first, header[first], whole[1:]), data),
		"metadata key twice":             safetensorsFile(`{"__metadata__":{"format":"a"},`+string(whole[1:]), data),
		"key inside a tensor twice":      safetensorsFile(strings.Replace(string(whole), `"dtype":"F32"`, `"dtype":"F32","dtype":"F32"`, 1), data),
		"metadata are a number":          with("__metadata__", 3),
		"metadata are missing":           with("__metadata__", map[string]string{}),
		"metadata are not text":          with("__metadata__", map[string]int{"format": 1}),
		"tensor nobody wants":            safetensorsFile(fmt.Sprintf(`{"zz":{"dtype":"F32","shape":[1],"data_offsets":[%d,%d]},%s`, len(data), len(data)+4, whole[1:]), append(bytes.Clone(data), 0, 0, 0, 0)),
		"empty tensor nobody wants":      safetensorsFile(fmt.Sprintf(`{"zz":{"dtype":"F32","shape":[0],"data_offsets":[%d,%d]},%s`, len(data), len(data), whole[1:]), data),
		"truncated in the header":        file[:8+headLen/2],
		"truncated in the data":          file[:len(file)-len(data)/2],
		"one byte short":                 file[:len(file)-1],
		"one byte more":                  append(bytes.Clone(file), 0),
		"NaN":                            nan,
		"infinity":                       inf,
	}
}

// isInputProblem is whether err tells the user what is wrong with the input.
func isInputProblem(err error) bool {
	var f *FormatError
	var i *InputError
	return errors.As(err, &f) || errors.As(err, &i)
}

// TestHostileWeights shows that wrong weights, by accident or on purpose, are
// refused with a message and without more memory than a multiple of their size.
func TestHostileWeights(t *testing.T) {
	var buf bytes.Buffer
	require.NoError(t, smallModel(t).Save(&buf, Float32))
	files := hostileHeaders(t, buf.Bytes())
	header, data := safetensorsParts(t, buf.Bytes())
	var meta map[string]string
	require.NoError(t, json.Unmarshal(header["__metadata__"], &meta))
	edited := func(edit func(m map[string]string)) []byte {
		other := map[string]string{}
		for k, v := range meta {
			other[k] = v
		}
		edit(other)
		text, err := json.Marshal(other)
		require.NoError(t, err)
		h := map[string]json.RawMessage{}
		for k, v := range header {
			h[k] = v
		}
		h["__metadata__"] = text
		whole, err := json.Marshal(h)
		require.NoError(t, err)
		return safetensorsFile(string(whole), data)
	}
	set := func(key, value string) []byte { return edited(func(m map[string]string) { m[key] = value }) }
	replace := func(key, old, new string) []byte {
		require.Contains(t, meta[key], old)
		return set(key, strings.Replace(meta[key], old, new, 1))
	}
	for name, file := range map[string][]byte{
		"weights of another program":     set("format", "pt"),
		"configuration is not JSON":      set("config", "{"),
		"configuration of zeros":         set("config", "{}"),
		"configuration with more fields": set("config", `{"extra":1,`+meta["config"][1:]),
		"huge width":                     replace("config", `"width":16`, `"width":1048576`),
		"width beyond a word":            replace("config", `"width":16`, `"width":1e30`),
		"negative width":                 replace("config", `"width":16`, `"width":-16`),
		"larger network than the data":   replace("config", `"width":16`, `"width":32`),
		"many blocks":                    replace("config", `"blocks":2`, `"blocks":60`),
		"future version":                 replace("provenance", `"format_version":1`, `"format_version":2`),
		"provenance is a list":           set("provenance", "[]"),
		"calibration is empty":           set("calibration", "{}"),
		"calibration is not JSON":        set("calibration", "x"),
		"calibration falls":              replace("calibration", `"levels":[`, `"levels":[0.9,`),
		"library without tensors":        set("library", `{"weight":1,"offsets":[0,5]}`),
		"library is not JSON":            set("library", `x`),
	} {
		files[name] = file
	}
	for name, file := range files {
		var err error
		used := allocated(func() { _, err = Load(bytes.NewReader(file)) })
		require.Error(t, err, name)
		require.True(t, isInputProblem(err), "%s: %v", name, err)
		require.Less(t, used, uint64(20*len(file)+1<<18), name)
	}
	t.Logf("%d files", len(files))
}

// TestInt8 holds what Save says of integers: which tensors they are, how close
// they come, that the file names their scales, and that storing a model again
// changes nothing.
func TestInt8(t *testing.T) {
	m := benchModel()
	m.provenance.FormatVersion = formatVersion
	var whole, file, again bytes.Buffer
	require.NoError(t, m.Save(&whole, Float32))
	require.NoError(t, m.Save(&file, Int8))
	require.Less(t, file.Len(), whole.Len()*3/10)
	header, data := safetensorsParts(t, file.Bytes())
	entries := map[string]tensorEntry{}
	for name, text := range header {
		var e tensorEntry
		if name != "__metadata__" {
			require.NoError(t, json.Unmarshal(text, &e))
			entries[name] = e
		}
	}
	loaded, err := Load(bytes.NewReader(file.Bytes()))
	require.NoError(t, err)
	integers := 0
	for _, want := range parameterTensors(m.net.params, m.net.params.Data(), "") {
		id, _ := loaded.net.params.Lookup(want.name)
		got := loaded.net.params.Slice(id)
		e := entries[want.name]
		if len(want.shape) != 2 || len(want.data) < leastCodes {
			require.Equal(t, "F32", e.DType, want.name)
			require.Equal(t, want.data, got, want.name)
			continue
		}
		integers++
		require.Equal(t, "I8", e.DType, want.name)
		require.Equal(t, want.shape, e.Shape, want.name)
		s := entries[want.name+".scale"]
		require.Equal(t, "F32", s.DType, want.name)
		require.Zero(t, s.Offsets[0]%4)
		columns := want.shape[1]
		require.Equal(t, []int{columns}, s.Shape, want.name)
		for i, v := range want.data {
			scale := math.Float32frombits(binary.LittleEndian.Uint32(data[s.Offsets[0]+4*(i%columns):]))
			code := int8(data[e.Offsets[0]+i])
			require.Equal(t, float64(scale)*float64(code), float64(got[i]), "the product is exact")
			require.LessOrEqual(t, math.Abs(float64(v)-float64(got[i])), .5001*float64(scale), want.name)
		}
	}
	require.Greater(t, integers, 30)
	require.NoError(t, loaded.Save(&again, Int8))
	require.True(t, bytes.Equal(file.Bytes(), again.Bytes()))
}

// TestHostileIntegers refuses integers without fitting scales.
func TestHostileIntegers(t *testing.T) {
	var buf bytes.Buffer
	m := smallModel(t)
	require.NoError(t, m.save(&buf, Int8, 64))
	_, err := Load(bytes.NewReader(buf.Bytes()))
	require.NoError(t, err)
	header, data := safetensorsParts(t, buf.Bytes())
	const name = "block.0.time.qkv"
	entry := func(name string) tensorEntry {
		var e tensorEntry
		require.NoError(t, json.Unmarshal(header[name], &e))
		return e
	}
	scale := entry(name + ".scale")
	file := func(edit func(h map[string]json.RawMessage, data []byte)) []byte {
		h := map[string]json.RawMessage{}
		for k, v := range header {
			h[k] = v
		}
		d := bytes.Clone(data)
		edit(h, d)
		text, err := json.Marshal(h)
		require.NoError(t, err)
		return safetensorsFile(string(text), d)
	}
	number := func(v float32) []byte {
		return file(func(_ map[string]json.RawMessage, d []byte) {
			binary.LittleEndian.PutUint32(d[scale.Offsets[0]+4:], math.Float32bits(v))
		})
	}
	change := func(name string, edit func(e *tensorEntry)) []byte {
		return file(func(h map[string]json.RawMessage, _ []byte) {
			e := entry(name)
			edit(&e)
			text, err := json.Marshal(e)
			require.NoError(t, err)
			h[name] = text
		})
	}
	for name, bad := range map[string][]byte{
		"scale of NaN":       number(float32(math.NaN())),
		"infinite scale":     number(float32(math.Inf(1))),
		"negative scale":     number(-1),
		"overflowing scale":  number(math.MaxFloat32),
		"scales of a matrix": change(name+".scale", func(e *tensorEntry) { e.Shape = []int{1, e.Shape[0]} }),
		"scales of rows":     change(name, func(e *tensorEntry) { e.Shape[0], e.Shape[1] = e.Shape[1], e.Shape[0] }),
		"integers in a row":  change(name, func(e *tensorEntry) { e.Shape = []int{e.Shape[0] * e.Shape[1]} }),
		"scales of integers": change(name+".scale", func(e *tensorEntry) { e.DType, e.Shape = "I8", []int{4 * e.Shape[0]} }),
		"scales elsewhere": file(func(h map[string]json.RawMessage, _ []byte) {
			h[name+".scales"] = h[name+".scale"]
			delete(h, name+".scale")
		}),
		"scales for nothing": file(func(h map[string]json.RawMessage, d []byte) {
			e := entry(name)
			h["zz.scale"] = []byte(fmt.Sprintf(`{"dtype":"F32","shape":[0],"data_offsets":[%d,%d]}`, e.Offsets[0], e.Offsets[0]))
		}),
		"no integers":    file(func(h map[string]json.RawMessage, _ []byte) { delete(h, name) }),
		"one byte short": buf.Bytes()[:buf.Len()-1],
	} {
		used := allocated(func() { _, err = Load(bytes.NewReader(bad)) })
		require.Error(t, err, name)
		require.True(t, isInputProblem(err), "%s: %v", name, err)
		if !raceEnabled { // the race detector allocates too
			require.Less(t, used, uint64(20*len(bad)+1<<18), name)
		}
	}
}

func TestPrecisionNames(t *testing.T) {
	for _, p := range []Precision{Float32, BFloat16, Int8} {
		got, err := ParsePrecision(p.String())
		require.NoError(t, err)
		require.Equal(t, p, got)
	}
	for _, bad := range []string{"", "int4", "FLOAT32"} {
		_, err := ParsePrecision(bad)
		require.ErrorContains(t, err, "int8")
	}
	require.Equal(t, "Precision(9)", Precision(9).String())
}

// TestHostileState does the same for the state that training resumes from, and
// shows that the weights beside it stay.
func TestHostileState(t *testing.T) {
	src, path := oscillators(12), filepath.Join(t.TempDir(), "w")
	opt := TrainOptions{Steps: 2, Batch: 256, Seed: 4, Checkpoint: path}
	_, err := Pretrain(context.Background(), smallConfig(), src, opt)
	require.NoError(t, err)
	opt.Resume = true
	weights, err := os.ReadFile(path)
	require.NoError(t, err)
	good, err := os.ReadFile(path + ".state")
	require.NoError(t, err)
	_, err = Pretrain(context.Background(), smallConfig(), src, opt)
	require.NoError(t, err)
	files := hostileHeaders(t, good)
	files["weights for the state"] = weights
	header, data := safetensorsParts(t, good)
	var meta map[string]string
	require.NoError(t, json.Unmarshal(header["__metadata__"], &meta))
	for name, edit := range map[string][2]string{
		"another seed":           {`"seed":4`, `"seed":5`},
		"another source":         {`"trajectories":12`, `"trajectories":13`},
		"another network":        {`"width":16`, `"width":32`},
		"more steps than asked":  {`"step":2`, `"step":3`},
		"negative step":          {`"step":2`, `"step":-1`},
		"step beyond a word":     {`"step":2`, `"step":1e40`},
		"negative updates":       {`"updates":2`, `"updates":-1`},
		"updates without steps":  {`"updates":2`, `"updates":9007199254740993`},
		"average without steps":  {`"average_updates":2`, `"average_updates":3`},
		"more left out":          {`"skipped":0`, `"skipped":3`},
		"longer streak":          {`"streak":0`, `"streak":1`},
		"unknown field":          {`"streak":0`, `"streak":0,"mood":1`},
		"state that is not JSON": {`"streak":0`, `"streak":`},
	} {
		require.Contains(t, meta["state"], edit[0], name)
		text, err := json.Marshal(map[string]string{"format": meta["format"], "state": strings.Replace(meta["state"], edit[0], edit[1], 1)})
		require.NoError(t, err)
		header["__metadata__"] = text
		whole, err := json.Marshal(header)
		require.NoError(t, err)
		files[name] = safetensorsFile(string(whole), data)
	}
	for name, file := range files {
		require.NoError(t, os.WriteFile(path+".state", file, 0o600))
		_, err := Pretrain(context.Background(), smallConfig(), src, opt)
		require.Error(t, err, name)
		require.True(t, isInputProblem(err), "%s: %v", name, err)
		left, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, weights, left, name)
	}
	t.Logf("%d files", len(files))
}

// TestSickSteps poisons the weights of a run: steps without a finite loss change
// nothing and are counted and reported; a few are survived, many in a row end
// the run; what was saved before stays.
func TestSickSteps(t *testing.T) {
	if testing.Short() {
		t.Skip("some dozen training steps")
	}
	src := oscillators(12)
	for _, run := range []struct {
		name     string
		poison   float32
		from, to int // after these steps the poison is put and taken away
	}{
		{"a few", float32(math.NaN()), 5, 7},
		{"overflow", math.MaxFloat32, 5, 7},
		{"for good", float32(math.NaN()), 5, 1000},
		{"until the last step", float32(math.NaN()), 37, 1000},
	} {
		t.Run(run.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "w")
			var log bytes.Buffer
			var tr *trainer
			var weight *float32
			var old float32
			var before []byte
			var last Progress
			var err error
			tr, held, err := newPretrainer(smallConfig(), src, TrainOptions{Steps: 40, Batch: 1024, Seed: 4, Checkpoint: path, SaveEvery: 4,
				Log: slog.New(slog.NewTextHandler(&log, nil)),
				Progress: func(p Progress) {
					last = p
					switch p.Step {
					case run.from:
						var readErr error
						before, readErr = os.ReadFile(path)
						require.NoError(t, readErr)
					case run.to:
						*weight = old
					}
					if p.Step > run.from && p.Step <= run.to {
						require.Equal(t, p.Step-run.from, p.SkippedSteps)
						require.True(t, isFinite(p.RunLoss))
					}
				}})
			require.NoError(t, err)
			// A weight that every output depends on.
			weight = &tr.net.params.Slice(tr.net.readout)[0]
			show := tr.train.Progress
			tr.train.Progress = func(p Progress) {
				show(p)
				if p.Step == run.from {
					old, *weight = *weight, run.poison
				}
			}
			m, err := tr.pretrain(context.Background(), held)
			skipped := min(run.to-run.from, maxStreak)
			if run.to < 40 {
				require.NoError(t, err)
				require.Equal(t, skipped, last.SkippedSteps)
				require.Equal(t, 40, m.provenance.Step)
				require.True(t, isFinite(last.RunLoss))
				require.True(t, tr.healthy())
			} else {
				require.ErrorContains(t, err, "diverged")
				after, readErr := os.ReadFile(path)
				require.NoError(t, readErr)
				require.True(t, bytes.Equal(before, after), "the last good weights are kept")
				_, loadErr := Load(bytes.NewReader(after))
				require.NoError(t, loadErr)
				skipped = last.SkippedSteps
			}
			require.Equal(t, skipped, strings.Count(log.String(), "step left out"), log.String())
		})
	}
}

// A jump of the loss is in the log.
func TestLossSpike(t *testing.T) {
	if testing.Short() {
		t.Skip("some dozen training steps")
	}
	var log bytes.Buffer
	tr, held, err := newPretrainer(smallConfig(), oscillators(12), TrainOptions{Steps: 130, Batch: 128, Seed: 4, Log: slog.New(slog.NewTextHandler(&log, nil))})
	require.NoError(t, err)
	weight := &tr.net.params.Slice(tr.net.readout)[0]
	tr.train.Progress = func(p Progress) {
		if p.Step == 120 {
			require.NotContains(t, log.String(), "spike")
			*weight += 1000
		}
	}
	_, err = tr.pretrain(context.Background(), held)
	require.NoError(t, err)
	require.Contains(t, log.String(), "the loss has a spike")
}

// Fine-tuning that never has a finite loss returns the weights it began with.
func TestFineTuneOfSickWeights(t *testing.T) {
	m := smallModel(t)
	series := []Series{sine(80, 1), sine(90, 1)}
	clean := m.copy()
	out, report, err := m.FineTune(context.Background(), series, FineTuneOptions{Steps: 30, LearningRate: 100})
	require.NoError(t, err)
	require.LessOrEqual(t, report.After, report.Before)
	for _, v := range out.net.params.Data() {
		require.True(t, v-v == 0)
	}
	require.Equal(t, clean.net.params.Data(), m.net.params.Data())
}
