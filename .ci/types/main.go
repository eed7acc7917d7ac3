// Command types checks the types of a module for platforms, its tests included:
//
//	go run ./.ci/types linux/riscv64 windows/amd64 linux/arm64,noasm
//
// An argument is a platform and build tags. Everything is read from source, the
// standard library too, of which the bodies of functions are left out: some
// seconds, where to compile for one platform takes a minute or more.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// unit is a package as the go command lists it. A package under test is listed a
// second time, with its tests, and tests outside it as a package of their own.
type unit struct {
	ImportPath, Dir string
	GoFiles, SFiles []string
	ImportMap       map[string]string
	Module          *struct {
		Main      bool
		GoVersion string
	}
}

type imports map[string]*types.Package

func (m imports) Import(path string) (*types.Package, error) {
	if p := m[path]; p != nil {
		return p, nil
	}
	return nil, fmt.Errorf("package %s is not known yet", path)
}

// redirect looks up what the imports of one package stand for.
type redirect struct {
	names map[string]string
	known imports
}

func (r redirect) Import(path string) (*types.Package, error) {
	if to, ok := r.names[path]; ok {
		path = to
	}
	return r.known.Import(path)
}

func check(target string) error {
	platform, tags, _ := strings.Cut(target, ",")
	system, arch, ok := strings.Cut(platform, "/")
	sizes := types.SizesFor("gc", arch)
	if !ok || sizes == nil {
		return fmt.Errorf("want a platform such as linux/arm64, got %q", platform)
	}
	cmd := exec.Command("go", "list", "-deps", "-test", "-json=ImportPath,Dir,GoFiles,SFiles,ImportMap,Module", "-tags="+tags, "./...")
	cmd.Env = append(os.Environ(), "GOOS="+system, "GOARCH="+arch, "CGO_ENABLED=0")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("go list: %w", err)
	}
	known := imports{"unsafe": types.Unsafe}
	var problems []error
	ours := 0
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var u unit
		if err := d.Decode(&u); err == io.EOF {
			break
		} else if err != nil {
			return err
		}
		// A program of tests is generated.
		if u.ImportPath == "unsafe" || strings.HasSuffix(u.ImportPath, ".test") {
			continue
		}
		mine := u.Module != nil && u.Module.Main
		config := types.Config{Importer: redirect{u.ImportMap, known}, Sizes: sizes, IgnoreFuncBodies: !mine,
			Error: func(err error) { problems = append(problems, err) }}
		if u.Module != nil && u.Module.GoVersion != "" {
			config.GoVersion = "go" + u.Module.GoVersion
		}
		files := token.NewFileSet()
		var parsed []*ast.File
		for _, name := range u.GoFiles {
			if !filepath.IsAbs(name) {
				name = filepath.Join(u.Dir, name)
			}
			f, err := parser.ParseFile(files, name, nil, parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			parsed = append(parsed, f)
			for _, decl := range f.Decls {
				if d, ok := decl.(*ast.FuncDecl); ok && mine && d.Body == nil && len(u.SFiles) == 0 {
					problems = append(problems, fmt.Errorf("%s: %s has no body, and the package no assembly", files.Position(d.Pos()), d.Name.Name))
				}
			}
		}
		// The name is that of the source; what follows tells the variant.
		path, _, _ := strings.Cut(u.ImportPath, " ")
		known[u.ImportPath], _ = config.Check(path, files, parsed, nil)
		if mine {
			ours++
		}
	}
	if ours == 0 {
		return errors.New("no package of the module")
	}
	return errors.Join(problems...)
}

func main() {
	failed := false
	for _, target := range os.Args[1:] {
		fmt.Println("types", target)
		if err := check(target); err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", target, err)
			failed = true
		}
	}
	if failed {
		os.Exit(1)
	}
}
