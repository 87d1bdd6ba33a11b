package archtest

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
)

// Package is what the rules need to know of one package.
type Package struct {
	Path    string              // relative to the module's root
	Name    string              // the package clause
	Imports map[string][]string // import path → files that have it; test files are left out
	Clocks  []string            // places that read the clock or wait
	Uses    map[string][]string // exported name of this module ("internal/policy.BuiltIn") → files that use it; test files are left out
	Details map[string][]string // file → places that read a field named Detail
	Lines   map[string]int      // file → length, test files included
	Methods map[string]int      // type → how many methods it declares; test files are left out
	Code    bool                // has a file that is not a test
}

// Load reads every Go file below the root of fsys. Nothing is compiled and no
// tool is called: build tags are ignored, so that an import hidden behind one
// counts too. Folders that Go itself skips (testdata, leading "." or "_") and
// node_modules are skipped.
func Load(fsys fs.FS) (map[string]*Package, error) {
	found := map[string]*Package{}
	err := fs.WalkDir(fsys, ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() {
			if p != "." && (strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_") || name == "testdata" || name == "node_modules") {
				return fs.SkipDir
			}
			return nil
		}
		if path.Ext(name) != ".go" || strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_") {
			return nil
		}
		dir := path.Dir(p)
		pkg := found[dir]
		if pkg == nil {
			pkg = &Package{Path: dir, Imports: map[string][]string{}, Uses: map[string][]string{}, Details: map[string][]string{}, Lines: map[string]int{}, Methods: map[string]int{}}
			found[dir] = pkg
		}
		return pkg.add(fsys, p)
	})
	return found, err
}

func (p *Package) add(fsys fs.FS, file string) error {
	src, err := fs.ReadFile(fsys, file)
	if err != nil {
		return err
	}
	p.Lines[file] = bytes.Count(src, []byte("\n"))
	if strings.HasSuffix(file, "_test.go") {
		return nil
	}
	fset := token.NewFileSet()
	parsed, err := parser.ParseFile(fset, file, src, parser.SkipObjectResolution)
	if err != nil {
		return fmt.Errorf("archtest: %w", err)
	}
	p.Code, p.Name = true, parsed.Name.Name
	for _, spec := range parsed.Imports {
		name, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return fmt.Errorf("archtest: %s: %w", file, err)
		}
		p.Imports[name] = append(p.Imports[name], file)
	}
	p.addUses(file, parsed)
	for _, decl := range parsed.Decls {
		if f, ok := decl.(*ast.FuncDecl); ok && f.Recv != nil {
			p.Methods[receiver(f.Recv.List[0].Type)]++
		}
	}
	ast.Inspect(parsed, func(n ast.Node) bool {
		sel, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		if x, ok := sel.X.(*ast.Ident); sel.Sel.Name == "Detail" && (!ok || x.Name != "audit") {
			p.Details[file] = append(p.Details[file], fmt.Sprint(fset.Position(n.Pos())))
		}
		if x, ok := sel.X.(*ast.Ident); ok && x.Name == "time" && slices.Contains(clocks, sel.Sel.Name) {
			p.Clocks = append(p.Clocks, fmt.Sprintf("%s: time.%s", fset.Position(n.Pos()), sel.Sel.Name))
		}
		return true
	})
	return nil
}

// receiver is the name of the type that a method belongs to.
func receiver(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.StarExpr:
		return receiver(e.X)
	case *ast.ParenExpr:
		return receiver(e.X)
	case *ast.IndexExpr:
		return receiver(e.X)
	case *ast.IndexListExpr:
		return receiver(e.X)
	case *ast.Ident:
		return e.Name
	}
	return ""
}

var clocks = []string{"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTicker", "NewTimer"}

// addUses notes which exported names of this module a file uses: those of other
// packages behind the name that the file imports them by, those of its own, and
// everything of a package that it imports without a name (".").
func (p *Package) addUses(file string, parsed *ast.File) {
	by := map[string]string{}
	note := func(symbol string) {
		if !slices.Contains(p.Uses[symbol], file) {
			p.Uses[symbol] = append(p.Uses[symbol], file)
		}
	}
	for _, spec := range parsed.Imports {
		name, _ := strconv.Unquote(spec.Path.Value) // it was read before
		own, ok := strings.CutPrefix(name, Module+"/")
		if !ok {
			continue
		}
		local := path.Base(own)
		if spec.Name != nil {
			local = spec.Name.Name
		}
		if local == "." {
			note(own + ".*")
		}
		by[local] = own
	}
	named := map[*ast.Ident]bool{} // where it is declared, or belongs to something else
	ast.Inspect(parsed, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			named[n.Name] = true
		case *ast.SelectorExpr:
			named[n.Sel] = true
			if x, ok := n.X.(*ast.Ident); ok && by[x.Name] != "" {
				note(by[x.Name] + "." + n.Sel.Name)
			}
		case *ast.Ident:
			if n.IsExported() && !named[n] {
				note(p.Path + "." + n.Name)
			}
		}
		return true
	})
}
