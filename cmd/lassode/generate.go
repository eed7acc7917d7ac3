package main

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/lassode/lassode/ode"
)

func generateCommand() *command {
	return &command{
		name:     "generate",
		synopsis: "-out DIR -size 40GB|-n N [-seed S] [-resume]",
		summary:  "generate a collection of trajectories to pretrain on",
		detail: `
Writes a folder of safetensors shards with a manifest. Trajectory number i
depends on the seed and i alone, so that a collection cut off at any moment is
continued by -resume, and extended by -resume with a larger -size or -n.`,
		examples: `
lassode generate -out data/zoo -n 20000
lassode generate -out data/zoo -size 40GB -seed 7 -resume`,
		run: runGenerate,
	}
}

func runGenerate(ctx context.Context, env *environment, c *command, args []string) error {
	fs := c.flags(env)
	out := fs.String("out", "", "`folder` of the collection")
	size := fs.String("size", "", "`bytes` to write, such as 500MB or 40GB")
	n := fs.Int("n", 0, "`number` of trajectories; with -size as well, whichever comes first")
	seed := fs.Uint64("seed", 1, "`seed` of the collection")
	resume := fs.Bool("resume", false, "continue or extend a collection")
	workers := fs.Int("workers", 0, "`number` of goroutines (default: all processors)")
	positional, err := parse(fs, args)
	if err != nil {
		return err
	}
	if err := noArguments(positional); err != nil {
		return err
	}
	if *out == "" {
		return usagef("-out is missing, want a folder")
	}
	if !given(fs, "n") && !given(fs, "size") {
		return usagef("give -n or -size")
	}
	if given(fs, "n") && *n < 1 {
		return usagef("-n is %d, want at least 1", *n)
	}
	if err := checkWorkers(*workers); err != nil {
		return err
	}
	opt := ode.WriteOptions{Workers: *workers, Resume: *resume}
	if given(fs, "size") {
		if opt.Bytes, err = parseSize(*size); err != nil {
			return usagef("-size: %v", err)
		}
	}
	bar := newProgress(env.stderr)
	started := int64(-1)
	opt.Progress = func(p ode.WriteProgress) {
		share := 0.0
		if p.TotalTrajectories > 0 {
			share = float64(p.Trajectories) / float64(p.TotalTrajectories)
		}
		if p.TotalBytes > 0 {
			share = math.Max(share, float64(p.Bytes)/float64(p.TotalBytes))
		}
		if started < 0 {
			started = p.Bytes
		}
		rate := int64(float64(p.Bytes-started) / math.Max(p.Elapsed.Seconds(), 1e-3))
		bar.show(math.Min(share, 1), "%s, %d of %s, %s, %s/s", plural(p.Trajectories, "trajectory"), p.Shards, plural(p.PlannedShards, "shard"), formatSize(p.Bytes), formatSize(rate))
	}
	m, err := ode.WriteCollection(ctx, *out, *seed, *n, opt)
	bar.done()
	if err != nil {
		if ctx.Err() != nil {
			fmt.Fprintf(env.stderr, "lassode generate: complete shards are kept in %s; go on with -resume\n", *out)
		}
		return err
	}
	fmt.Fprintf(env.stdout, "%s: %s of %s, %s, %s\n", *out, plural(m.Trajectories, "trajectory"),
		plural(len(m.Families), "family"), plural(len(m.Shards), "shard"), formatSize(m.Bytes))
	return nil
}

// parseSize reads "500MB", "40 GB", "1GiB" or a plain number of bytes.
func parseSize(s string) (int64, error) {
	s = strings.ToUpper(strings.TrimSpace(s))
	units := []struct {
		name  string
		bytes float64
	}{
		{"KIB", 1 << 10}, {"MIB", 1 << 20}, {"GIB", 1 << 30}, {"TIB", 1 << 40},
		{"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12},
		{"K", 1e3}, {"M", 1e6}, {"G", 1e9}, {"T", 1e12}, {"B", 1}, {"", 1},
	}
	for _, u := range units {
		number, ok := strings.CutSuffix(s, u.name)
		if !ok {
			continue
		}
		v, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
		if err != nil || !(v*u.bytes >= 1) || v*u.bytes > 1<<60 {
			break
		}
		return int64(v * u.bytes), nil
	}
	return 0, fmt.Errorf("%q is not a size, want a positive number with a unit, such as 40GB", s)
}

// formatSize is the size with three digits.
func formatSize(n int64) string {
	v, unit := float64(n), "B"
	for _, u := range []string{"kB", "MB", "GB", "TB"} {
		if v < 999.5 {
			break
		}
		v, unit = v/1000, u
	}
	return strconv.FormatFloat(v, 'g', 3, 64) + " " + unit
}
