package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/lassode/lassode"
	"github.com/lassode/lassode/internal/atomicfile"
)

// maxLine bounds one line of a JSON Lines file, so that one without line ends
// cannot exhaust the memory.
const maxLine = 64 << 20

// input is an opened input file. Reads are decompressed.
type input struct {
	*bufio.Reader
	name    string // for messages
	closers []io.Closer
}

// openInput opens a file, or standard input for "-". Compression is
// recognised by the content, not by the name.
func openInput(env *environment, path string) (*input, error) {
	in := &input{name: path}
	var raw io.Reader
	if path == "-" {
		in.name = "standard input"
		raw = env.stdin
	} else {
		f, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		if info, err := f.Stat(); err == nil && info.IsDir() {
			f.Close()
			return nil, fmt.Errorf("%s is a directory, want a file", path)
		}
		in.closers = append(in.closers, f)
		raw = f
	}
	in.Reader = bufio.NewReaderSize(raw, 1<<16)
	if magic, _ := in.Peek(2); bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		z, err := gzip.NewReader(in.Reader)
		if err != nil {
			in.Close()
			return nil, fmt.Errorf("%s: %w", in.name, err)
		}
		in.closers = append(in.closers, z)
		in.Reader = bufio.NewReaderSize(z, 1<<16)
	}
	return in, nil
}

// Close closes the file.
func (in *input) Close() {
	for i := len(in.closers) - 1; i >= 0; i-- {
		in.closers[i].Close()
	}
}

// format is "csv" or "jsonl".
func (in *input) format() string {
	name := strings.ToLower(strings.TrimSuffix(strings.ToLower(in.name), ".gz"))
	switch filepath.Ext(name) {
	case ".csv":
		return "csv"
	case ".jsonl", ".ndjson", ".json":
		return "jsonl"
	}
	// An unknown name: a task begins with a brace, a CSV header does not.
	head, _ := in.Peek(4096)
	head = bytes.TrimLeft(bytes.TrimPrefix(head, byteOrderMark), " \t\r\n")
	if len(head) > 0 && head[0] == '{' {
		return "jsonl"
	}
	return "csv"
}

// byteOrderMark opens UTF-8 files of some spreadsheet programs.
var byteOrderMark = []byte{0xef, 0xbb, 0xbf}

// output is a file in the making. Nothing appears under its name before
// Commit, so that a failure at any moment leaves an older file as it was.
type output struct {
	*bufio.Writer
	zip     *gzip.Writer
	whole   *atomicfile.File // nil for standard output, and for
	inPlace *os.File         // a device or a pipe
	target  string
	done    bool
}

// sameFile reports whether both names are of one file that exists.
func sameFile(a, b string) bool {
	x, err := os.Stat(a)
	if err != nil {
		return false
	}
	y, err := os.Stat(b)
	return err == nil && x.Mode().IsRegular() && os.SameFile(x, y)
}

// keepInputs refuses to write over a file that the command reads.
func keepInputs(inputs []string, outputs ...string) error {
	for _, name := range inputs {
		for _, target := range outputs {
			if sameFile(name, target) {
				return fmt.Errorf("%s is read, and would be overwritten; want another name for the output", name)
			}
		}
	}
	return nil
}

// dataFiles are the files that -data is read from: the file itself, or those of a folder
// of series or of a collection.
func dataFiles(path string) []string {
	entries, err := os.ReadDir(path)
	if err != nil {
		return []string{path}
	}
	var files []string
	for _, e := range entries {
		shard, _ := filepath.Match("shard-*.safetensors", e.Name())
		if shard || e.Name() == manifestFile || isSeriesFile(e.Name()) {
			files = append(files, filepath.Join(path, e.Name()))
		}
	}
	return files
}

// manifestFile marks a folder as a collection.
const manifestFile = "manifest.json"

// isSeriesFile reports whether a file of a folder of series is one by its name.
func isSeriesFile(name string) bool {
	name = strings.TrimSuffix(strings.ToLower(name), ".gz")
	return slices.Contains([]string{".csv", ".jsonl", ".ndjson"}, filepath.Ext(name))
}

// createOutput starts a file, or standard output for "-". It fails at once
// when the folder cannot be written, before any long work.
func createOutput(env *environment, path string) (*output, error) {
	out := &output{target: path}
	var raw io.Writer
	if path == "-" {
		raw = env.stdout
	} else {
		// The file behind a link is replaced, not the link.
		if real, err := filepath.EvalSymlinks(path); err == nil {
			out.target = real
		}
		info, err := os.Stat(out.target)
		switch {
		case err == nil && info.IsDir():
			return nil, fmt.Errorf("cannot write %s: it is a directory", path)
		case err == nil && !info.Mode().IsRegular():
			// A device or a pipe is written in place; there is no old content.
			file, err := os.OpenFile(out.target, os.O_WRONLY, 0)
			if err != nil {
				return nil, fmt.Errorf("cannot write %s: %w", path, err)
			}
			out.inPlace, raw = file, file
		default:
			out.whole, err = atomicfile.Create(out.target)
			if err != nil {
				return nil, fmt.Errorf("cannot write %s: %w", path, err)
			}
			raw = out.whole
		}
	}
	if strings.HasSuffix(strings.ToLower(path), ".gz") {
		out.zip = gzip.NewWriter(raw)
		raw = out.zip
	}
	out.Writer = bufio.NewWriterSize(raw, 1<<16)
	return out, nil
}

// Commit completes the file and puts it in place.
func (o *output) Commit() error {
	if o.done {
		return nil
	}
	err := o.Flush()
	if o.zip != nil {
		err = errors.Join(err, o.zip.Close())
	}
	o.done = true
	switch {
	case o.inPlace != nil:
		err = errors.Join(err, o.inPlace.Close())
	case o.whole != nil && err != nil:
		o.whole.Abort()
	case o.whole != nil:
		err = o.whole.Commit()
	}
	if err != nil {
		return fmt.Errorf("cannot write %s: %w", o.target, err)
	}
	return nil
}

// Abort drops the file unless it was committed. On standard output what was
// already written stays.
func (o *output) Abort() {
	if o.done {
		return
	}
	o.done = true
	switch {
	case o.inPlace != nil:
		o.inPlace.Close()
	case o.whole != nil:
		o.whole.Abort()
	default:
		o.Flush()
		if o.zip != nil {
			o.zip.Close()
		}
	}
}

// writeFile writes a whole file through createOutput.
func writeFile(env *environment, path string, write func(w io.Writer) error) error {
	out, err := createOutput(env, path)
	if err != nil {
		return err
	}
	defer out.Abort()
	if err := write(out); err != nil {
		return err
	}
	return out.Commit()
}

// channelNames returns the names of a series, or x1, x2, ...
func channelNames(s lassode.Series) []string {
	if s.Names != nil {
		return s.Names
	}
	names := make([]string, s.Channels())
	for i := range names {
		names[i] = fmt.Sprintf("x%d", i+1)
	}
	return names
}

// plural is "1 cell", "2 cells".
func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	if stem, ok := strings.CutSuffix(what, "y"); ok {
		return fmt.Sprintf("%d %sies", n, stem)
	}
	return fmt.Sprintf("%d %ss", n, what)
}
