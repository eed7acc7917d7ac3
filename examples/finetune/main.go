// Command finetune adapts the general model to one machine from its runs in CSV
// files, keeps the tuned weights, and shows on a run that it has not seen what
// that gained.
//
//	go run ./examples/finetune
//	go run ./examples/finetune -runs 'mine/*.csv' -out mine.safetensors
//
// A file is one run: a header t,name1,name2,... and a row per time; an empty cell
// is not observed. The last file is kept apart for the comparison, of which the
// first half is shown to both models. examples/finetune/runs holds nine runs of a
// model of a nerve cell that was started at random, with 2 % of noise.
package main

import (
	"context"
	"encoding/csv"
	"flag"
	"fmt"
	"io"
	"log"
	"math"
	"os"
	"path/filepath"
	"strconv"

	"github.com/lassode/lassode"
	"github.com/lassode/lassode/pretrained"
)

// readRun reads one file.
func readRun(path string) (lassode.Series, error) {
	var s lassode.Series
	f, err := os.Open(path)
	if err != nil {
		return s, err
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		return s, fmt.Errorf("%s: %w", path, err)
	}
	if len(rows) < 2 {
		return s, fmt.Errorf("%s has %d lines, want a header and a row per time", path, len(rows))
	}
	s.Names = rows[0][1:]
	for i, cells := range rows[1:] {
		row := make([]float64, len(cells))
		for c, cell := range cells {
			if row[c] = math.NaN(); cell == "" && c > 0 {
				continue
			}
			if row[c], err = strconv.ParseFloat(cell, 64); err != nil {
				return s, fmt.Errorf("%s line %d, column %s: %w", path, i+2, rows[0][c], err)
			}
		}
		s.Times = append(s.Times, row[0])
		s.Values = append(s.Values, row[1:])
	}
	if err := s.Validate(); err != nil {
		return s, fmt.Errorf("%s: %w", path, err)
	}
	return s, nil
}

// compare forecasts the second half of a run from the first and returns the root
// mean square error over the standard deviation, averaged over the channels.
func compare(m *lassode.Model, s lassode.Series) (float64, error) {
	cut := len(s.Times) / 2
	fc, err := m.Forecast(lassode.Series{Names: s.Names, Times: s.Times[:cut], Values: s.Values[:cut]}, s.Times[cut:])
	if err != nil {
		return 0, err
	}
	mean := 0.0
	for c := range s.Channels() {
		var sum, square, miss, n, asked float64
		for i, row := range s.Values {
			if v := row[c]; v == v {
				sum, square, n = sum+v, square+v*v, n+1
				if i >= cut {
					miss, asked = miss+(v-fc.Mean[i-cut][c])*(v-fc.Mean[i-cut][c]), asked+1
				}
			}
		}
		mean += math.Sqrt(miss/asked) / math.Sqrt(square/n-sum*sum/(n*n)) / float64(s.Channels())
	}
	return mean, nil
}

// tune is the program; it returns the errors on the run kept apart, of the
// general and of the tuned model as it was read back from the file.
func tune(ctx context.Context, out io.Writer, pattern, file string, steps int) (before, after float64, err error) {
	paths, err := filepath.Glob(pattern) // in the order of the names
	if err != nil {
		return 0, 0, err
	}
	if len(paths) < 2 {
		return 0, 0, fmt.Errorf("%q matches %d files, want at least two runs", pattern, len(paths))
	}
	var runs []lassode.Series
	for _, path := range paths {
		s, err := readRun(path)
		if err != nil {
			return 0, 0, err
		}
		runs = append(runs, s)
	}
	fresh := runs[len(runs)-1]

	general, err := pretrained.Model()
	if err != nil {
		return 0, 0, err
	}
	tuned, report, err := general.FineTune(ctx, runs[:len(runs)-1], lassode.FineTuneOptions{Steps: steps})
	if err != nil {
		return 0, 0, err
	}
	fmt.Fprintf(out, "%d runs, %d of them to validate: error %.3f before, %.3f after; the %s weights were kept\n",
		len(runs)-1, report.ValidationTrajectories, report.Before, report.After, report.Kept)

	f, err := os.Create(file)
	if err != nil {
		return 0, 0, err
	}
	if err = tuned.Save(f, lassode.Float32); err == nil {
		err = f.Close()
	}
	if err != nil {
		return 0, 0, err
	}
	if f, err = os.Open(file); err != nil {
		return 0, 0, err
	}
	defer f.Close()
	kept, err := lassode.Load(f)
	if err != nil {
		return 0, 0, err
	}

	if before, err = compare(general, fresh); err != nil {
		return 0, 0, err
	}
	if after, err = compare(kept, fresh); err != nil {
		return 0, 0, err
	}
	fmt.Fprintf(out, "on %s, which neither has seen: error %.3f before, %.3f after\n", filepath.Base(paths[len(paths)-1]), before, after)
	return before, after, nil
}

func main() {
	pattern := flag.String("runs", "examples/finetune/runs/*.csv", "`files` of the runs")
	file := flag.String("out", "tuned.safetensors", "`file` for the tuned weights")
	steps := flag.Int("steps", 60, "`number` of optimiser steps")
	flag.Parse()
	if _, _, err := tune(context.Background(), os.Stdout, *pattern, *file, *steps); err != nil {
		log.Fatal(err)
	}
}
