// Command build makes the page of folder web: the engine as WebAssembly, the
// loader of the Go distribution, the examples as CSV files and the page itself.
//
//	go run ./web/build            makes web/dist
//	go run ./web/build -o DIR     makes DIR
//
// Any file server can then serve the folder; `lassode serve` is one.
package main

import (
	"compress/gzip"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/lassode/lassode"
	"github.com/lassode/lassode/internal/csv"
	"github.com/lassode/lassode/ode"
)

// pageFiles are copied as they are.
var pageFiles = []string{"index.html", "style.css", "page.js", "worker.js"}

// scenes are the built-in examples: the first draws of kinds of systems that
// were not trained on. Every step-th row is kept; seen is where the slider
// begins, as a share of the rows.
var scenes = []struct {
	family, title string
	step          int
	seen          float64
}{
	{"ring-oscillator", "Ring of three inverters", 2, 0.5},
	{"cart-pole", "Pole swinging on a cart", 2, 0.5},
	{"oregonator", "Oscillating chemical reaction", 2, 0.55},
	{"quarter-car", "Suspension of a car", 2, 0.5},
	{"morris-lecar", "Nerve cell (Morris-Lecar)", 2, 0.6},
}

// exampleSeed is the seed of the examples.
const exampleSeed = 1

func main() {
	out := flag.String("o", "", "`folder` of the page (default web/dist in the module)")
	flag.Parse()
	if flag.NArg() > 0 {
		fmt.Fprintf(os.Stderr, "web/build: unexpected argument %q\n", flag.Arg(0))
		os.Exit(2)
	}
	if err := build(*out); err != nil {
		fmt.Fprintf(os.Stderr, "web/build: %v\n", err)
		os.Exit(1)
	}
}

func build(out string) error {
	list, err := output("go", "list", "-m", "-f", "{{.Dir}}", "github.com/lassode/lassode")
	if err != nil {
		return fmt.Errorf("run this inside the module github.com/lassode/lassode: %w", err)
	}
	web := filepath.Join(list, "web")
	if out == "" {
		out = filepath.Join(web, "dist")
	}
	if out, err = filepath.Abs(out); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(out, "examples"), 0o777); err != nil {
		return err
	}

	module := filepath.Join(out, "lassode.wasm")
	compile := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", module, ".")
	compile.Dir = web
	compile.Env = append(os.Environ(), "GOOS=js", "GOARCH=wasm", "GOFLAGS=")
	compile.Stdout, compile.Stderr = os.Stdout, os.Stderr
	if err := compile.Run(); err != nil {
		return fmt.Errorf("compile: %w", err)
	}
	plain, packed, err := compress(module)
	if err != nil {
		return err
	}
	root, err := output("go", "env", "GOROOT")
	if err != nil {
		return err
	}
	if err := copyFile(filepath.Join(out, "wasm_exec.js"), filepath.Join(root, "lib", "wasm", "wasm_exec.js")); err != nil {
		return err
	}
	for _, name := range pageFiles {
		if err := copyFile(filepath.Join(out, name), filepath.Join(web, name)); err != nil {
			return err
		}
	}
	if err := examples(filepath.Join(out, "examples")); err != nil {
		return err
	}
	fmt.Printf("%s: lassode.wasm has %.1f MB, %.1f MB compressed\n", out, float64(plain)/1e6, float64(packed)/1e6)
	return nil
}

// output runs a command and returns its trimmed output.
func output(name string, args ...string) (string, error) {
	c := exec.Command(name, args...)
	c.Stderr = os.Stderr
	b, err := c.Output()
	return strings.TrimSpace(string(b)), err
}

// compress writes path.gz and returns the sizes of both files.
func compress(path string) (plain, packed int64, err error) {
	in, err := os.Open(path)
	if err != nil {
		return 0, 0, err
	}
	defer in.Close()
	out, err := os.Create(path + ".gz")
	if err != nil {
		return 0, 0, err
	}
	defer out.Close()
	z, err := gzip.NewWriterLevel(out, gzip.BestCompression)
	if err != nil {
		return 0, 0, err
	}
	if plain, err = io.Copy(z, in); err != nil {
		return 0, 0, err
	}
	if err := z.Close(); err != nil {
		return 0, 0, err
	}
	if packed, err = out.Seek(0, io.SeekCurrent); err != nil {
		return 0, 0, err
	}
	return plain, packed, out.Close()
}

func copyFile(to, from string) error {
	b, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, b, 0o666)
}

// examples writes a CSV file for each scene, and a list of them.
func examples(dir string) error {
	type entry struct {
		File  string  `json:"file"`
		Title string  `json:"title"`
		Seen  float64 `json:"seen"`
	}
	var list []entry
	held := ode.HeldOutTrajectories(exampleSeed, 1)
	for _, scene := range scenes {
		k := 0
		for k < len(held) && held[k].Family != scene.family {
			k++
		}
		if k == len(held) {
			return fmt.Errorf("there is no system %q", scene.family)
		}
		whole := held[k].Series
		fc := &lassode.Forecast{}
		for i := 0; i < len(whole.Times); i += scene.step {
			fc.Times = append(fc.Times, whole.Times[i])
			fc.Mean = append(fc.Mean, whole.Values[i])
		}
		names := whole.Names
		if names == nil {
			for c := range whole.Channels() {
				names = append(names, fmt.Sprintf("x%d", c+1))
			}
		}
		name := scene.family + ".csv"
		f, err := os.Create(filepath.Join(dir, name))
		if err != nil {
			return err
		}
		defer f.Close()
		if err := csv.WriteForecast(f, names, csv.Clock{}, fc, nil, false); err != nil {
			return err
		}
		if err := f.Close(); err != nil {
			return err
		}
		list = append(list, entry{"examples/" + name, scene.title, scene.seen})
	}
	b, err := json.MarshalIndent(list, "", "\t")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "list.json"), b, 0o666)
}
