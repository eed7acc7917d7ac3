package lassode_test

import (
	"bytes"
	"flag"
	"fmt"
	"go/ast"
	"go/doc"
	"go/parser"
	"go/printer"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var updateAPI = flag.Bool("update-api", false, "write docs/api.txt anew")

// apiPackages are those whose exported identifiers are promised to users.
var apiPackages = []string{".", "ode", "pretrained"}

// apiHeader begins docs/api.txt.
const apiHeader = `The exported identifiers of the packages for users, without their comments.
TestAPI compares. After a change that is meant, write this file anew by

    go test -run '^TestAPI$' . -update-api

and look at its difference: a line that is gone or changed breaks programs.
The packages below these (asm, tensor, linode, attn, hub, optim, classical)
may change in any version.
`

// parsePackage parses the files of one folder, without tests, as they are on any
// platform of its assembly.
func parsePackage(t *testing.T, dir string) (*doc.Package, *token.FileSet) {
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	fset := token.NewFileSet()
	var files []*ast.File
	seen := map[string]bool{}
	for _, e := range entries {
		name := e.Name()
		if filepath.Ext(name) != ".go" || strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(fset, filepath.Join(dir, name), nil, parser.ParseComments)
		require.NoError(t, err)
		// A function of several platforms counts once.
		f.Decls = slices.DeleteFunc(f.Decls, func(d ast.Decl) bool {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || fn.Recv != nil {
				return false
			}
			again := seen[fn.Name.Name]
			seen[fn.Name.Name] = true
			return again
		})
		files = append(files, f)
	}
	if len(files) == 0 {
		return nil, nil
	}
	p, err := doc.NewFromFiles(fset, files, module+"/"+dir, doc.Mode(0))
	require.NoError(t, err)
	return p, fset
}

// listing writes the exported declarations of a package, one after the other.
func listing(t *testing.T, dir string) string {
	p, _ := parsePackage(t, dir)
	var b strings.Builder
	if dir == "." {
		dir = ""
	}
	fmt.Fprintf(&b, "\npackage %s // %s\n\n", p.Name, strings.TrimSuffix(module+"/"+dir, "/"))
	config := printer.Config{Mode: printer.UseSpaces | printer.TabIndent, Tabwidth: 8}
	show := func(n ast.Node) {
		var one bytes.Buffer
		require.NoError(t, config.Fprint(&one, token.NewFileSet(), n))
		// Comments inside structs do not belong to the interface.
		for line := range strings.SplitSeq(one.String(), "\n") {
			if line = strings.TrimRight(line, " \t"); line != "" {
				fmt.Fprintln(&b, line)
			}
		}
	}
	strip := func(n ast.Node) {
		ast.Inspect(n, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.Field:
				n.Doc, n.Comment = nil, nil
			case *ast.ValueSpec:
				n.Doc, n.Comment = nil, nil
			case *ast.TypeSpec:
				n.Doc, n.Comment = nil, nil
			case *ast.GenDecl:
				n.Doc = nil
			case *ast.FuncDecl:
				n.Doc, n.Body = nil, nil
			}
			return true
		})
		show(n)
	}
	values := func(list []*doc.Value) {
		for _, v := range list {
			strip(v.Decl)
		}
	}
	funcs := func(list []*doc.Func) {
		for _, f := range list {
			strip(f.Decl)
		}
	}
	values(p.Consts)
	values(p.Vars)
	funcs(p.Funcs)
	for _, typ := range p.Types {
		strip(typ.Decl)
		values(typ.Consts)
		values(typ.Vars)
		funcs(typ.Funcs)
		funcs(typ.Methods)
	}
	return b.String()
}

// TestAPI: the exported identifiers are those of docs/api.txt, so that no
// program breaks by accident.
func TestAPI(t *testing.T) {
	var b strings.Builder
	b.WriteString(apiHeader)
	for _, dir := range apiPackages {
		b.WriteString(listing(t, dir))
	}
	const file = "docs/api.txt"
	if *updateAPI {
		require.NoError(t, os.WriteFile(file, []byte(b.String()), 0o644))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	now := strings.Split(b.String(), "\n")
	then := strings.Split(string(want), "\n")
	for _, line := range then {
		require.Contains(t, now, line, "gone or changed; if that is meant: go test -run '^TestAPI$' . -update-api")
	}
	require.Equal(t, string(want), b.String(), "new; if that is meant: go test -run '^TestAPI$' . -update-api")
}

// TestComments: every exported identifier of every package has a comment, that of
// a function begins with its name, and every package says what it is.
func TestComments(t *testing.T) {
	err := filepath.WalkDir(".", func(dir string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		if base := d.Name(); dir != "." && (base == "bench" || base == "testdata" || strings.HasPrefix(base, ".")) {
			return filepath.SkipDir
		}
		p, fset := parsePackage(t, dir)
		if p == nil {
			return nil
		}
		if p.Doc == "" {
			t.Errorf("%s: package %s has no comment", dir, p.Name)
		}
		need := func(pos token.Pos, comment, name string) {
			if strings.TrimSpace(comment) == "" {
				t.Errorf("%s: %s has no comment", fset.Position(pos), name)
			}
		}
		values := func(list []*doc.Value) {
			for _, v := range list {
				for _, spec := range v.Decl.Specs {
					s := spec.(*ast.ValueSpec)
					if v.Doc == "" && s.Doc == nil && s.Comment == nil {
						need(s.Pos(), "", strings.Join(v.Names, ", "))
					}
				}
			}
		}
		funcs := func(list []*doc.Func) {
			for _, f := range list {
				need(f.Decl.Pos(), f.Doc, f.Name)
				if f.Doc != "" && !strings.HasPrefix(f.Doc, f.Name+" ") && !strings.HasPrefix(f.Doc, f.Name+",") {
					t.Errorf("%s: the comment of %s does not begin with its name", fset.Position(f.Decl.Pos()), f.Name)
				}
			}
		}
		values(p.Consts)
		values(p.Vars)
		funcs(p.Funcs)
		for _, typ := range p.Types {
			need(typ.Decl.Pos(), typ.Doc, typ.Name)
			values(typ.Consts)
			values(typ.Vars)
			funcs(typ.Funcs)
			funcs(typ.Methods)
		}
		return nil
	})
	require.NoError(t, err)
}
