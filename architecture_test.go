package lassode_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// module is the import path of the root package.
const module = "github.com/lassode/lassode"

// imports lists, for each package, the packages of this module that it may
// import. The arrows run downward only; asm lies below everything.
var imports = map[string][]string{
	"asm":        {},
	"tensor":     {"asm"},
	"linode":     {"tensor", "asm"},
	"attn":       {"tensor", "asm"},
	"hub":        {"attn", "tensor", "asm"},
	"optim":      {"tensor", "asm"},
	"classical":  {"asm"},
	".":          {"classical", "hub", "attn", "linode", "optim", "tensor", "asm", "internal/layers", "internal/jsonkeys", "internal/atomicfile"},
	"ode":        {".", "asm", "internal/jsonkeys", "internal/atomicfile"}, // asm for the steps of many systems at once
	"pretrained": {"."},
	// What the evaluation sees of the inside of a model.
	"internal/layers": {},
	// Files that are replaced whole.
	"internal/atomicfile": {},
	// Counting allocations, for tests.
	"internal/allocs": {},
	// What JSON of unknown origin may not hold.
	"internal/jsonkeys": {},
	// Reading and writing CSV files, for the programs.
	"internal/csv": {"."},
	// The command goes through the public API; classical only for the
	// comparisons of eval and demo.
	"cmd/lassode": {".", "ode", "pretrained", "classical", "internal/atomicfile", "internal/csv", "internal/layers"},
	// The measurements of docs/evidence.md.
	"cmd/evidence": {".", "ode", "pretrained", "linode"},
	"examples/*":   {".", "ode", "pretrained"},
	// The page in the browser, and the program that makes it.
	"web":       {".", "pretrained", "internal/csv"},
	"web/build": {".", "ode", "internal/csv"},
}

// engine packages import the standard library and these alone. Programs may
// use more.
var engineImports = []string{"github.com/viterin/vek", "github.com/viterin/vek/vek32", "golang.org/x/sys/cpu"}

// testImports may be used by tests everywhere, beside all packages of the
// module.
var testImports = []string{"github.com/stretchr/testify/require", "github.com/stretchr/testify/assert"}

func TestArchitecture(t *testing.T) {
	seen := map[string]bool{}
	err := filepath.WalkDir(".", func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			// The comparisons with other libraries are a module of their own.
			if base := d.Name(); file != "." && (base == "bench" || base == "testdata" || strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_")) {
				return filepath.SkipDir
			}
			return nil
		}
		if filepath.Ext(file) != ".go" {
			return nil
		}
		file = filepath.ToSlash(file)
		dir := path.Dir(file)
		rule := dir
		if strings.HasPrefix(dir, "examples/") {
			rule = "examples/*"
		}
		allowed, ok := imports[rule]
		require.True(t, ok, "%s: package %s is not in the architecture", file, dir)
		seen[rule] = true
		program := strings.HasPrefix(dir, "cmd/")
		test := strings.HasSuffix(file, "_test.go")

		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		require.NoError(t, err)
		for _, spec := range parsed.Imports {
			name, err := strconv.Unquote(spec.Path.Value)
			require.NoError(t, err)
			if name == module || strings.HasPrefix(name, module+"/") {
				to := "."
				if name != module {
					to = strings.TrimPrefix(name, module+"/")
				}
				require.False(t, strings.HasPrefix(to, "cmd/") || strings.HasPrefix(to, "examples/"), "%s imports the program %s", file, to)
				if !test && to != dir {
					require.Contains(t, allowed, to, "%s: %s may not import %s", file, dir, to)
				}
				continue
			}
			if !strings.Contains(strings.Split(name, "/")[0], ".") {
				continue // standard library
			}
			if program || slices.Contains(engineImports, name) {
				continue
			}
			require.True(t, test && slices.Contains(testImports, name), "%s may not import %s: the engine keeps to the standard library, vek and x/sys/cpu", file, name)
		}
		return nil
	})
	require.NoError(t, err)
	for rule := range imports {
		require.True(t, seen[rule], "package %s is in the architecture and not in the tree", rule)
	}
}

// TestReadme: the program in the README is one that compiles.
func TestReadme(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	_, rest, ok := strings.Cut(string(readme), "```go\n")
	require.True(t, ok)
	program, _, ok := strings.Cut(rest, "```")
	require.True(t, ok)
	file, err := os.ReadFile("examples/quickstart/main.go")
	require.NoError(t, err)
	_, code, ok := strings.Cut(string(file), "\npackage main\n")
	require.True(t, ok)
	require.Equal(t, "package main\n"+code, program)
}
